"""What is known about the patients of a test, and how the page says it."""

from typing import Any

import pytest

from ecg_lightning.report.page import render_page
from ecg_lightning.report.verdict import HEADS, independence
from tests.helpers.evaluations import SETTINGS, content_of
from tests.helpers.html_reader import Reader


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({}, "apart", "The split is patients."),
        ({"trained": SETTINGS}, "apart", "The split is patients."),
        (
            {"trained": {"data": {**SETTINGS["data"], "split": "dechazal"}}},  # its later name
            "apart",
            "The split is patients.",
        ),
        ({"split": "dechazal"}, "apart", "The split is dechazal."),
        ({"shared_patients": ("201",)}, "mixed", "1 patient is on both sides: 201."),
        (
            {"shared_patients": tuple("abcdefghij")},
            "mixed",
            "10 patients are on both sides: a, b, c, d, e, f, g, h and 2 more.",
        ),
        (
            {"split": "original"},
            "mixed",
            "The split original assigns beats without regard to patients.",
        ),
        ({"split": "mixed"}, "mixed", "The split mixed assigns beats without regard to patients."),
        (
            {"split": "all"},
            "unknown",
            "The split all tests on every record. The weights come from another training.",
        ),
        (
            {"trained": {"imported": {}}},
            "unknown",
            "These settings differ or are unknown: source, split, split_seed.",
        ),
        (
            {"trained": {"data": {**SETTINGS["data"], "split": "original"}}},
            "unknown",
            "These settings differ or are unknown: split.",
        ),
    ],
)
def test_what_is_known_about_the_patients(
    changes: dict[str, Any], status: str, reason: str
) -> None:
    content = content_of(**changes)
    verdict = independence(content)
    assert verdict.status == status
    assert reason in verdict.reason
    text = Reader(render_page([content])).text
    assert [name for name, head in HEADS.items() if head in text] == [status]
    assert reason in text


@pytest.mark.parametrize(
    ("records", "split", "status"),
    [
        (10, "patients", "nearly"),
        (9, "patients", "mixed"),
        (10, "original", "mixed"),
        (10, "mixed", "mixed"),
    ],
)
def test_one_patient_of_many_on_both_sides(records: int, split: str, status: str) -> None:
    """As patient 201: record 201 is in DS1, record 202 in DS2."""
    content = content_of(shared_patients=("201",), split=split)
    content["per_record"] = content["per_record"][:1] * records
    verdict = independence(content)
    assert verdict.status == status
    assert "201" in verdict.reason
    text = Reader(render_page([content])).text
    assert (HEADS["nearly"] in text) == (status == "nearly")
    assert verdict.reason in text


@pytest.mark.parametrize(
    ("source", "tested", "where"),
    [
        (
            "mitdb",
            "202",
            "Patient 201 is on both sides: "
            "record 201 is in training or validation, record 202 in test.",
        ),
        (
            "mitdb",
            "201",
            "Patient 201 is on both sides: "
            "record 202 is in training or validation, record 201 in test.",
        ),
        ("mitdb", "100", "Patient 201 is on both sides."),
        ("wfdb", "202", "Patient 201 is on both sides."),
    ],
)
def test_the_records_of_a_patient_on_both_sides(source: str, tested: str, where: str) -> None:
    settings = {**SETTINGS, "data": {**SETTINGS["data"], "source": source}}
    content = content_of(shared_patients=("201",), settings=settings)
    content["per_record"] = [{**content["per_record"][0], "record": tested}] * 10
    hint = "To test on new patients only, exclude the records of one side (data.without)."
    assert independence(content) == ("nearly", f"{where} {hint}")
