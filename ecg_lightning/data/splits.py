"""The rule of each split; `ecg_lightning.split_facts` has the facts of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ecg_lightning.data.beats import Beats
from ecg_lightning.data.dechazal import dechazal_split, mixed_split
from ecg_lightning.data.split_rules import (
    Split,
    all_test,
    group_folds,
    group_split,
    original_split,
)
from ecg_lightning.errors import InputError
from ecg_lightning.split_facts import SplitFacts, SplitName, facts_of, rule_name


@dataclass(frozen=True)
class SplitChoice:
    """A split and its settings.

    Args:
        name: Of the split.
        source: Of the beats.
        seed: For the splits that draw.
        folds: The number of folds, for `folds`.
        fold: The fold that is tested, for `folds`.
        without: Records that go to no part.

    Raises:
        InputError: The split is for another source, or excludes no records.
    """

    name: SplitName
    source: str
    seed: int = 0
    folds: int = 5
    fold: int = 0
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name == "dechazal" and self.source != "mitdb":
            raise InputError(
                "split dechazal",
                expected="the source mitdb",
                found=self.source,
                hint="use the split patients, which draws whole patients",
                setting="split",
            )
        if self.without and not self.facts.fixed_records:
            raise InputError(
                "without",
                expected="the split dechazal or mixed",
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
        return facts_of(self.rule)

    def split(self, beats: Beats, random: np.random.RandomState) -> Split:
        """The rows of each part.

        Args:
            beats: The beats table.
            random: The legacy generator, seeded with `seed`.

        Raises:
            InputError: The beats cannot be split by this rule.
        """
        return _RULES[self.rule](beats, self, random)


def _original(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return original_split(beats.labels, random)


def _dechazal(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return dechazal_split(beats.record_ids, choice.without)


def _mixed(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return mixed_split(beats.labels, beats.record_ids, random, choice.without)


def _patients(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return group_split(beats.patient_ids, choice.seed, what="patients")


def _records(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    # The records of Kaggle's tables are its two files; which beat is of which record is not known.
    groups = beats.patient_ids if choice.source == "kaggle" else beats.record_ids
    return group_split(groups, choice.seed, what="records")


def _folds(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return group_folds(beats.patient_ids, choice.folds, choice.fold, choice.seed)


def _all(beats: Beats, choice: SplitChoice, random: np.random.RandomState) -> Split:
    return all_test(len(beats))


_RULES: Mapping[SplitName, Callable[[Beats, SplitChoice, np.random.RandomState], Split]] = {
    "original": _original,
    "dechazal": _dechazal,
    "mixed": _mixed,
    "patients": _patients,
    "records": _records,
    "folds": _folds,
    "all": _all,
}
