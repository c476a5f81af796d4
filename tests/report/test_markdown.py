"""Tested runs as a Markdown table, worked by hand."""

from typing import Any

import pytest

from ecg_lightning.report.markdown import markdown_table
from tests.helpers.evaluations import content_of


def test_a_row_worked_by_hand() -> None:
    content = content_of("a|b")
    content["measures"]["intervals"] = {"accuracy": {"low": 0.5, "high": 0.75}}
    content["measures"]["by_class"]["V"]["f1"] = None
    heads, rule, row = markdown_table([content]).splitlines()
    assert heads == (
        "| network | split | patients | beats | accuracy | balanced accuracy | macro-F1 N S V "
        "| macro-F1 N S V F | F1 S | F1 V | run |"
    )
    assert rule == f"|{' --- |' * 11}"
    # Balanced accuracy: (1 + 1/3 + 1 + 0) / 4. F1: N 6/7, S 1/2, V 2/3, F 0.
    assert row == (
        "| DeepConv1d | patients | inter-patient | 9 | 66.7 (50.0–75.0) | 58.3 | 67.5 | 50.6 "
        "| 50.0 | — | a\\|b |"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shared_patients": ("201", "203")}, "2 on both sides"),
        ({"split": "mixed"}, "mixed"),
        ({"split": "all"}, "not known"),
    ],
)
def test_what_is_known_about_the_patients(changes: dict[str, Any], words: str) -> None:
    row = markdown_table([content_of(**changes)]).splitlines()[-1]
    assert row.split(" | ")[2] == words
