"""Which parts of a lead carry no signal: invalid, flat and clipped samples, and lone spikes.

The thresholds were chosen on both leads of the 48 records of MIT-BIH and the 78 of its
Supraventricular Arrhythmia Database (SVDB), after a look at what they mark. Of the first leads they
mark clipping in record 116 of MIT-BIH and in 11 of SVDB, each time at the converter's end, and
nothing else.
"""

import math
from typing import Any

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers

FLAT_S = 0.5  # real leads of a small amplitude have up to 0.3 s of equal samples
FLAT_SAMPLES = 10  # slow numbers such as a heart rate repeat
# R peaks and noise have up to three equal samples at their top, 8 ms at 360 Hz.
CLIPPED_S, CLIPPED_SAMPLES = 0.02, 3
# An extreme is the baseline where at least half of the samples are within this share of the range.
_NEAR = 0.1
LARGEST_SAMPLE = 1e12  # in any unit; converters give numbers of up to 32 bits
SPIKE_S = 0.02
_SPIKE = 2.0  # of `spike_factor`, from which it is told; real records have at most 1.7
_SHORT_S = 300  # below it the extremes of a record are no scale to rely on
_BLOCK = 64  # samples of which one extreme is taken first


def valid_samples(signal: Floats) -> Flags:
    """Return which samples of a lead (T,) are finite numbers; invalid ones are NaN."""
    return np.isfinite(signal)


def measured(leads: Any) -> Any:
    """Return samples (…, T) of their type, with NaN for those that no device has measured.

    Beyond `LARGEST_SAMPLE` a number is a sign that stands for a missing value, or an error; its
    square would overflow in a network.

    Example:
        >>> measured(np.array([0.5, 1e30]))
        array([0.5, nan])
    """
    return np.where(np.abs(leads) > LARGEST_SAMPLE, np.nan, leads)


def changes(signal: Floats) -> Flags:
    """Return which samples (T,) differ from the sample before, where both are valid."""
    valid, differs = valid_samples(signal), np.zeros(len(signal), np.bool_)
    differs[1:] = (signal[1:] != signal[:-1]) & valid[1:] & valid[:-1]
    return differs


