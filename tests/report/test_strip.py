"""The strip of ECG paper: its boxes, its trace and its edges."""

import re

import pytest

from ecg_lightning.report.strip import draw_strip, paper_range_mv, trace_path
from tests.helpers.html_reader import Reader, rendered


def test_the_paper_has_lines_at_both_steps_and_square_boxes() -> None:
    strip = {
        "lead": "II",
        "fs_hz": 100.0,
        "start_s": 9.0,
        "time_s": 10.0,
        "signal": [0.0] * 200,
        "beats": [[10.0, "V"], [10.5, "N"]],
    }
    reader = Reader(rendered("strip.j2", "strip", draw_strip(strip, "V", "V", "label")))
    assert reader.wrong == []
    paths = {
        attributes["class"]: str(attributes["d"])
        for tag, attributes in reader.tags
        if tag == "path"
    }
    x = [int(number) for number in re.findall(r"M(\d+) 0v", paths["small"])]
    y = [int(number) for number in re.findall(r"M0 (\d+)h", paths["small"])]
    assert x == list(range(0, 1001, 20))  # 2 s of 500 units, 0.04 s each
    assert y == list(range(0, 601, 20))  # 3 mV of 200 units, 0.1 mV each
    assert [int(number) for number in re.findall(r"M(\d+) 0v", paths["large"])] == list(
        range(0, 1001, 100)
    )
    assert paths["mark V"] == "M500 0V600"
    assert reader.text == "N V −1 s 0 +1 s −1 0 1 mV"


def test_annotations_at_the_edges_stay_on_the_paper() -> None:
    beats = [[9.0, "N"], [9.5, "S"], [10.0, "V"], [11.0, "F"]]
    strip = {"fs_hz": 100.0, "start_s": 9.0, "time_s": 10.0, "signal": [0.0] * 200, "beats": beats}
    above = draw_strip(strip, "V", "V", "label").above
    assert [(text.text, text.x, text.anchor) for text in above] == [
        ("N", 0, "start"),
        ("S", 250, "middle"),
        ("F", 1000, "end"),
    ]


def test_a_trace_is_exact_and_interrupted_where_samples_are_invalid() -> None:
    assert (
        trace_path([0.0, 0.005, -0.01, None, None, 1.0, 1.0, None, 0.5], 500.0, 300)
        == "M0 300l1 -1 1 3M5 100l1 0M8 200h1"
    )
    assert trace_path([None], 500.0, 0) == ""


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([], (-1.5, 1.5)),
        ([0.0], (-1.5, 1.5)),
        ([-0.2, 2.1], (-1.0, 2.5)),
        ([-1.0, 0.0, 3.0], (-1.5, 3.5)),
        ([0.0, 0.0, 50.0], (-0.5, 3.5)),
    ],
)
def test_the_edges_of_the_paper_are_lines_of_large_boxes_around_the_signal(
    values: list[float], edges: tuple[float, float]
) -> None:
    assert paper_range_mv(values) == edges
