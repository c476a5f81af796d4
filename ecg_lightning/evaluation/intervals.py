"""95 % intervals of metrics, by bootstrap over records."""

from typing import NotRequired, TypedDict

import numpy as np

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.evaluation.confusion import N_CLASSES, Metric, metrics_of_confusions

RESAMPLES = 2_000


class Interval(TypedDict):
    """A 95 % interval.

    `left_out` is the share of resamples without such beats; the key is missing if it is 0.
    """

    low: Metric
    high: Metric
    left_out: NotRequired[float]


def bootstrap_intervals(
    confusions: Integers, random: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return 95 % intervals by the percentile bootstrap over records.

    Records are drawn and not beats, because the beats of one record are not independent.

    Args:
        confusions: (M, 5, 5) the records' confusion matrices.
        random: Draws the resamples.
        resamples: How many times M records are drawn with replacement.

    Returns:
        Metric to interval, keys as in `metrics_of_confusions`. Empty for fewer than two records,
        which have no spread.
    """
    n_records = len(confusions)
    if n_records < 2:
        return {}
    draws = drawn_records(n_records, random, resamples)
    sums = (draws @ confusions.reshape(n_records, -1)).reshape(resamples, N_CLASSES, N_CLASSES)
    return {name: interval_of(values) for name, values in metrics_of_confusions(sums).items()}


def drawn_records(n_records: int, random: np.random.Generator, resamples: int) -> Integers:
    """Return (R, M): how often each of M records is drawn, with replacement, in R resamples."""
    return random.multinomial(n_records, np.full(n_records, 1 / n_records), size=resamples)


def interval_of(values: Floats) -> Interval:
    """Return the 95 % interval of a metric's resamples (R,); NaN is one without such beats."""
    missing = np.isnan(values)
    if missing.all():
        return {"low": None, "high": None, "left_out": 1.0}
    low, high = np.percentile(values[~missing], (2.5, 97.5)).tolist()
    result: Interval = {"low": low, "high": high}
    return {**result, "left_out": float(missing.mean())} if missing.any() else result
