"""A beat in the context of its patient, as `PatientContext` sees it.

Training and annotation call the same functions: a lead is resampled to `FS_HZ` and band-passed,
windows are cut around the beats, and `context_rows` makes the rows of each beat from the windows
and the times of one *stretch*: up to `STRETCH_S` of one recording. No label is used anywhere.
"""

import numpy as np
from scipy.signal import firwin

from ecg_lightning.arrays import Floats, Floats32, Integers
from ecg_lightning.signals.rhythm import RR_FEATURES, rr_features
from ecg_lightning.signals.templates import (
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    aligned_to_template,
    come_as_usual,
    shape_features,
)

LEADS = 2
STRETCH_S = 1800.0  # the length of the records of MIT-BIH and SVDB, which trained the weights
BAND_TAPS, BAND_HZ = 257, (0.5, 40.0)
# The rows of a beat: its leads, their templates, and numbers: 1 for a beat (0: no beat, filled up),
# RR_FEATURES, SHAPE_FEATURES, and zeros up to the length of a window.
ROWS = 2 * LEADS + 1
CONTEXT_FEATURES = ("is_beat", *RR_FEATURES, *SHAPE_FEATURES)


def band_taps(fs_hz: float) -> Floats:
    """Return the taps (BAND_TAPS,) of the band-pass, symmetric, for the rate of the windows."""
    taps: Floats = firwin(BAND_TAPS, BAND_HZ, pass_zero=False, fs=fs_hz)
    return taps


def stretches(times_s: Floats) -> Integers:
    """Return the first beat (S,) of each stretch of a recording, for `np.split`.

    A stretch holds the beats of `STRETCH_S`, counted from the recording's start. The last one is at
    least half as long, or is joined to the one before it.

    Args:
        times_s: (N,) the times of the beats, ascending.
    """
    if not len(times_s):
        return np.zeros(0, np.int64)
    count = max(1, int(times_s[-1] / STRETCH_S + 0.5))
    return np.searchsorted(times_s, STRETCH_S * np.arange(count))


def context_rows(windows: Floats, times_s: Floats) -> Floats32:
    """Return what the network sees of each beat of a stretch, offline.

    Args:
        windows: (N, LEADS, WINDOW_SAMPLES + 2 MARGIN) band-passed, around the beats; 0 for a lead
            that is missing.
        times_s: (N,) the times of the beats, ascending.

    Returns:
        (N, ROWS, WINDOW_SAMPLES).
    """
    rr = rr_features(times_s)
    before, after = (rr[:, RR_FEATURES.index(f"{name}_over_local_median")] for name in _SIDES)
    aligned = aligned_to_template(windows, come_as_usual(np.exp(before), np.exp(after)))
    shapes = shape_features(aligned, before, after)
    rows = np.zeros((len(windows), ROWS, WINDOW_SAMPLES), np.float32)
    rows[:, :LEADS], rows[:, LEADS : 2 * LEADS] = aligned.beats, aligned.template
    rows[:, -1, 0] = 1
    rows[:, -1, 1 : len(CONTEXT_FEATURES)] = np.concatenate([rr, shapes], 1)
    return rows


_SIDES = ("before", "after")
