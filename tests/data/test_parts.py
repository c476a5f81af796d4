"""The split `parts`: what its names stand for, what is refused, and how validation is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.data.dechazal import DS1, DS2, PACED
from ecg_lightning.data.parts import Parts, records_of_parts, trained_of, trained_records
from ecg_lightning.data.split_rules import named_split
from ecg_lightning.data.splits import SplitChoice
from ecg_lightning.errors import InputError
from ecg_lightning.models.pretrained import shipped_weights
from ecg_lightning.records.databases import Database
from ecg_lightning.records.mitdb import MITDB_PATIENTS, MITDB_RECORDS
from ecg_lightning.records.svdb import SVDB_RECORDS
from ecg_lightning.text import names_in
from tests.helpers.records import beats_of

MITDB = Database("mitdb", Path("mitdb"), MITDB_RECORDS, MITDB_PATIENTS)
SVDB = Database("svdb", Path("svdb"), SVDB_RECORDS, {name: name for name in SVDB_RECORDS})
FOLDER = Database(
    "wfdb",
    Path("own"),
    ("a", "b", "c,d", "svdb"),
    dict.fromkeys("ab", "") | {"c,d": "p", "svdb": "p"},
)


def joined(members: Mapping[str, Database]) -> Database:
    """What `open_databases` makes of several, without their files."""
    pairs = [
        (f"{name}/{record}", patient and f"{name}/{patient}")
        for name, member in members.items()
        for record, patient in ((record, member.patients[record]) for record in member.records)
    ]
    sources = ",".join(member.source for member in members.values())
    patients = dict(pairs)
    return Database(sources, Path(), tuple(patients), patients, members=members)


BOTH = joined({"mitdb": MITDB, "svdb": SVDB})
THREE = joined({"mitdb": MITDB, "svdb": SVDB, "own": FOLDER})


def with_prefix(prefix: str, names: Sequence[str]) -> set[str]:
    return {f"{prefix}{name}" for name in names}


def parts_of(database: Database, train: Any, test: Any, without: str = "") -> Parts:
    parts = Parts(names_in(train), names_in(test))
    return records_of_parts(parts, database, names_in(without))


@pytest.mark.parametrize(
    ("database", "train", "test", "expected"),
    [
        (MITDB, "ds1", "ds2", (DS1, DS2)),
        (MITDB, "ds2", "ds1", (DS2, DS1)),
        (MITDB, "", "mitdb44", ((), (*DS1, *DS2))),
        (MITDB, "", "mitdb", ((), MITDB_RECORDS)),
        (MITDB, "100, 101,ds1", "103", (("100", *DS1), ("103",))),
        (MITDB, ["ds1", 100], "", (("100", *DS1), ())),
        (MITDB, "mitdb44", "102,104,107,217", ((*DS1, *DS2), PACED)),
        (SVDB, "800,801", "894", (("800", "801"), ("894",))),
        (FOLDER, ["a", "c,d", "svdb"], ["b"], (("a", "c,d", "svdb"), ("b",))),
        (FOLDER, "a", "wfdb", None),
        (BOTH, "svdb", "mitdb/100", (with_prefix("svdb/", SVDB_RECORDS), {"mitdb/100"})),
        (
            BOTH,
            "ds1,svdb",
            "ds2",
            (
                with_prefix("mitdb/", DS1) | with_prefix("svdb/", SVDB_RECORDS),
                with_prefix("mitdb/", DS2),
            ),
        ),
        (THREE, "own", "svdb", ({"own/a", "own/b", "own/c,d", "own/svdb"}, None)),
        (THREE, "wfdb", "mitdb/100", ({"own/a", "own/b", "own/c,d", "own/svdb"}, {"mitdb/100"})),
    ],
)
def test_a_name_stands_for_records(
    database: Database, train: Any, test: Any, expected: Any
) -> None:
    if expected is None:  # the source of the single folder holds a
        with pytest.raises(InputError, match="found a on both; remove this record"):
            parts_of(database, train, test)
        return
    sides = parts_of(database, train, test)
    for side, names in zip(sides, expected, strict=True):
        if names is not None:
            assert set(side) == set(names)
        assert list(side) == [name for name in database.records if name in side]


OTHER = (
    "add this source; or split other records: set train, test and val_share to null, and split to "
    "patients"
)


@pytest.mark.parametrize(
    ("database", "train", "test", "without", "line"),
    [
        (
            BOTH,
            "ds1,nobody,100",
            "ds2",
            "",
            "train: expected records such as mitdb/100, sources or the parts ds1, ds2, mitdb44, "
            "found nobody, 100; correct the names",
        ),
        (
            MITDB,
            "ds1",
            "svdb/800",
            "",
            "test: expected records such as 100, sources or the parts ds1, ds2, mitdb44, "
            "found svdb/800; correct the names",
        ),
        (
            SVDB,
            "ds1",
            "800",
            "",
            "train: expected the source mitdb for the part ds1, found svdb; " + OTHER,
        ),
        (
            FOLDER,
            "a",
            "ds2",
            "",
            "test: expected the source mitdb for the part ds2, found wfdb; " + OTHER,
        ),
        (
            MITDB,
            "ds1",
            "101,103",
            "",
            "train and test: expected each record on one side, found 101 on both; "
            "remove this record from one side",
        ),
        (
            MITDB,
            "ds1",
            "mitdb44",
            "",
            "train and test: expected each record on one side, found 101, 106, 108, 109, 112, 114, "
            "115, 116 and 14 more on both; remove these records from one side",
        ),
        (
            BOTH,
            "ds1",
            "mitdb/202",
            "",
            "train and test: expected each patient on one side, found patient mitdb/201 on both "
            "(records mitdb/201, mitdb/202); name these records on one side",
        ),
        (
            FOLDER,
            ["c,d"],
            ["svdb"],
            "",
            "train and test: expected each patient on one side, found patient p on both "
            "(records c,d, svdb); name these records on one side",
        ),
        (
            MITDB,
            "ds1",
            "202",
            "202,103",
            "test: expected a record, found none without the excluded ones; name more records",
        ),
        (
            MITDB,
            "ds1",
            "ds2",
            "mitdb/202",
            "without: expected records such as 100, found mitdb/202; correct the names",
        ),
    ],
)
def test_refused_in_one_line(
    database: Database, train: Any, test: Any, without: str, line: str
) -> None:
    with pytest.raises(InputError) as caught:
        parts_of(database, train, test, without)
    assert str(caught.value) == line


@pytest.mark.parametrize(("train", "test"), [("ds1", "ds2"), ("ds2", "ds1"), ("ds1,102", "ds2")])
def test_the_published_sets_may_share_their_patient(train: str, test: str) -> None:
    sides = parts_of(MITDB, train, test)
    owners = [{MITDB_PATIENTS[name] for name in side} for side in sides]
    assert owners[0] & owners[1] == {"201"}
    strict = parts_of(MITDB, train, test, "202")
    owners = [{MITDB_PATIENTS[name] for name in side} for side in strict]
    assert not owners[0] & owners[1]
    with pytest.raises(InputError, match="found patient 201 on both"):  # named by its own name too
        parts_of(MITDB, f"{train},{'201' if '1' in train[:3] else '202'}", test)


def test_records_with_the_names_of_the_published_sets_share_no_patient() -> None:
    database = Database("wfdb", Path(), ("ds1", "ds2"), {"ds1": "p", "ds2": "p"})
    with pytest.raises(InputError, match="found patient p on both"):
        parts_of(database, "ds1", "ds2")


def test_a_copy_is_the_record_that_it_copies() -> None:
    database = replace(FOLDER, copies={"b": "a"})
    with pytest.raises(InputError) as caught:
        parts_of(database, "a", "b")
    assert str(caught.value) == (
        "train and test: expected each record on one side, found b (a copy of a) on both; "
        "remove this record from one side"
    )
    database = replace(FOLDER, copies={"b": "a", "c,d": "a"})
    with pytest.raises(InputError, match=r"found c,d \(a copy of b\) on both"):
        parts_of(database, ["b"], ["c,d"])


@given(
    owners=st.lists(st.integers(0, 9), min_size=2, max_size=30),
    side=st.lists(st.booleans(), min_size=30, max_size=30),
    seed=st.integers(0, 99),
)
def test_validation_is_drawn_by_group_from_the_training_side(
    owners: list[int], side: list[bool], seed: int
) -> None:
    names = np.array([f"r{number}" for number in range(len(owners))])
    groups = np.array([f"p{owner}" for owner in owners])
    rows = np.random.default_rng(seed).permutation(np.arange(len(names)).repeat(2))
    train = [name for name, is_train in zip(names.tolist(), side, strict=False) if is_train]
    test = [name for name in names.tolist() if name not in train]
    n_groups = len(np.unique(groups[np.isin(names, train)])) if train else 0
    arguments = names[rows], groups[rows], train, test, seed
    if n_groups == 1:
        with pytest.raises(InputError, match="expected beats of at least 2 patients"):
            named_split(*arguments)
        return
    split = named_split(*arguments)
    sides = [set(names[rows[part]].tolist()) for part in vars(split).values()]
    assert sides[0] | sides[1] == set(train)
    assert sides[2] == set(test)
    assert not sides[0] & sides[1]
    for rows_of_part in vars(split).values():
        assert_array_equal(rows_of_part, np.unique(rows_of_part))
    drawn = {
        groups[rows[part]].tolist()[i] for part in (split.validation,) for i in range(len(part))
    }
    assert not drawn & set(groups[rows[split.train]].tolist())
    assert len(drawn) == (max(1, round(0.15 * n_groups)) if train else 0)
    for part, again in zip(
        vars(split).values(), vars(named_split(*arguments)).values(), strict=True
    ):
        assert_array_equal(part, again)


def test_the_seed_of_the_split_decides_and_unknown_patients_are_whole_records() -> None:
    records = np.array([f"r{number:02}" for number in range(40)]).repeat(3)
    beats = replace(
        beats_of(np.zeros(len(records))),
        record_ids=records,
        patient_ids=np.full(len(records), ""),
    )
    names = tuple(np.unique(records).tolist())
    database = Database("wfdb", Path(), names, dict.fromkeys(names, ""))
    drawn = []
    for seed in (0, 0, 1):
        choice = SplitChoice("parts", "wfdb", seed, parts=Parts(names[:30], names[30:]))
        split = choice.in_database(database).split(beats, np.random.RandomState(5))
        drawn.append(np.unique(records[split.validation]).tolist())
        assert len(drawn[-1]) == round(0.15 * 30)
        assert set(records[split.test].tolist()) == set(names[30:])
    assert drawn[0] == drawn[1] != drawn[2]


class TestTrainedOf:
    """Which patients of a test a network knows from its training, by the settings of that."""

    PATIENTS = np.array(["100", "201", "801", ""])

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({"source": "mitdb", "train": "ds1", "test": "ds2"}, {"201"}),
            ({"source": "mitdb", "train": ["ds1", 100], "test": "ds2"}, {"100", "201"}),
            ({"source": "mitdb,svdb", "train": "ds1,svdb"}, {"201"}),
            ({"source": ["mitdb", "svdb"], "train": ["mitdb/100"]}, {"100"}),
            ({"source": "mitdb,svdb", "train": "ds1", "without": "mitdb/201"}, set()),
            ({"source": "mitdb", "train": "ds1", "without": ["201"]}, set()),
            ({"source": "mitdb", "split": "dechazal"}, {"201"}),
            ({"source": "mitdb", "split": "patients"}, {"201"}),  # its earlier name
            ({"source": "svdb", "train": "svdb"}, set()),
            ({"source": "wfdb", "train": "100"}, set()),
            ({"source": "mitdb", "split": "original"}, {"100", "201"}),
            ({"source": "svdb", "split": "original"}, set()),
            ({"source": "mitdb", "split": "mixed"}, {"100", "201"}),
            ({"source": "mitdb", "split": "records"}, set()),  # its records are drawn
        ],
    )
    def test_of_mitdb(self, data: Mapping[str, Any], expected: set[str]) -> None:
        assert trained_of(self.PATIENTS, "mitdb", {"data": data}) == expected
        several = np.array([f"mitdb/{name}" if name else "" for name in self.PATIENTS])
        of_several = trained_of(several, "mitdb,svdb", {"data": data})
        assert of_several == {f"mitdb/{name}" for name in expected}

    def test_of_svdb(self) -> None:
        config = {"data": {"source": "mitdb,svdb", "train": "ds1,svdb"}}
        assert trained_of(np.array(SVDB_RECORDS), "svdb", config) == set(SVDB_RECORDS)
        assert trained_of(np.array(["100"]), "wfdb", config) == set()  # whose 100 it is, is unknown

    def test_of_shipped_weights(self) -> None:
        _, description = shipped_weights("DeepConv1d-robust")
        patients = np.array([MITDB_PATIENTS[name] for name in DS2])
        assert trained_of(patients, "mitdb", description["config"]) == {"201"}  # of record 202
        assert description["training_records"] == trained_records(description["config"])

    @pytest.mark.parametrize(
        "config",
        [
            *(None, 3, [], {}, {"data": None}, {"data": 5}, {"data": {"source": {}, "train": 3}}),
            {"data": {"source": ["mitdb", None], "train": [None, {}], "without": 5}},
            {"data": {"source": "", "train": "/", "split": []}},
        ],
    )
    def test_of_settings_that_hold_anything(self, config: object) -> None:
        assert trained_of(self.PATIENTS, "mitdb", config) == set()
