"""What is known about the patients of a test, and how the page says it."""

from typing import Any

import pytest

from ecg_lightning.report.markdown import markdown_table
from ecg_lightning.report.page import render_page
from ecg_lightning.report.verdict import HEADS, independence, patients_text
from tests.helpers.evaluations import SETTINGS, content_of
from tests.helpers.html_reader import Reader


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({}, "apart", "The split patients draws whole patients."),
        ({"trained": SETTINGS}, "apart", "The split patients draws whole patients."),
        (
            {"trained": {"data": {**SETTINGS["data"], "split": "dechazal"}}},  # its later name
            "apart",
            "The split patients draws whole patients.",
        ),
        ({"split": "dechazal"}, "apart", "The split dechazal uses two published sets."),
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
        *(
            (
                {"split": split, "patients": {"records": 12, "unknown": unknown}},
                "records",
                f"The split {split} draws whole {drawn}. The patients of {who} are unknown.",
            )
            for split, drawn in (("records", "records"), ("folds", "patients"))
            for unknown, who in ((12, "the records"), (3, "3 of 12 records"))
        ),
        (
            {"split": "folds", "patients": {"records": 12, "unknown": 0}},
            "apart",
            "The split folds draws whole patients.",
        ),
        (
            {"split": "all", "patients": {"records": 12, "unknown": 12}},
            "unknown",
            "The split all tests on every record. The weights come from another training.",
        ),
        ({"split": "of tomorrow"}, "unknown", "This version knows no split of tomorrow."),
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
    ("source", "tested", "where", "step"),
    [
        (
            "mitdb",
            "202",
            "Patient 201 is on both sides: "
            "record 201 is in training or validation, record 202 in test.",
            "exclude the records of one side (data.without).",
        ),
        (
            "mitdb",
            "201",
            "Patient 201 is on both sides: "
            "record 202 is in training or validation, record 201 in test.",
            "exclude the records of one side (data.without).",
        ),
        (
            "mitdb",
            "100",
            "Patient 201 is on both sides.",
            "exclude the records of one side (data.without).",
        ),
        ("wfdb", "202", "Patient 201 is on both sides.", "use the split patients."),
    ],
)
def test_the_records_of_a_patient_on_both_sides(
    source: str, tested: str, where: str, step: str
) -> None:
    settings = {**SETTINGS, "data": {**SETTINGS["data"], "source": source}}
    known = {"records": 48, "unknown": 0}
    content = content_of(shared_patients=("201",), settings=settings, patients=known)
    content["per_record"] = [{**content["per_record"][0], "record": tested}] * 10
    hint = f"To test on new patients only, {step}"
    assert independence(content) == ("nearly", f"{where} {hint}")
    content["patients"]["unknown"] = 1  # then one more patient may be on both sides
    unknown = "The patients of 1 of 48 records are unknown."
    reason = f"The split patients draws whole patients. {unknown} {where}"
    assert independence(content) == ("records", reason)


@pytest.mark.parametrize(
    ("source", "split", "shared", "status"),
    [
        ("mitdb", "folds", [], "apart"),
        ("synthetic", "records", [], "apart"),
        ("wfdb", "patients", [], "records"),  # each record was called a patient
        ("wfdb", "folds", [], "records"),
        ("wfdb", "original", [], "mixed"),
        ("kaggle", "original", ["unknown"], "mixed"),  # all unknown patients were called one
        (None, "folds", [], "records"),
    ],
)
def test_an_evaluation_of_version_0_1_0_claims_no_more_than_it_can(
    source: str | None, split: str, shared: list[str], status: str
) -> None:
    settings = {**SETTINGS, "data": {"source": source}}
    content = content_of(split=split, settings=settings, shared_patients=tuple(shared))
    del content["patients"]
    verdict = independence(content)
    assert verdict.status == status
    assert "unknown." not in verdict.reason or status == "records"
    assert HEADS[status] in Reader(render_page([content])).text


def test_tables_say_that_patients_are_unknown() -> None:
    words = "patients unknown: whole records are apart"
    contents = [
        content_of(name, split="folds", patients={"records": 3, "unknown": 3}) for name in "ab"
    ]
    assert f"| folds | {words} | 9 |" in markdown_table(contents)
    text = Reader(render_page(contents)).text
    assert f"patients {words} {words} split folds folds" in text
    assert "inter-patient" not in text.lower()


def test_another_file_of_patients_is_another_split() -> None:
    trained = {"data": {**SETTINGS["data"], "patients": "a.csv"}}
    verdict = independence(content_of(trained=trained))
    assert verdict.status == "unknown"
    assert "These settings differ or are unknown: patients." in verdict.reason


