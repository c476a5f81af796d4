"""Charts: values outside [0, 1] stay on the line, and letters do not overlap."""

import re
from itertools import pairwise

from ecg_lightning.report.charts import HIGH, TOP, pr_chart, whisker
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
