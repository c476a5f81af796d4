"""The rule of each split; `ecg_lightning.split_facts` has the facts of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ecg_lightning.arrays import Names
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.dechazal import dechazal_split, mixed_split
from ecg_lightning.data.parts import Parts, records_of_parts
from ecg_lightning.data.split_rules import (
    Split,
    all_test,
    check_counts,
    class_counts_of,
    count_patients,
    folds_of,
    group_folds,
    group_split,
    named_split,
    original_split,
)
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database
from ecg_lightning.split_facts import SplitFacts, SplitName, facts_of, rule_name

VAL_SHARE = 0.15  # of the training side's patients


@dataclass(frozen=True)
class SplitChoice:
    """A split and its settings.

    Args:
        name: Of the split.
        source: Of the beats; several are separated by commas.
        seed: For the splits that draw.
        folds: The number of folds, for `folds`.
        fold: The fold that is tested, for `folds`.
        without: Records that go to no part.
        parts: Both sides as the user names them, for `parts`.
        records: The records of both sides, from `in_database`.
        val_share: Share of the patients of the training side in validation, for `parts`; 0: there
            is no validation. Default: `VAL_SHARE`.

    Raises:
        InputError: The split is for another source, or excludes no records; or parts are named for
            another split, or none for `parts`.
    """

    name: SplitName
    source: str
    seed: int = 0
    folds: int = 5
    fold: int = 0
    without: tuple[str, ...] = ()
    parts: Parts = field(default_factory=Parts)
    records: Parts = field(default_factory=Parts)
    val_share: float | None = None

    def __post_init__(self) -> None:
        self._check_parts()
        if self.name == "dechazal" and self.source != "mitdb":
            raise InputError(
                "split dechazal",
                expected="the source mitdb",
                found=self.source,
                hint="use the split patients, records or folds",
                setting="split",
            )
        if self.val_share is not None:
            self._check_val_share(self.val_share)
        if self.without and not self.facts.fixed_records:
            raise InputError(
                "without",
                expected="the split dechazal, mixed or parts",
                found=f"{self.name} of {self.source}",
                hint="name no records there",
                setting="without",
            )

    @property
    def rule(self) -> SplitName:
        """The name of the rule."""
        name: SplitName = rule_name(self.name, self.source)
        return name

    @property
    def facts(self) -> SplitFacts:
        """What is known of the split before a beat is read."""
        return facts_of(self.rule, self.parts.train)

    def in_database(self, database: Database | None) -> "SplitChoice":
        """The choice with the records that the names of its parts stand for.

        Args:
            database: Where the records are; None for beats without records.

        Raises:
            InputError: A name is unknown, or a record or a patient is on both sides.
        """
        if database is None or self.name != "parts":
            return self
        return replace(self, records=records_of_parts(self.parts, database, self.without))

    def split(
        self,
        beats: Beats,
        random: np.random.RandomState,
        copies: Mapping[str, str] | None = None,
    ) -> Split:
        """The rows of each part.

        Args:
            beats: The beats table.
            random: The legacy generator, seeded with `seed`.
            copies: Record to the record with the same signal, as in `Database`. A split of whole
                records keeps them in one part.

        Raises:
            InputError: The beats cannot be split by this rule.
        """
        return _RULES[self.rule](beats, self, random, copies or {})

    def _check_parts(self) -> None:
        """Refuse parts that are named where the split is another, or none where it is `parts`."""
        named = self.name == "parts"
        if self.parts and self.source == "kaggle":
            problem = "train and test", "a source of records", "kaggle", "do not set them"
        elif self.parts and not named:
            problem = "train and test", "the split parts", self.name, "remove one of them"
        elif named and not self.parts:
            problem = "split parts", "the names of parts or records", "none", "set train and test"
        else:
            return
        subject, expected, found, hint = problem
        raise InputError(subject, expected=expected, found=found, hint=hint, setting="train")

    def _check_val_share(self, share: float) -> None:
        if not 0 <= share < 1:
            problem = "a number from 0 to below 1", f"{share:g}", "correct it"
        elif not self.parts.train:
            split = "none" if self.name == "parts" else f"the split {self.name}"
            hint = "name them with train, or set val_share to null"
            problem = "records to train on, of which it is a share", split, hint
        else:
            return
        expected, found, hint = problem
        raise InputError(
            "val_share", expected=expected, found=found, hint=hint, setting="val_share"
        )

    def refuse_missing_classes(
        self, beats: Beats, balance: str, copies: Mapping[str, str] | None = None
    ) -> None:
        """Refuse folds of which the training part of one lacks a class that is balanced.

        Args:
            beats: The beats table.
            balance: The balancing that was asked for.
            copies: As for `split`.

        Raises:
            InputError: A fold lacks a class. The line names the fold.
        """
        groups, what = _whole_groups(beats, self.source, copies or {})
        names, counts = class_counts_of(groups, beats.labels)
        parts = folds_of(names, self.folds, self.seed, what)
        for fold in range(self.folds):
            tested = np.concatenate([parts[fold], parts[(fold + 1) % self.folds]])
            check_counts(counts[~np.isin(names, tested)].sum(axis=0), balance, f"fold {fold}, ")


def _original(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    return original_split(beats.labels, random)


def _dechazal(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    return dechazal_split(beats.record_ids, choice.without)


def _mixed(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    return mixed_split(beats.labels, beats.record_ids, random, choice.without)


def _patients(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    _refuse_unknown_patients(beats, choice.source)
    return group_split(beats.patient_ids, choice.seed, what="patients")


def _records(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    groups = _whole_records(beats, choice.source, copies)
    return group_split(groups, choice.seed, what=f"{_different(copies)}records", split="records")


def _folds(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    groups, what = _whole_groups(beats, choice.source, copies)
    return group_folds(groups, choice.folds, choice.fold, choice.seed, what)


def _all(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    return all_test(len(beats))


def _parts(
    beats: Beats, choice: SplitChoice, random: np.random.RandomState, copies: Mapping[str, str]
) -> Split:
    groups, _ = _whole_groups(beats, choice.source, copies)
    share = VAL_SHARE if choice.val_share is None else choice.val_share
    return named_split(beats.record_ids, groups, *choice.records, choice.seed, share)


_RULES: Mapping[
    SplitName,
    Callable[[Beats, SplitChoice, np.random.RandomState, Mapping[str, str]], Split],
] = {
    "original": _original,
    "dechazal": _dechazal,
    "mixed": _mixed,
    "patients": _patients,
    "records": _records,
    "folds": _folds,
    "all": _all,
    "parts": _parts,
}


def _whole_groups(beats: Beats, source: str, copies: Mapping[str, str]) -> tuple[Names, str]:
    """The patient of each beat, or its record where the patient is unknown; and their name."""
    unknown = beats.patient_ids == ""
    if not unknown.any():
        return beats.patient_ids, "patients"
    groups = _whole_records(beats, source, copies)
    if unknown.all():
        return groups, f"{_different(copies)}records"
    return np.where(unknown, groups, beats.patient_ids), "patients and records without one"


def _whole_records(beats: Beats, source: str, copies: Mapping[str, str]) -> Names:
    """The record of each beat, or the record that it copies."""
    if source == "kaggle":  # its two files are no records; which beat is of which is not known
        raise InputError(
            "split",
            expected="a source that knows the record of each beat",
            found="kaggle",
            hint="use the split original",
            setting="split",
        )
    if not copies:
        return beats.record_ids
    names, rows = np.unique(beats.record_ids, return_inverse=True)
    return np.array([copies.get(name, name) for name in names.tolist()])[rows]


def _different(copies: Mapping[str, str]) -> str:
    return "different " if copies else ""


def _refuse_unknown_patients(beats: Beats, source: str) -> None:
    counts = count_patients(beats.record_ids, beats.patient_ids)
    if not counts["unknown"]:
        return
    if source == "kaggle":
        _whole_records(beats, source, {})
    raise InputError(
        "split patients",
        expected="the patient of each record",
        found=f"{counts['unknown']} of {counts['records']} records without",
        hint="use the split records or folds, which keep whole records together, or name a CSV "
        "file `record,patient`",
        setting="patients",
    )
