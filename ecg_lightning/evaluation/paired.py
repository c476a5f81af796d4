"""Two runs on the same beats: differences of metrics, and beats that only one run got right.

The beats of one record are not independent. So a difference has an interval by bootstrap over
records, with the same records drawn for both runs, and the counts have no p-value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import (
    N_CLASSES,
    Metric,
    as_metric,
    metrics_of_confusions,
    record_confusions,
)
from ecg_lightning.evaluation.intervals import RESAMPLES, Interval, drawn_records, interval_of
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.text import counted, escaped, listed

PAIRED = (
    *("accuracy", "balanced_accuracy", "macro_f1_nsv", "macro_f1_nsvf"),
    *(f"{name}.f1" for name in CLASS_NAMES),
)
ALL = "all"


class PairedMetric(TypedDict):
    """A metric of both runs, and the second minus the first; None where there are no such beats.

    `interval` is that of the difference; None for fewer than two records.
    """

    first: Metric
    second: Metric
    difference: Metric
    interval: Interval | None


class PairedCounts(TypedDict):
    """Beats by who got them right."""

    beats: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int


class PairedSummary(TypedDict):
    """Two runs on the same beats.

    Attributes:
        beats: How many beats.
        records: How many records they come from.
        metrics: `PAIRED`, name to values.
        counts: `all`, and the name of each class, to the counts of its beats.
    """

    beats: int
    records: int
    metrics: dict[str, PairedMetric]
    counts: dict[str, PairedCounts]


@dataclass(frozen=True, eq=False)
class PairedBeats:
    """The same beats with the predictions of two runs.

    Attributes:
        records: (N,) the record of each beat.
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        first: (N,) the classes that the first run predicts.
        second: (N,) those of the second run.
    """

    records: Names
    labels: Integers
    first: Integers
    second: Integers


def paired_beats(
    first: Predictions, second: Predictions, names: tuple[str, str] = ("first", "second")
) -> PairedBeats:
    """Return the beats of two runs, in one order.

    Args:
        first: The beats of a run.
        second: Those of another one, in any order.
        names: What messages call the runs.

    Raises:
        InputError: The runs have other beats, or other true classes of them.
    """
    _check_same_beats(first, second, names)
    one, other = (np.lexsort((beats.samples, beats.records)) for beats in (first, second))
    _check_same_labels(first.labels[one], second.labels[other], names)
    return PairedBeats(
        first.records[one], first.labels[one], first.predicted[one], second.predicted[other]
    )


def compare_pairs(
    beats: PairedBeats, random: np.random.Generator, resamples: int = RESAMPLES
) -> PairedSummary:
    """Return the differences of two runs, with intervals, and who got which beats right.

    Args:
        beats: The beats.
        random: Draws the resamples.
        resamples: How often the records are drawn with replacement, for both runs at once.

    Example:
        >>> labels, right = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 2])
        >>> beats = PairedBeats(np.array(list("aabb")), labels, np.array([0, 0, 0, 2]), right)
        >>> result = compare_pairs(beats, np.random.default_rng(0))
        >>> result["metrics"]["accuracy"]["difference"], result["counts"]["S"]["only_second"]
        (0.25, 1)
    """
    (_, first), (names, second) = (
        record_confusions(beats.labels, predicted, beats.records)
        for predicted in (beats.first, beats.second)
    )
    intervals = _intervals(first, second, random, resamples)
    values = tuple(metrics_of_confusions(one.sum(axis=0)) for one in (first, second))
    return {
        "beats": len(beats.labels),
        "records": len(names),
        "metrics": {name: _metric(name, values, intervals) for name in PAIRED},
        "counts": {
            ALL: _counts(beats, np.ones(len(beats.labels), np.bool_)),
            **{name: _counts(beats, beats.labels == k) for k, name in enumerate(CLASS_NAMES)},
        },
    }


def _intervals(
    first: Integers, second: Integers, random: np.random.Generator, resamples: int
) -> dict[str, Interval]:
    """The intervals of the differences; empty for fewer than two records."""
    n_records = len(first)
    if n_records < 2:
        return {}
    draws = drawn_records(n_records, random, resamples)
    before, after = (
        metrics_of_confusions(
            (draws @ one.reshape(n_records, -1)).reshape(resamples, N_CLASSES, N_CLASSES)
        )
        for one in (first, second)
    )
    return {name: interval_of(after[name] - before[name]) for name in PAIRED}


def _metric(
    name: str, values: Sequence[Mapping[str, Floats]], intervals: Mapping[str, Interval]
) -> PairedMetric:
    first, second = (one[name] for one in values)
    return {
        "first": as_metric(first),
        "second": as_metric(second),
        "difference": as_metric(second - first),
        "interval": intervals.get(name),
    }


def _counts(beats: PairedBeats, rows: Flags) -> PairedCounts:
    first, second = (one[rows] == beats.labels[rows] for one in (beats.first, beats.second))
    return {
        "beats": len(first),
        "both_right": int((first & second).sum()),
        "only_first": int((first & ~second).sum()),
        "only_second": int((second & ~first).sum()),
        "both_wrong": int((~first & ~second).sum()),
    }


def _check_same_beats(first: Predictions, second: Predictions, names: tuple[str, str]) -> None:
    """Refuse runs of which one has a beat more often than the other."""
    records = np.concatenate([first.records, second.records])
    numbers = np.unique(records, return_inverse=True)[1].reshape(-1)
    places = np.stack([numbers, np.concatenate([first.samples, second.samples])], axis=1)
    _, rows, beats = np.unique(places, axis=0, return_index=True, return_inverse=True)
    in_first, in_second = np.split(beats.reshape(-1), [len(first.labels)])
    more = np.bincount(in_first, minlength=len(rows)) - np.bincount(in_second, minlength=len(rows))
    if not more.any():
        return
    only = [
        f"{counted(int(side.sum()), 'beat')} only in {name} ({_by_record(side, records[rows])})"
        for name, side in zip(names, (more.clip(0), (-more).clip(0)), strict=True)
        if side.any()
    ]
    raise InputError(
        f"{names[0]} and {names[1]}",
        expected="the same beats",
        found=" and ".join(only),
        hint="test both on the same records, split and segmentation",
    )


def _by_record(beats: Integers, records: Names) -> str:
    """How many beats are of which record, the most first."""
    names, rows = np.unique(records[beats > 0], return_inverse=True)
    counts = np.bincount(rows, weights=beats[beats > 0]).astype(np.int64)
    order = np.argsort(-counts, kind="stable").tolist()
    return listed([f"{escaped(str(names[k]), 40)}: {counts[k]:,}" for k in order])


def _check_same_labels(first: Integers, second: Integers, names: tuple[str, str]) -> None:
    differ = first != second
    if not differ.any():
        return
    pairs = np.unique(np.stack([first, second], axis=1)[differ], axis=0, return_counts=True)
    changes = [
        f"{CLASS_NAMES[one]} and {CLASS_NAMES[other]}: {count:,}"
        for (one, other), count in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)
    ]
    raise InputError(
        f"{names[0]} and {names[1]}",
        expected="the same true classes",
        found=f"others for {int(differ.sum()):,} of {counted(len(first), 'beat')} "
        f"({listed(changes)})",
        hint="test both with the same class map and annotations",
    )
