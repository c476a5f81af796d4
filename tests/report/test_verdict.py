"""What is known about the patients, and how the page says it."""

from typing import Any

import pytest

from ecg_lightning.report.page import render_page
from ecg_lightning.report.verdict import HEADS, independence
from tests.helpers.evaluations import SETTINGS, content_of
from tests.helpers.html_reader import Reader


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({}, "apart", "Split patients."),
        ({"trained": SETTINGS}, "apart", "Split patients."),
        ({"shared_patients": ("201",)}, "mixed", "1 patient in both: 201."),
        (
            {"shared_patients": tuple("abcdefghij")},
            "mixed",
            "10 patients in both: a, b, c, d, e, f, g, h and others.",
        ),
        (
            {"split": "original"},
            "mixed",
            "The split original draws beats without regard to patients.",
        ),
        ({"split": "mixed"}, "mixed", "The split mixed draws beats without regard to patients."),
        (
            {"split": "all"},
            "unknown",
            "The split all tests on every record; the weights were trained elsewhere.",
        ),
        (
            {"trained": {"imported": {}}},
            "unknown",
            "not trained with this split: source, split, split_seed differ or are not known.",
        ),
        (
            {"trained": {"data": {**SETTINGS["data"], "split": "original"}}},
            "unknown",
            "not trained with this split: split differ",
        ),
    ],
)
def test_what_is_known_about_the_patients(changes: dict[str, Any], kind: str, reason: str) -> None:
    content = content_of(**changes)
    verdict = independence(content)
    assert verdict.status == kind
    assert reason in verdict.reason
    text = Reader(render_page([content])).text
    assert [status for status, head in HEADS.items() if head in text] == [kind]
    assert reason in text


@pytest.mark.parametrize(
    ("records", "split", "kind"),
    [
        (10, "patients", "nearly"),
        (9, "patients", "mixed"),
        (10, "original", "mixed"),
        (10, "mixed", "mixed"),
    ],
)
def test_one_patient_of_many_on_both_sides(records: int, split: str, kind: str) -> None:
    """As 201 of DS1 is 202 of DS2."""
    content = content_of(shared_patients=("201",), split=split)
    content["per_record"] = content["per_record"][:1] * records
    verdict = independence(content)
    assert verdict.status == kind
    assert "201" in verdict.reason
    assert ("Patients apart but for those named here." in Reader(render_page([content])).text) == (
        kind == "nearly"
    )