ASSUMPTION = "svdb: one record taken for one patient; the database does not say"
PARTS = {"source": "mitdb,svdb", "split": "original", "train": "ds1,svdb", "test": ["ds2"]}


def of_parts(**changes: Any) -> dict[str, Any]:
    """The evaluation of a run with both parts by name, on ten records of MIT-BIH."""
    counts = {"records": 122, "unknown": 0, "patients": 121, "tested": 22}
    settings = {**SETTINGS, "data": {**PARTS, **changes.pop("data", {})}}
    content = content_of(
        split="parts", settings=settings, **{"patients": counts, "assumption": ASSUMPTION} | changes
    )
    content["per_record"] = [{**content["per_record"][0], "record": "mitdb/202"}] * 10
    return content


def test_named_parts_are_apart_by_an_assumption_that_every_text_says() -> None:
    content = of_parts()
    verdict = independence(content)
    assert verdict == ("apart", f"Both parts are named. {ASSUMPTION}.")
    assert patients_text(content) == f"inter-patient ({ASSUMPTION})"
    text = Reader(render_page([content])).text
    assert verdict.reason in text
    for fact in ("source mitdb, svdb", "parts training ds1, svdb; test ds2", "patients 22 "):
        assert fact in text
    assert "DeepConv1d on mitdb, svdb, test part" in text
    assert Reader(render_page([content] * 2)).text.count(f"inter-patient ({ASSUMPTION})") == 2
    table = markdown_table([content])
    assert f"| parts: training ds1, svdb; test ds2 | inter-patient ({ASSUMPTION}) |" in table
    assert "parts: training ds1, svdb; test ds2" in Reader(render_page([content] * 2)).text


def test_the_patient_of_201_and_202_is_named_where_there_are_several_sources() -> None:
    where = (
        "Patient mitdb/201 is on both sides: record mitdb/201 is in training or validation, "
        "record mitdb/202 in test."
    )
    step = "To test on new patients only, exclude the records of one side (data.without)."
    content = of_parts(shared_patients=("mitdb/201",))
    assert independence(content) == ("nearly", f"{where} {step} {ASSUMPTION}.")
    assert patients_text(content) == f"1 on both sides ({ASSUMPTION})"
    # Tested alone, the weights come from another training, which had the patient.
    alone = of_parts(shared_patients=("mitdb/201",), data={"train": ""}, assumption="")
    reason = "The tested records are named. The weights come from another training."
    assert independence(alone) == ("mixed", f"{reason} {where}")
    assert "parts test ds2" in Reader(render_page([alone])).text


def test_a_patient_of_another_training_is_named() -> None:
    """The weights were trained on ds1 and svdb, and are tested by de Chazal's split of mitdb."""
    data = {"source": "mitdb", "train": None, "test": None, "split": "dechazal"}
    content = of_parts(shared_patients=("201",), data=data, assumption="")
    verdict = independence({**content, "split": "dechazal", "trained": {"data": PARTS}})
    assert verdict.status == "mixed"
    assert "another split" in verdict.reason
    assert "Patient 201 is on both sides" in verdict.reason


def test_a_part_that_was_trained_on_is_not_called_new() -> None:
    shared = tuple(f"svdb/{number}" for number in range(800, 810))
    for data in ({"train": ""}, {}):
        verdict = independence(of_parts(shared_patients=shared, data=data, assumption=""))
        assert verdict.status == "mixed"
        assert "10 patients are on both sides: svdb/800, svdb/801" in verdict.reason


@pytest.mark.parametrize(
    ("trained", "status"),
    [
        (PARTS, "apart"),
        ({**PARTS, "source": ["mitdb", "svdb"], "train": ["ds1", "svdb"]}, "apart"),
        ({**PARTS, "test": "mitdb/100"}, "apart"),  # the training side is the same
        ({**PARTS, "train": "ds1"}, "unknown"),
        ({**PARTS, "split_seed": 1}, "unknown"),
        ({**PARTS, "source": "mitdb"}, "unknown"),
        ({"source": "mitdb,svdb", "split": "original"}, "unknown"),
    ],
)
def test_another_training_side_is_another_split(trained: Any, status: str) -> None:
    assert independence(of_parts(trained={"data": trained})).status == status


def test_unknown_patients_of_named_records() -> None:
    counts = {"records": 12, "unknown": 12, "patients": 0, "tested": 0}
    content = of_parts(patients=counts, assumption="")
    reason = "Both parts are named. The patients of the records are unknown."
    assert independence(content) == ("records", reason)
    assert "patients 0" not in Reader(render_page([content])).text
