"""Splits that keep patients apart, the one that does not, and the check of both."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.classes import AAMI, CLASS_NAMES
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.dechazal import (
    DS1,
    DS2,
    PACED,
    VALIDATION_OF_DS1,
    dechazal_split,
    mixed_split,
)
from ecg_lightning.data.split_rules import (
    Rows,
    Split,
    count_patients,
    group_folds,
    shared_patients,
)
from ecg_lightning.data.splits import SplitChoice
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import open_database
from ecg_lightning.records.mitdb import MITDB_RECORDS
from ecg_lightning.split_facts import SplitName
from tests.helpers.records import beats_of

Counts = dict[str, npt.NDArray[np.int64]]
ALL = np.array(MITDB_RECORDS).repeat(3)
PATIENTS = np.where(ALL == "202", "201", ALL)


def sum_of(counts: Counts, names: Iterable[str]) -> list[int]:
    return np.sum([counts[name] for name in names], axis=0).tolist()


def parts_of(split: Split) -> tuple[Rows, Rows, Rows]:
    return split.train, split.validation, split.test


@pytest.fixture(scope="module")
def counts(mitdb: Path) -> Counts:
    """Annotated beats of each AAMI class, record by record."""
    found = {}
    for name in MITDB_RECORDS:
        labels = AAMI.labels(wfdb.rdann(str(mitdb / name), "atr").symbol)
        found[name] = np.bincount(labels[labels >= 0], minlength=len(CLASS_NAMES))
    return found


class TestDechazalSplit:
    def test_the_sets_are_de_chazals_and_make_up_the_database(self) -> None:
        assert (len(DS1), len(DS2), len(PACED)) == (22, 22, 4)
        assert sorted(DS1 + DS2 + PACED) == sorted(MITDB_RECORDS)
        assert set(VALIDATION_OF_DS1) < set(DS1) - {"201", "208"}

    def test_each_part_holds_its_records_whole(self) -> None:
        train, validation, test = (
            np.unique(ALL[rows]).tolist() for rows in parts_of(dechazal_split(ALL))
        )
        assert train == sorted(set(DS1) - set(VALIDATION_OF_DS1))
        assert (tuple(validation), tuple(test)) == (VALIDATION_OF_DS1, DS2)
        rows = np.concatenate(parts_of(dechazal_split(ALL)))
        assert len(rows) == len(np.unique(rows)) == 44 * 3

    def test_rows_are_in_order_whatever_the_order_of_the_beats(self) -> None:
        shuffled = np.random.default_rng(0).permutation(ALL)
        for rows, shuffled_rows in zip(
            parts_of(dechazal_split(ALL)), parts_of(dechazal_split(shuffled)), strict=True
        ):
            assert_array_equal(shuffled_rows, np.sort(shuffled_rows))
            assert sorted(ALL[rows]) == sorted(shuffled[shuffled_rows])

    @pytest.mark.parametrize("foreign", ["r1", "", "<b>" * 40])
    def test_an_unknown_record_is_named(self, foreign: str) -> None:
        with pytest.raises(InputError) as caught:
            dechazal_split(np.array(["100", "101", "108", foreign]))
        assert str(caught.value) == (
            "the splits dechazal and mixed: expected records of MIT-BIH, "
            f"found {repr(foreign)[:60]}; "
            "for other databases use the split patients, records, folds or all (split)"
        )
        with pytest.raises(InputError, match="found '20'"):
            dechazal_split(ALL, without=("20",))

    @pytest.mark.parametrize(
        ("records", "part", "expected"),
        [
            (
                ("100", "108", "102"),
                "training",
                "101 106 109 112 115 116 118 119 122 201 203 205 208 209 220 230",
            ),
            (
                ("100", "101"),
                "validation",
                "108 114 124 207 215 223",
            ),
            (
                ("101", "108", "102"),
                "test",
                " ".join(DS2),
            ),
        ],
    )
    def test_an_empty_part_is_refused(
        self, records: tuple[str, ...], part: str, expected: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            dechazal_split(np.array(records))
        assert str(caught.value) == (
            f"split dechazal: expected some of the records {expected}, "
            f"found no beat for the {part} part; add one of these records"
        )


class TestSharedPatients:
    def test_one_patient_is_in_both_of_de_chazals_sets(self) -> None:
        assert shared_patients(PATIENTS, dechazal_split(ALL)) == ["201"]
        assert shared_patients(PATIENTS, dechazal_split(ALL), "test") == ["201"]
        assert shared_patients(PATIENTS, dechazal_split(ALL), "validation") == []
        assert shared_patients(ALL, dechazal_split(ALL)) == []  # no record is

    def test_without_202_no_patient_is(self) -> None:
        split = dechazal_split(ALL, without=("202",))
        assert shared_patients(PATIENTS, split) == []
        assert [len(rows) for rows in parts_of(split)] == [16 * 3, 6 * 3, 21 * 3]

    def test_it_sees_a_split_that_mixes_them(self) -> None:
        split = mixed_split(np.zeros(len(ALL), np.int64), ALL, np.random.default_rng(0))
        assert len(shared_patients(ALL, split)) > 30

    @pytest.mark.parametrize(
        "parts", [([0], [1], [2, 3]), ([0, 1], [2], [3]), ([], [0, 1], [2, 3])]
    )
    def test_any_two_parts_count(self, parts: tuple[list[int], ...]) -> None:
        split = Split(*(np.array(rows, np.int64) for rows in parts))
        assert shared_patients(np.array(["a", "b", "a", "c"]), split) == ["a"]

    def test_unknown_patients_are_not_one_patient(self) -> None:
        split = Split(*(np.array([row]) for row in range(3)))
        assert shared_patients(np.array(["", "", ""]), split, "test") == []


class TestMixedSplit:
    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 2**32 - 1))
    def test_the_same_beats_in_parts_of_the_same_sizes_each_class_in_proportion(
        self, seed: int
    ) -> None:
        random = np.random.default_rng(seed)
        record_ids = random.permutation(
            np.concatenate([np.array(MITDB_RECORDS), random.choice(MITDB_RECORDS, 400)])
        )
        labels = random.choice(5, len(record_ids), p=(0.7, 0.1, 0.15, 0.04, 0.01))
        like, split = dechazal_split(record_ids), mixed_split(labels, record_ids, random)
        every = np.concatenate(parts_of(like))
        assert_array_equal(np.sort(np.concatenate(parts_of(split))), np.sort(every))
        assert [len(rows) for rows in parts_of(split)] == [len(rows) for rows in parts_of(like)]
        expected = np.bincount(labels[every], minlength=5) / len(every)
        for rows, within in zip(parts_of(split), (2, 2, 1), strict=True):
            assert_array_equal(rows, np.sort(rows))
            assert (
                abs(np.bincount(labels[rows], minlength=5) - len(rows) * expected) < within
            ).all()

    def test_it_follows_its_generator(self) -> None:
        labels = np.arange(len(ALL)) % 5
        tests = [
            mixed_split(labels, ALL, np.random.default_rng(seed)).test.tolist()
            for seed in (0, 0, 1)
        ]
        assert tests[0] == tests[1] != tests[2]
        assert (
            mixed_split(labels, ALL, np.random.RandomState(0)).test.tolist() != tests[0]
        )  # the legacy generator does too

    def test_every_beat_may_come_into_every_part(self) -> None:
        """The rarest part takes a beat with probability 6/44.

        So the chance that a beat is not seen there in 300 draws is 1e-19.
        """
        seen = np.zeros((3, len(ALL)), bool)
        for seed in range(300):
            split = mixed_split(np.arange(len(ALL)) % 5, ALL, np.random.default_rng(seed))
            for part, rows in enumerate(parts_of(split)):
                seen[part, rows] = True
        assert (seen.all(axis=0) == ~np.isin(ALL, PACED)).all()

    def test_an_excluded_record_is_excluded_here_too(self) -> None:
        split = mixed_split(
            np.zeros(len(ALL), np.int64), ALL, np.random.default_rng(0), without=("202",)
        )
        assert not np.isin(ALL[np.concatenate(parts_of(split))], ("202", *PACED)).any()
        assert [len(rows) for rows in parts_of(split)] == [16 * 3, 6 * 3, 21 * 3]


class TestGroupFolds:
    @settings(deadline=None)
    @given(st.integers(3, 12), st.integers(0, 9), st.integers(0, 2**32))
    def test_each_group_is_in_test_once_and_in_validation_once(
        self, folds: int, more: int, seed: int
    ) -> None:
        names = [f"g{number}" for number in range(folds + more)]
        groups = np.random.default_rng(1).permutation(np.array(names + names[::2]))
        splits = [group_folds(groups, folds, fold, seed) for fold in range(folds)]
        for fold, split in enumerate(splits):
            assert shared_patients(groups, split) == []
            assert sorted(np.concatenate(parts_of(split)).tolist()) == list(range(len(groups)))
            assert_array_equal(split.validation, splits[(fold + 1) % folds].test)
            assert len(split.train)
        assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(
            range(len(groups))
        )
        sizes = [len(np.unique(groups[split.test])) for split in splits]
        assert max(sizes) - min(sizes) <= 1

    def test_folds_follow_the_seed_and_not_the_order_of_the_beats(self) -> None:
        groups = np.array([f"g{number}" for number in range(20)])
        shuffled = np.random.default_rng(1).permutation(groups)
        of = [set(groups[group_folds(groups, 5, 2, seed).test].tolist()) for seed in (0, 1)]
        assert set(shuffled[group_folds(shuffled, 5, 2, 0).test].tolist()) == of[0] != of[1]

    @pytest.mark.parametrize(
        ("groups", "folds", "fold", "message"),
        [
            (
                "abcd",
                5,
                0,
                "folds: expected 3 to 4, the number of patients, found 5; "
                "change the number of folds",
            ),
            (
                "abcd",
                2,
                0,
                "folds: expected 3 to 4, the number of patients, found 2; "
                "change the number of folds",
            ),
            (
                "ab",
                3,
                0,
                "folds: expected at least 3 patients, one for each part, found 2; "
                "use more records, or the split original or all (split)",
            ),
            ("abcd", 3, 3, "fold: expected 0 to 2, found 3; choose another fold"),
            ("abcd", 3, -1, "fold: expected 0 to 2, found -1; choose another fold"),
        ],
    )
    def test_folds_that_cannot_be_are_refused(
        self, groups: str, folds: int, fold: int, message: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            group_folds(np.array(list(groups)), folds, fold, seed=0)
        assert str(caught.value) == message


class TestUnknownPatients:
    """What the splits do where the patients of some records are unknown."""

    def beats(self, patients: str, n_beats: int = 10) -> Beats:
        """Beats of all classes of the records r0, r1, …; `-` stands for an unknown patient."""
        names = np.array([name.strip("-") for name in patients])
        count = n_beats * len(patients)
        return replace(
            beats_of(np.arange(count) % 5),
            record_ids=np.array([f"r{k}" for k in range(len(patients))]).repeat(n_beats),
            patient_ids=names.repeat(n_beats),
        )

    def parts(self, beats: Beats, choice: SplitChoice, **copies: str) -> list[set[str]]:
        """The records of each part; none is in two."""
        rows = parts_of(choice.split(beats, np.random.RandomState(0), copies))
        parts = [set(beats.record_ids[part].tolist()) for part in rows]
        assert sum(map(len, parts)) == len(set.union(*parts))
        return parts

    @pytest.mark.parametrize(
        ("patients", "found"), [("-----", "5 of 5"), ("ab-cc", "1 of 5"), ("abc--", "2 of 5")]
    )
    def test_the_split_patients_is_refused(self, patients: str, found: str) -> None:
        with pytest.raises(InputError) as caught:
            self.parts(self.beats(patients), SplitChoice("patients", "wfdb"))
        assert str(caught.value) == (
            f"split patients: expected the patient of each record, found {found} records without; "
            "use the split records or folds, which keep whole records together, or name a CSV file "
            "`record,patient`"
        )

    def test_folds_are_of_whole_records_as_in_version_0_1_0(self) -> None:
        beats = self.beats("-----")
        for fold in range(5):
            choice = SplitChoice("folds", "wfdb", seed=3, fold=fold)
            rows = choice.split(beats, np.random.RandomState(0))
            assert_array_equal(rows.test, group_folds(beats.record_ids, 5, fold, 3).test)

    def test_folds_keep_the_known_patients_together(self) -> None:
        beats = self.beats("aa-a-b")
        for seed in range(10):
            choice = SplitChoice("folds", "wfdb", seed=seed, folds=4)
            assert any({"r0", "r1", "r3"} <= part for part in self.parts(beats, choice))

    @pytest.mark.parametrize("name", ["records", "folds"])
    def test_copies_of_a_record_are_in_its_part(self, name: SplitName) -> None:
        beats = self.beats("------")
        for seed in range(10):
            choice = SplitChoice(name, "wfdb", seed=seed, folds=3)
            parts = self.parts(beats, choice, r3="r0", r5="r0")
            assert any({"r0", "r3", "r5"} <= part for part in parts)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("records", "split records: expected at least 3 different records, one for each part,"),
            ("folds", "folds: expected at least 3 different records, one for each part, found 2;"),
        ],
    )
    def test_copies_count_once(self, name: SplitName, message: str) -> None:
        with pytest.raises(InputError) as caught:
            self.parts(self.beats("---"), SplitChoice(name, "wfdb", folds=3), r2="r0")
        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize(
        ("patients", "what"),
        [
            ("----", "4, the number of records,"),
            ("abcd", "4, the number of patients,"),
            ("aa-b", "3, the number of patients and records without one,"),
        ],
    )
    def test_the_number_of_folds_is_that_of_what_is_kept_together(
        self, patients: str, what: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            self.parts(self.beats(patients), SplitChoice("folds", "wfdb", folds=5))
        assert str(caught.value).startswith(f"folds: expected 3 to {what} found 5;")

    @pytest.mark.parametrize("name", ["patients", "records", "folds"])
    def test_tables_without_records_are_refused(self, name: SplitName) -> None:
        with pytest.raises(InputError) as caught:
            self.parts(self.beats("--"), SplitChoice(name, "kaggle"))
        assert str(caught.value) == (
            "split: expected a source that knows the record of each beat, found kaggle; "
            "use the split original"
        )

    def test_a_fold_without_a_class_is_found_as_its_training_finds_it(self) -> None:
        """Class 3 is in r0 alone, so its training lacks it in two of the folds."""
        beats = self.beats("------")
        labels = np.where((beats.labels == 3) & (beats.record_ids != "r0"), 0, beats.labels)
        beats = replace(beats, labels=labels)
        lacking = []
        for fold in range(6):
            choice = SplitChoice("folds", "wfdb", folds=6, fold=fold)
            rows = choice.split(beats, np.random.RandomState(0)).train
            if 3 not in labels[rows]:
                lacking.append((fold, len(rows)))
        assert len(lacking) == 2
        with pytest.raises(InputError) as caught:
            choice.refuse_missing_classes(beats, "weighted")
        assert str(caught.value) == (
            f"fold {lacking[0][0]}, balance weighted: expected all of N S V F Q in the training "
            f"part, found no beat of class F among {lacking[0][1]} beats; "
            "use another split or split_seed, more records, or the balance none"
        )
        choice.refuse_missing_classes(beats, "none")
        choice.refuse_missing_classes(self.beats("------"), "weighted")

    def test_records_without_a_patient_are_counted(self) -> None:
        beats = self.beats("a-b--")
        counts = count_patients(beats.record_ids, beats.patient_ids)
        assert counts == {"records": 5, "unknown": 3, "patients": 2}


class TestOnTheRealRecords:
    def test_a_folder_with_the_real_records_keeps_201_and_202_together(
        self, mitdb: Path, tmp_path: Path
    ) -> None:
        database = open_database("wfdb", mitdb, tmp_path)
        names = np.array(database.records)
        beats = replace(
            beats_of(np.zeros(len(names))),
            record_ids=names,
            patient_ids=np.array([database.patients[name] for name in database.records]),
        )
        choices = [SplitChoice("patients", "wfdb", seed) for seed in range(5)]
        choices += [SplitChoice("folds", "wfdb", 0, folds=47, fold=fold) for fold in range(47)]
        for choice in choices:
            parts = parts_of(choice.split(beats, np.random.RandomState(0), database.copies))
            assert {int(np.isin(["201", "202"], names[rows]).sum()) for rows in parts} == {0, 2}

    def test_what_the_sets_hold(self, counts: Counts) -> None:
        assert sum_of(counts, DS1) == [45866, 944, 3788, 415, 8]
        assert sum_of(counts, DS2) == [44259, 1837, 3221, 388, 7]
        assert (counts["208"][3], counts["209"][1], counts["213"][3], counts["232"][1]) == (
            373,
            383,
            362,
            1382,
        )

    def test_what_validation_and_training_hold(self, counts: Counts) -> None:
        assert sum_of(counts, VALIDATION_OF_DS1) == [11879, 230, 954, 26, 0]
        assert sum_of(counts, set(DS1) - set(VALIDATION_OF_DS1)) == [33987, 714, 2834, 389, 8]

    def test_the_rule_finds_the_validation_records_again(self, counts: Counts) -> None:
        """Every subset, as the rule at `VALIDATION_OF_DS1` says. DS2 is not used."""
        quarter = np.array(sum_of(counts, DS1)[:3]) / 4
        names = [name for name in DS1 if name not in ("201", "208")]
        found = []
        for size in (5, 6):
            chosen = np.array(list(itertools.combinations(range(len(names)), size)))
            of_records = np.array([counts[name][:3] for name in names])[
                chosen
            ]  # (subsets, size, 3)
            of_subsets = of_records.sum(axis=1)
            allowed = (2 * of_records.max(axis=1) <= of_subsets)[:, 1:].all(axis=1)
            distance = abs(of_subsets / quarter - 1).max(axis=1)
            best = np.flatnonzero(allowed)[distance[allowed].argmin()]
            found.append((distance[best], tuple(names[number] for number in chosen[best])))
        assert min(found)[1] == VALIDATION_OF_DS1
