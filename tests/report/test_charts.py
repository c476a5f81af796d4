"""Charts: values outside [0, 1] stay on the line, and letters do not overlap."""

import re
from itertools import pairwise

from ecg_lightning.report.charts import HIGH, TOP, pr_chart, reliability_chart, whisker
from tests.helpers.html_reader import rendered


def test_a_whisker_stays_on_its_line() -> None:
    svg = rendered("charts.j2", "whisker", whisker(-0.2, {"low": -0.4, "high": 1.0}))
    assert 'x1="0.00%" x2="100.00%"' in svg
    assert 'cx="0.00%"' in svg
    assert "circle" not in rendered("charts.j2", "whisker", whisker(None, None))


def test_letters_of_equal_points_do_not_overlap() -> None:
    curve = {"recall": [0.0, 1.0], "precision": [1.0, 0.9]}
    names = "NSVFQ"
    for sensitivity, precision in ((0.98, 1.0), (0.5, 0.0)):
        points = dict.fromkeys(names, (sensitivity, precision))
        chart = rendered("charts.j2", "chart", pr_chart(dict.fromkeys(names, curve), points))
        letters = [
            (float(x), float(y))
            for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="9.0"', chart)
        ]
        assert len(letters) == len(names)
        heights = sorted(y for _, y in letters)
        assert all(below - above >= 18 for above, below in pairwise(heights))
        assert heights[0] >= TOP
        assert heights[-1] <= TOP + HIGH


def test_a_point_of_the_reliability_curve_worked_by_hand() -> None:
    one = {"lower": 0.6, "upper": 0.8, "mean_probability": 0.75, "observed": 1.0, "beats": 1}
    four = {"lower": 0.8, "upper": 1.0, "mean_probability": 0.9, "observed": 0.5, "beats": 4}
    dots = reliability_chart([one, four]).dots
    assert dots[0] == ("1 beat at 60.0 to 80.0 %: mean 75.0 %, correct 100.0 %", 271.0, 14.0, 6.5)
    assert dots[1] == (
        "4 beats at 80.0 to 100.0 %: mean 90.0 %, correct 50.0 %",
        316.0,
        144.0,
        10.5,
    )
