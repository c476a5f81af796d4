"""Scores of predictions on unseen patients: over seeds, with intervals, and for each record."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from unseen_predictions import Predicted

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.confusion import metrics_of_confusions
from ecg_lightning.evaluation.intervals import drawn_records, interval_of

# Table heading -> key of `metrics_of_confusions`.
SCORES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "macro-F1 N S V": "macro_f1_nsv",
    **{
        f"{label} {short}": f"{label}.{name}"
        for label in "SVF"
        for short, name in (
            ("Se", "sensitivity"),
            ("+P", "positive_predictivity"),
            ("F1", "f1"),
        )
    },
}
RESAMPLES, LEAST_S = 1_000, 20
S = CLASS_NAMES.index("S")


class Spread(NamedTuple):
    """A score over seeds.

    Attributes:
        mean: Its mean.
        deviation: Its standard deviation (n - 1); NaN for one seed.
        low, high: The ends of the 95 % interval of the mean, over records; NaN for one record.
    """

    mean: float
    deviation: float
    low: float
    high: float


def counts_of(seeds: Sequence[Predicted]) -> tuple[Names, Integers]:
    """Return the records (M,) and the counts (R, M, 5, 5) of R seeds.

    Raises:
        ValueError: The seeds have other records or other beats.
    """
    pairs = [seed.confusions() for seed in seeds]
    names = pairs[0][0]
    beats = {tuple(counts[:, :-1].sum(axis=2).ravel().tolist()) for _, counts in pairs}
    if any(not np.array_equal(names, other) for other, _ in pairs) or len(beats) > 1:
        raise ValueError("the seeds were tested on different beats")
    return names, np.stack([counts for _, counts in pairs])


def spreads(counts: Integers, resamples: int = RESAMPLES) -> dict[str, Spread]:
    """Return each of `SCORES` over seeds.

    The interval is that of the mean over seeds when the records of the test side are drawn anew,
    with replacement, the same records for all seeds.

    Args:
        counts: (R, M, 5, 5) of R seeds and M records.
        resamples: How often records are drawn.
    """
    metrics = metrics_of_confusions(counts.sum(axis=1))
    intervals = _intervals(counts, resamples)
    return {
        title: Spread(*_mean_and_deviation(metrics[key]), *intervals[key])
        for title, key in SCORES.items()
    }


def _mean_and_deviation(values: Floats) -> tuple[float, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
    return float(np.mean(values)), deviation


def _intervals(counts: Integers, resamples: int) -> dict[str, tuple[float, float]]:
    n_records = counts.shape[1]
    if n_records < 2:
        return dict.fromkeys(SCORES.values(), (np.nan, np.nan))
    draws = drawn_records(n_records, np.random.default_rng(0), resamples)
    cells = counts.reshape(len(counts), n_records, -1)
    sums = np.matmul(draws.astype(np.float64), cells.astype(np.float64))  # exact below 2^53
    metrics = metrics_of_confusions(
        sums.astype(np.int64).reshape(len(counts), -1, *counts.shape[2:])
    )
    ends = {key: interval_of(metrics[key].mean(axis=0)) for key in SCORES.values()}
    return {key: (_or_nan(end["low"]), _or_nan(end["high"])) for key, end in ends.items()}


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def of_records(counts: Integers) -> dict[str, Floats]:
    """Return the mean over seeds of each of `SCORES` for each record (M,); NaN without such beats.

    Args:
        counts: (R, M, 5, 5).
    """
    metrics = metrics_of_confusions(counts)
    return {title: metrics[key].mean(axis=0) for title, key in SCORES.items()}


def records_with_s(counts: Integers, least: int = LEAST_S) -> Integers:
    """Return the rows (K,) of records that have so many S beats or more."""
    return np.flatnonzero(counts[0, :, S].sum(axis=1) >= least)


def median_s(counts: Integers, least: int = LEAST_S) -> float:
    """Return the median S F1 over the records that have so many S beats; NaN without any."""
    rows = records_with_s(counts, least)
    return float(np.median(of_records(counts)["S F1"][rows])) if len(rows) else np.nan
