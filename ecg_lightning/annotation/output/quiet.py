"""Whether the signal between two beats is quiet, as in a pause, or beats may have been missed."""

import math

import numpy as np

from ecg_lightning.arrays import AnyFloats

AROUND_S = 0.15  # from an R peak to the edges of its QRS complex, and some more
AFTER_S, BEFORE_S = 0.5, 0.2  # the T wave of the first beat, the P wave of the second
_WINDOW_S = 0.5  # longer than a wave of ventricular flutter, shorter than most of the wander
LOUD_SHARE = 0.4


def is_quiet(signal: AnyFloats, fs_hz: float) -> bool | None:
    """Return whether the signal between two beats is much smaller than the beats.

    The signal is cut into windows of half a second, from the end of the first T wave to the start
    of the second P wave. It is quiet where the range of each window is below `LOUD_SHARE`
    of the mean range of both QRS complexes.

    Args:
        signal: (T,) the lead from `AROUND_S` before the first R peak to `AROUND_S` after the
            second; invalid samples are NaN.
        fs_hz: Its sampling rate.

    Returns:
        None where there is less than a window between the beats, or a part has no valid samples.
    """
    edge, size = round(2 * AROUND_S * fs_hz), max(2, round(_WINDOW_S * fs_hz))
    first = round((AROUND_S + AFTER_S) * fs_hz)
    between = signal[first : len(signal) - round((AROUND_S + BEFORE_S) * fs_hz)]
    starts = {*range(0, len(between) - size + 1, size), len(between) - size}  # to the very end
    ranges = [_range(between[start : start + size]) for start in starts if start >= 0]
    beats = (_range(signal[:edge]) + _range(signal[len(signal) - edge :])) / 2
    if not ranges or not math.isfinite(sum(ranges) + beats):
        return None
    return max(ranges) < LOUD_SHARE * beats


def _range(values: AnyFloats) -> float:
    """The range of the values; NaN where one is invalid, or there are none."""
    return float(np.ptp(values)) if len(values) else float("nan")
