"""The trainings of docs/protocol.md: rows and folds, and what each trains and tests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ecg_lightning.classes import AAMI, CLASS_NAMES
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.joined import open_databases
from ecg_lightning.system.paths import default_cache_dir

# Row -> the names of the training side and of the test side, as `--data.train` takes them.
ROWS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "1": (("ds1", "svdb"), ("ds2",)),
    "2": (("mitdb44",), ("svdb",)),
    "3": (("ds2", "svdb"), ("ds1",)),
    "4": (("ds1",), ("ds2",)),
}
FOLDS: Mapping[str, int] = {"5": 10, "cv": 5}
NETWORKS: Mapping[str, tuple[int, ...]] = {  # network -> its seeds
    "PatientContext": (0, 1, 2, 3, 4),
    "LightGBM": (0, 1),
    "DeepConv1d": (0,),
    "TimeDepends": (0,),
}
FOLD_SEED = 0


@dataclass(frozen=True)
class Databases:
    """Where the records are.

    Attributes:
        sources: The sources, such as `mitdb`.
        folders: The folder of each.
    """

    sources: tuple[str, ...]
    folders: tuple[Path, ...]

    @property
    def words(self) -> list[str]:
        """The arguments of a command that name them."""
        folders = json.dumps([str(folder.absolute()) for folder in self.folders])
        return ["--data.source", ",".join(self.sources), "--data.root", folders]

    @cached_property
    def opened(self) -> Database:
        """The joined database, whose records have names such as `mitdb/100`."""
        return open_databases(self.sources, self.folders, default_cache_dir())

    def path(self, record: str) -> Path:
        """Return the path of a record without an ending."""
        member, name = self.opened.member_of(record)
        return member.root / name

    def beats_of_s(self, record: str) -> int:
        """Return how many S beats the annotations of a record mark.

        Raises:
            InputError: The record has no annotations.
        """
        annotations = read_recording(self.path(record)).annotations
        if annotations is None:
            raise InputError(record, expected="annotations", found="none")
        return int((AAMI.labels(annotations.symbols) == CLASS_NAMES.index("S")).sum())


@dataclass(frozen=True)
class Unit:
    """One training and the test of it.

    Attributes:
        row: The row of the protocol, or `cv`.
        network: One of `NETWORKS`.
        seed: Its seed.
        train: The names of the training side.
        test: The names of the test side.
        causal: Whether the network sees no later beat.
        fold: The fold, of rows that have several.
        variant: A word for settings that differ from the config, for `cv`.
    """

    row: str
    network: str
    seed: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    causal: bool = False
    fold: int | None = None
    variant: str = ""

    @property
    def folder(self) -> Path:
        """Its folder, below that of all results."""
        folder = Path(f"row{self.row}" if self.row in "12345" else self.row) / self.title
        folder /= f"seed{self.seed}"
        return folder if self.fold is None else folder / f"fold{self.fold}"

    @property
    def title(self) -> str:
        """The network, and what is special about it."""
        words = [self.network, *(["causal"] if self.causal else []), self.variant]
        return "-".join(word for word in words if word)


def units_of(
    row: str,
    network: str,
    seeds: Sequence[int],
    databases: Databases,
    causal: bool = False,
    variant: str = "",
) -> list[Unit]:
    """Return the trainings of a row; those of the first seed first.

    Args:
        row: `1` to `5`, or `cv`.
        network: One of `NETWORKS`.
        seeds: The seeds.
        databases: Where the records are.
        causal: Whether the network sees no later beat.
        variant: A word for other settings.
    """
    if row in ROWS:
        train, test = ROWS[row]
        return [Unit(row, network, seed, train, test, causal, None, variant) for seed in seeds]
    folds = folds_of(row, databases)
    return [
        Unit(row, network, seed, _others(folds, fold), folds[fold], causal, fold, variant)
        for seed in seeds
        for fold in range(len(folds))
    ]


def folds_of(row: str, databases: Databases) -> list[tuple[str, ...]]:
    """Return the records of each fold of row 5 or of `cv`.

    The records of the paced patients are in none, and those of DS2 in none of `cv`.
    """
    named = {"mitdb": (*DS1, *DS2) if row == "5" else DS1}
    records = [
        record
        for record in databases.opened.records
        if (source := record.partition("/")[0]) not in named
        or record.partition("/")[2] in named[source]
    ]
    counts = {record: databases.beats_of_s(record) for record in records}
    return dealt(records, counts, databases.opened.patients, FOLDS[row])


def dealt(
    records: Sequence[str],
    beats_of_s: Mapping[str, int],
    patients: Mapping[str, str],
    folds: int,
    seed: int = FOLD_SEED,
) -> list[tuple[str, ...]]:
    """Deal records to folds that have as many of each database and like numbers of S.

    Records are sorted by database and falling number of S, and each group of as many as there are
    folds is dealt at random, one to each. A further record of a known patient follows the first.

    Args:
        records: Their names, such as `mitdb/100`.
        beats_of_s: Record to its number of S beats.
        patients: Record to patient; "" where unknown.
        folds: How many.
        seed: Decides which record is in which fold.
    """
    first = {patients[name] or name: name for name in reversed(records)}
    order = sorted(
        (name for name in records if first[patients[name] or name] == name),
        key=lambda name: (name.partition("/")[0], -beats_of_s[name]),
    )
    random, fold_of = np.random.default_rng(seed), dict[str, int]()
    for start in range(0, len(order), folds):
        drawn = random.permutation(folds).tolist()
        fold_of |= dict(zip(order[start : start + folds], drawn, strict=False))
    return [
        tuple(name for name in records if fold_of[first[patients[name] or name]] == fold)
        for fold in range(folds)
    ]


def _others(folds: Sequence[tuple[str, ...]], fold: int) -> tuple[str, ...]:
    return tuple(name for other in range(len(folds)) if other != fold for name in folds[other])
