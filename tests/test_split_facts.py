"""The registry of splits: every name has a rule and facts, and the facts are true of the rule."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from ecg_lightning.data.beats import Beats
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.data.parts import Parts
from ecg_lightning.data.split_rules import shared_patients
from ecg_lightning.data.splits import SplitChoice
from ecg_lightning.records.databases import Database
from ecg_lightning.records.mitdb import MITDB_PATIENTS, MITDB_RECORDS
from ecg_lightning.split_facts import (
    SPLITS,
    TESTED_PARTS,
    SplitName,
    facts_of,
    rule_name,
    status_of,
)

PER_RECORD = 60


@pytest.fixture(scope="module")
def beats() -> Beats:
    """Beats of all classes from each record of MIT-BIH."""
    record_ids = np.array(MITDB_RECORDS).repeat(PER_RECORD)
    unknown = np.full(len(record_ids), np.nan, np.float32)
    return Beats(
        signals=np.zeros((len(record_ids), 1, 2), np.float32),
        labels=np.arange(len(record_ids)) % 5,
        record_ids=record_ids,
        patient_ids=np.array([MITDB_PATIENTS[str(name)] for name in record_ids]),
        samples=np.arange(len(record_ids)),
        symbols=np.full(len(record_ids), "N"),
        rr_before_s=unknown,
        rr_after_s=unknown,
        quality=np.ones(len(record_ids), np.float32),
        fs_hz=360.0,
    )


def test_every_name_has_facts() -> None:
    assert set(SPLITS) == set(get_args(SplitName))


def choice_of(name: SplitName, source: str, **options: Any) -> SplitChoice:
    """A split of MIT-BIH's records; the names of parts belong to the source mitdb."""
    sides = Parts(("ds1",), ("ds2",)) if source == "mitdb" else Parts(DS1, DS2[:8])
    parts = sides if name == "parts" else Parts()
    database = Database(source, Path(), MITDB_RECORDS, MITDB_PATIENTS)
    return SplitChoice(name, source, parts=parts, **options).in_database(database)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *((name, "mitdb") for name in get_args(SplitName)),
        *((name, "wfdb") for name in get_args(SplitName) if name != "dechazal"),
    ],
)
def test_the_facts_are_true_of_the_rule(beats: Beats, name: SplitName, source: str) -> None:
    choice = choice_of(name, source)
    split = choice.split(beats, np.random.RandomState(0))
    shared = shared_patients(beats.patient_ids, split, "test")
    assert bool(len(split.train)) == bool(len(split.validation)) == choice.facts.trains
    if choice.facts.patients == "mixed":
        assert len(shared) > 40
    else:
        assert set(shared) <= {"201"}  # the patient with two records
    if choice.facts.folds:
        other = choice_of(name, source, fold=1).split(beats, np.random.RandomState(0))
        assert not set(split.test.tolist()) & set(other.test.tolist())
    if choice.facts.fixed_records:
        fewer = choice_of(name, source, without=("202",))
        rows = np.concatenate([*vars(fewer.split(beats, np.random.RandomState(0))).values()])
        assert not np.isin(beats.record_ids[rows], "202").any()


@pytest.mark.parametrize(
    ("split", "source", "rule"),
    [
        ("patients", "mitdb", "dechazal"),
        ("patients", "wfdb", "patients"),
        ("dechazal", "mitdb", "dechazal"),
        ("records", "mitdb", "records"),
        (None, None, None),
    ],
)
def test_the_earlier_name_of_de_chazals_split(split: object, source: object, rule: object) -> None:
    assert rule_name(split, source) == rule


def test_a_name_that_nobody_knows_is_no_reason_to_fail_and_promises_nothing() -> None:
    """An evaluation of a later version may have it."""
    assert facts_of("<b>").patients == "unknown"
    assert facts_of("<b>").reason == "This version knows no split <b>."


@pytest.mark.parametrize("name", get_args(SplitName))
@pytest.mark.parametrize("unknown", [None, 0, 3, 12])
def test_no_split_is_called_apart_where_a_patient_is_unknown(
    name: SplitName, unknown: int | None
) -> None:
    counts = None if unknown is None else {"records": 12, "unknown": unknown}
    status, reason = status_of(facts_of(name), counts)
    if facts_of(name).patients != "apart" or unknown == 0:
        assert (status, reason) == (facts_of(name).patients, facts_of(name).reason)
        return
    who = "3 of 12 records" if unknown == 3 else "the records"
    assert status == "records"
    assert reason == f"{facts_of(name).reason} The patients of {who} are unknown."


def test_parts_without_a_training_side_promise_nothing() -> None:
    choice = SplitChoice("parts", "mitdb", parts=Parts((), ("ds2",)))
    assert choice.facts == TESTED_PARTS == facts_of("parts", train=())
    assert not choice.facts.trains
    assert status_of(choice.facts, {"records": 22, "unknown": 0})[0] == "unknown"
    assert facts_of("parts", train=("ds1",)) == facts_of("parts") != TESTED_PARTS
