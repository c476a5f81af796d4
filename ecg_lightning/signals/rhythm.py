"""What the RR intervals around a beat say about it: ratios and irregularity.

Every function works on the times of the beats of one patient, and on nothing else: no label and no
signal. `rr_features` sees all beats, `RunningRhythm` only those that have come.

Ratios of intervals are given as natural logarithms, so that a shorter and a longer interval lie
equally far from 0, and so that the heart rate cancels out. `log_rr` alone is absolute: it says
where the beat before lies.

Sources: ratios to local and global means: Mar et al. 2011, Farag 2023; to the mean *and* the
median: where most beats are ectopic, the median is the ectopic interval.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

from ecg_lightning.arrays import Floats

SHORTEST_S, LONGEST_S = 0.15, 4.0  # intervals are clipped to this
LOCAL_BEATS = 41  # a local median is that of 20 beats on each side
QUANTILES = (0.05, 0.2, 0.8, 0.95)
EARLY = 0.88  # a beat is early if its interval is below this share of the local median

RR_FEATURES = (
    "log_rr",
    "before_over_local_median",
    "after_over_local_median",
    "before_over_mean",
    "after_over_mean",
    "before_over_median",
    "after_over_median",
    *(f"before_over_q{100 * q:02.0f}" for q in QUANTILES),
    "after_over_before",
    "before_over_previous",
    "previous_over_local_median",
    "next_over_local_median",
    "second_previous_over_local_median",
    "before_over_mean_of_11",
    "before_over_past_10",
    "before_over_past_40",
    "before_over_longest_of_9",
    "both_over_local_median",
    "local_irregularity",
    "local_share_early",
    "alternation",
)


def rr_features(times_s: Floats) -> Floats:
    """Return what the RR intervals say about each beat.

    The first beat has no interval before it and takes that after it; the last likewise. A single
    beat counts as one of a regular rhythm of 1 s.

    Args:
        times_s: (N,) the times of the beats of one patient, ascending, in seconds.

    Returns:
        (N, len(RR_FEATURES)) float64, finite.

    Example:
        >>> features = rr_features(np.array([0.0, 1.0, 2.0, 2.5, 4.0]))
        >>> features[3, RR_FEATURES.index("after_over_before")].round(3)  # ln(1.5 / 0.5)
        np.float64(1.099)
    """
    if not len(times_s):
        return np.zeros((0, len(RR_FEATURES)))
    before, after = intervals(times_s)
    local, longest = _local_median(before), maximum_filter1d(before, 9, origin=4, mode="nearest")
    previous, following = _shifted(before, 1), _shifted(after, -1)
    steps = np.abs(np.diff(np.log(before), prepend=np.log(before[:1])))
    early = (before < EARLY * local).astype(np.float64)
    columns = [
        np.log(before),
        *_ratios(local, before, after),
        *_ratios(np.mean(before), before, after),
        *_ratios(np.median(before), before, after),
        *(np.log(before / quantile) for quantile in np.quantile(before, QUANTILES)),
        np.log(after / before),
        np.log(before / previous),
        *_ratios(local, previous, following, _shifted(before, 2)),
        np.log(before / uniform_filter1d(before, 11, mode="nearest")),
        np.log(before / _past_mean(before, 10)),
        np.log(before / _past_median(before, 40)),
        np.log(before / longest),
        np.log((before + after) / (2 * local)),
        _local_median(steps),
        uniform_filter1d(early, LOCAL_BEATS, mode="nearest"),
        _alternation(np.log(before / local)),
    ]
    return np.stack(columns, 1)


def intervals(times_s: Floats) -> tuple[Floats, Floats]:
    """Return the intervals before and after each beat (N,), in seconds, clipped.

    They are at least `SHORTEST_S` and at most `LONGEST_S`. Those of a single beat are 1 s.
    """
    if len(times_s) < 2:
        return np.ones(len(times_s)), np.ones(len(times_s))
    rr = np.clip(np.diff(times_s), SHORTEST_S, LONGEST_S)
    return np.concatenate([rr[:1], rr]), np.concatenate([rr, rr[-1:]])


def _ratios(base: Floats | np.floating, *values: Floats) -> list[Floats]:
    return [np.log(value / base) for value in values]


def _shifted(values: Floats, beats: int) -> Floats:
    """The value of an earlier beat (a later one if negative); the first (last) fills the edge."""
    places = np.arange(len(values)) - beats
    return values[places.clip(0, len(values) - 1)]


def _local_median(values: Floats) -> Floats:
    return median_filter(values, LOCAL_BEATS, mode="nearest")


def _past_mean(values: Floats, beats: int) -> Floats:
    """The mean of up to so many earlier values; the first takes its own."""
    sums, here = np.concatenate([[0.0], np.cumsum(values)]), np.arange(len(values))
    start = np.maximum(here - beats, 0)
    means = (sums[here] - sums[start]) / np.maximum(here - start, 1)
    return np.where(here > 0, means, values)


def _past_median(values: Floats, beats: int) -> Floats:
    """The median of up to so many earlier values; the first takes its own."""
    padded = np.concatenate([np.full(beats, np.nan), values])[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, beats).copy()
    windows[0, -1] = values[0]
    return np.nanmedian(windows, 1)


def _alternation(deviations: Floats) -> Floats:
    """How much every second interval deviates alike, around each beat: about 1 in bigeminy."""
    products = uniform_filter1d(deviations * _shifted(deviations, 2), 21, mode="nearest")
    return products / (uniform_filter1d(deviations**2, 21, mode="nearest") + 1e-3)