def stretches(flags: Flags) -> tuple[Integers, Integers]:
    """Return where the runs of set flags (T,) start, and the index after each run, (S,) each.

    Example:
        >>> stretches(np.array([True, False, True, True]))
        (array([0, 2]), array([1, 4]))
    """
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def may_hold_run(flags: Flags, length: int) -> bool:
    """Return whether flags (T,) may hold a run of `length` set ones; False is certain, and fast."""
    size = max(1, length // 2)  # such a run covers one of these blocks
    return bool(flags[: len(flags) // size * size].reshape(-1, size).all(1).any())


def flat_samples(signal: Floats, fs_hz: float) -> Flags:
    """Return which samples (T,) lie in a run of at least `FLAT_S` seconds of equal values.

    Args:
        signal: (T,) one lead; invalid samples are NaN and belong to no run.
        fs_hz: Its sampling rate.
    """
    equal, shortest = _equal_to_last(signal), flat_run_samples(fs_hz)
    if not may_hold_run(equal, shortest - 1):
        return np.zeros(len(signal), np.bool_)
    starts = np.flatnonzero(~equal)
    ends = np.append(starts[1:], len(signal))
    long = (ends - starts >= shortest) & valid_samples(signal[starts])
    return _flags_of(starts[long], ends[long], len(signal))


def flat_run_samples(fs_hz: float) -> int:
    """Return how many equal samples are a flat run; below 20 Hz it is longer than half a second."""
    return max(FLAT_SAMPLES, math.ceil(FLAT_S * fs_hz))


def clipped_samples(signal: Floats, fs_hz: float) -> Flags:
    """Return which samples (T,) were cut off at the top or the bottom of the lead's range.

    They are equal to the lead's largest or smallest value, in runs of at least 3 samples and 20 ms.
    An extreme with at least half of the samples close to it is the baseline of a lead without
    noise, no clipping.

    Args:
        signal: (T,) one lead; invalid samples are NaN.
        fs_hz: Its sampling rate.
    """
    values, flags = _valid_values(signal), np.zeros(len(signal), np.bool_)
    if not len(values):
        return flags
    low, high = float(values.min()), float(values.max())
    shortest = clipped_run_samples(fs_hz)
    for extreme in (low, high):
        equal = signal == extreme
        if np.count_nonzero(equal) < shortest:  # most leads: the baseline is not needed
            continue
        if 2 * samples_near(values, extreme, low, high) < len(values):
            starts, ends = stretches(equal)
            long = ends - starts >= shortest
            flags |= _flags_of(starts[long], ends[long], len(signal))
    return flags


def clipped_run_samples(fs_hz: float) -> int:
    """Return how many samples at an extreme are a clipped run."""
    return max(CLIPPED_SAMPLES, math.ceil(CLIPPED_S * fs_hz))


def samples_near(values: Floats, extreme: float, low: float, high: float) -> int:
    """Return how many values (T,) are close to one of the extremes `low` and `high` of a lead."""
    margin = _NEAR * high - _NEAR * low
    near = values <= low + margin if extreme == low else values >= high - margin
    return int(np.count_nonzero(near))


def spike_factor(signal: Floats, fs_hz: float) -> float:
    """Return how many times as wide the lead's range is with its extreme samples as without them.

    At each end of the range the samples of `SPIKE_S` seconds in all are the extreme ones: much less
    than one heartbeat lasts. The factor of real records is 1.0 to 1.7. One sample of 5 mV makes it
    3. It is infinite where the rest of the lead is constant, and 1 where all of it is.

    Args:
        signal: (T,) one lead; invalid samples are NaN.
        fs_hz: Its sampling rate.
    """
    values = _valid_values(signal)
    count = extreme_samples(fs_hz)
    if len(values) <= 2 * count:
        return 1.0
    narrow = _nth_largest(values, count) + _nth_largest(-values, count)
    return factor_of_ranges(float(values.max() - values.min()), narrow)


def extreme_samples(fs_hz: float) -> int:
    """Return how many samples at each end of a lead's range are its extreme ones."""
    return max(1, round(SPIKE_S * fs_hz))


def factor_of_ranges(wide: float, narrow: float) -> float:
    """Return the factor of `spike_factor` from the ranges with and without the extreme samples."""
    if not narrow > 0:
        return math.inf if wide > 0 else 1.0
    return wide / narrow


def scaling_texts(duration_s: float, factor: float) -> list[str]:
    """Return what makes the scaling of a lead by its extremes unreliable.

    Args:
        duration_s: The length of the lead in seconds.
        factor: Its `spike_factor`.
    """
    texts = []
    if duration_s < _SHORT_S:
        minutes = f"{_SHORT_S // 60} minutes"
        texts.append(f"shorter than {minutes}: scaling by a record's extremes is unreliable")
    if factor >= _SPIKE:
        times = f"{factor:.1f} times" if math.isfinite(factor) else "many times"
        texts.append(f"spikes make the range {times} as wide, and the record is scaled by it")
    return texts


def shares_between(flags: Flags, starts: Floats, ends: Floats, length: float) -> Floats:
    """Return how many set flags lie in windows [start, end), as a share of a window's length.

    Args:
        flags: (T,).
        starts: (N,) in samples, fractions too; what lies outside the flags counts as not set.
        ends: (N,).
        length: The whole length of a window, padding included.

    Returns:
        (N,) from 0 to 1.

    Example:
        >>> flags = np.array([True, True, False, False])
        >>> shares_between(flags, np.array([0.0, 0.5]), np.array([2.0, 3.0]), 4.0)
        array([0.5  , 0.375])
    """
    starts, ends = np.clip(starts, 0, len(flags)), np.clip(ends, 0, len(flags))
    if flags.all():
        return np.clip((ends - starts) / length, 0.0, 1.0)
    before = np.concatenate([[0], np.cumsum(flags)])

    def count(places: Floats) -> Floats:
        """The flags before places, on a line between two samples."""
        lower = places.astype(np.int64)
        upper = np.minimum(lower + 1, len(flags))
        return before[lower] + (before[upper] - before[lower]) * (places - lower)

    return np.clip((count(ends) - count(starts)) / length, 0.0, 1.0)


def constant_between(signal: Floats, starts: Floats, ends: Floats) -> Flags:
    """Return in which windows [start, end) a signal (T,) never changes between valid samples.

    Filters make a small ripple of such a window, whatever its level; it shows no beat.

    Args:
        signal: (T,) as it was read, at any level.
        starts: (N,) in samples, fractions too.
        ends: (N,).

    Returns:
        (N,); also set for windows without valid samples, and for those outside the signal.

    Example:
        >>> signal, starts = np.array([1.0, 1.0, 1.0, 2.0]), np.array([0.0, 2.0])
        >>> constant_between(signal, starts, starts + 2)
        array([ True, False])
    """
    return shares_between(changes(signal), starts, ends, 1.0) == 0


def _valid_values(signal: Floats) -> Floats:
    """The valid samples; the signal itself where all are."""
    valid = valid_samples(signal)
    return signal if valid.all() else signal[valid]


def _nth_largest(values: Floats, number: int) -> float:
    """The value of which `number` others are at least as large.

    It lies in a block of which the largest value is one of the `number` + 1 largest.
    """
    whole = len(values) // _BLOCK * _BLOCK
    blocks, rest = values[:whole].reshape(-1, _BLOCK), values[whole:]
    if len(blocks) > number + 1:
        blocks = blocks[np.argpartition(blocks.max(1), -1 - number)[-1 - number :]]
    candidates = np.concatenate([blocks.reshape(-1), rest])
    return float(np.partition(candidates, -1 - number)[-1 - number])


def _equal_to_last(signal: Floats) -> Flags:
    """Which samples equal the one before; an invalid one equals nothing."""
    equal = np.zeros(len(signal), np.bool_)
    equal[1:] = signal[1:] == signal[:-1]
    return equal


def _flags_of(starts: Integers, ends: Integers, length: int) -> Flags:
    """Set flags in [start, end)."""
    steps = np.zeros(length + 1, np.int64)
    steps[starts] += 1
    steps[ends] -= 1
    return np.cumsum(steps[:-1]) > 0
