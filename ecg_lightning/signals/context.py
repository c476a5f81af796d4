"""A beat in the context of its patient, as `PatientContext` sees it.

Training and annotation call the same functions: a lead is resampled to `FS_HZ` and band-passed,
windows are cut around the beats, and `context_rows` makes the rows of each beat from the windows
and the times of one *stretch*: up to `STRETCH_S` of one recording. No label is used anywhere.
"""

from functools import cache

import numpy as np
from scipy.signal import firwin, oaconvolve

from ecg_lightning.arrays import AnyFloats, Floats, Floats32, Integers
from ecg_lightning.signals.rhythm import RR_FEATURES, rr_features
from ecg_lightning.signals.running_rhythm import RunningRhythm
from ecg_lightning.signals.running_template import RunningTemplate
from ecg_lightning.signals.templates import (
    FS_HZ,
    MARGIN,
    R_SAMPLE,
    SHAPE_FEATURES,
    WINDOW_SAMPLES,
    aligned_to_template,
    come_as_usual,
    shape_features,
)

LEADS = 2
STRETCH_S = 1800.0  # the length of the records of MIT-BIH and SVDB, which trained the weights
BAND_TAPS, BAND_HZ = 257, (0.5, 40.0)
BAND_SAMPLES = BAND_TAPS // 2  # the context of the band-pass on each side
# The rows of a beat: its leads, their templates, and numbers: 1 for a beat (0: no beat, filled up),
# RR_FEATURES, SHAPE_FEATURES, and zeros up to the length of a window.
ROWS = 2 * LEADS + 1
LARGEST = 100.0  # a beat is clipped at so many heights of its template
CONTEXT_FEATURES = ("is_beat", *RR_FEATURES, *SHAPE_FEATURES)


@cache
def band_taps() -> Floats:
    """Return the taps (BAND_TAPS,) of the band-pass at `FS_HZ`, symmetric; their sum is 0."""
    taps: Floats = firwin(BAND_TAPS, BAND_HZ, pass_zero=False, fs=FS_HZ)
    window = np.hamming(BAND_TAPS)
    return taps - taps.sum() * window / window.sum()


def with_edges(leads: AnyFloats) -> AnyFloats:
    """Return leads (..., T + 2 BAND_SAMPLES) whose first and last sample are repeated.

    This is the context of the band-pass at the ends of a recording.

    Args:
        leads: (..., T), at least one sample.
    """
    return np.pad(leads, [(0, 0)] * (leads.ndim - 1) + [(BAND_SAMPLES, BAND_SAMPLES)], mode="edge")


def band_passed(leads: AnyFloats) -> Floats:
    """Return what leads hold between 0.5 and 40 Hz, without delay.

    Args:
        leads: (..., T) at `FS_HZ`, finite, with `BAND_SAMPLES` of context on each side: those of
            the recording, or `with_edges` at its ends.

    Returns:
        (..., T - 2 BAND_SAMPLES).
    """
    taps = band_taps().reshape(*[1] * (leads.ndim - 1), -1)
    return oaconvolve(leads.astype(np.float64), taps, mode="valid", axes=-1)


def beat_windows(leads: AnyFloats, positions: AnyFloats | Integers) -> AnyFloats:
    """Cut the window around each beat, `MARGIN` samples longer than a beat on each side.

    Args:
        leads: (L, T) at `FS_HZ`, band-passed.
        positions: (N,) of the R peaks, in samples of these leads. The nearest sample serves. Where
            a window reaches beyond the leads, their first or last sample is repeated.

    Returns:
        (N, L, WINDOW_SAMPLES + 2 MARGIN), of the type of the leads.
    """
    nearest = np.floor(positions + 0.5).astype(np.int64)
    start = nearest[:, None] - R_SAMPLE - MARGIN
    places = (start + np.arange(WINDOW_SAMPLES + 2 * MARGIN)).clip(0, leads.shape[-1] - 1)
    return leads[:, places].swapaxes(0, 1)


def own_samples(positions: Floats, step: float) -> tuple[Floats, Floats]:
    """Return where the WINDOW_SAMPLES of each beat begin and end in a lead at another rate.

    Args:
        positions: (N,) of the R peaks, in samples at `FS_HZ`. The nearest sample serves.
        step: How many samples of the lead a sample at `FS_HZ` is.

    Returns:
        (N,) first samples, and (N,) ends, in samples of the lead; fractions are possible.
    """
    starts = (np.floor(positions + 0.5) - R_SAMPLE) * step
    return starts, starts + WINDOW_SAMPLES * step


def stretches(times_s: Floats) -> Integers:
    """Return the first beat (S,) of each stretch of a recording: `np.split(beats, starts[1:])`.

    A stretch holds the beats of `STRETCH_S`, counted from the recording's start. The last one is at
    least half as long, or is joined to the one before it. Each one has at least one beat.

    Args:
        times_s: (N,) the times of the beats, ascending, from the recording's start.
    """
    if not len(times_s):
        return np.zeros(0, np.int64)
    borders = STRETCH_S * np.arange(stretch_count(times_s[-1]))
    return np.unique(np.searchsorted(times_s, borders))


def stretch_count(last_s: float) -> int:
    """Return how many stretches a recording has, with or without beats.

    Args:
        last_s: The time of its last beat. With any later beats, all stretches but the last stay.
    """
    return max(1, int(last_s / STRETCH_S + 0.5))


def context_rows(windows: AnyFloats, times_s: Floats) -> Floats32:
    """Return what the network sees of each beat of a stretch, offline.

    Args:
        windows: (N, LEADS, WINDOW_SAMPLES + 2 MARGIN) band-passed, around the beats, finite; 0 for
            a lead that is missing.
        times_s: (N,) the times of the beats, ascending.

    Returns:
        (N, ROWS, WINDOW_SAMPLES), finite. A lead without a QRS is 0, as one that is missing; no
        sample is larger than `LARGEST`.
    """
    if not len(windows):
        return np.zeros((0, ROWS, WINDOW_SAMPLES), np.float32)
    rr = rr_features(times_s)
    before, after, over_mean = (rr[:, RR_FEATURES.index(name)] for name in _RATIOS)
    usual = come_as_usual(*map(np.exp, (before, after, over_mean)))
    beside = aligned_to_template(np.asarray(windows, np.float64), usual)
    shapes = shape_features(beside, before, after)
    return _rows(beside.beats, beside.template, np.concatenate([rr, shapes], 1))


class CausalContext:
    """What the network sees of each beat as a recording comes: only the beats before it.

    Rows are those of `context_rows`, made of the past: at most 1,000 beats and 30 minutes. They do
    not depend on how many beats come at once, bit for bit. Use a new one for each recording.

    Example:
        >>> context = CausalContext()
        >>> context.push(np.zeros((3, 2, 140)), np.array([0.2, 1.0, 1.9])).shape
        (3, 5, 128)
    """

    def __init__(self) -> None:
        self._rhythm = RunningRhythm()
        self._template = RunningTemplate(LEADS)

    def push(self, windows: AnyFloats, times_s: Floats) -> Floats32:
        """Return what the network sees of the next beats.

        Args:
            windows: (n, LEADS, WINDOW_SAMPLES + 2 MARGIN) band-passed, around the beats, finite; 0
                for a lead that is missing.
            times_s: (n,) the times of the beats, ascending, none before an earlier beat.

        Returns:
            (n, ROWS, WINDOW_SAMPLES), finite.
        """
        rows = np.zeros((len(windows), ROWS, WINDOW_SAMPLES), np.float32)
        for place, (window, time_s) in enumerate(zip(windows, times_s, strict=True)):
            rows[place] = self._row(window.astype(np.float64), float(time_s))
        return rows

    def _row(self, window: Floats, time_s: float) -> Floats32:
        rr = self._rhythm.push(time_s)
        before, over_mean = (rr[RR_FEATURES.index(name)] for name in _RATIOS[::2])
        after_previous = self._rhythm.after_previous
        compared = self._template.push(window, time_s, before, after_previous, over_mean)
        numbers = np.concatenate([rr, compared.shape])
        return _rows(compared.beat[None], compared.template, numbers[None])[0]


_RATIOS = ("before_over_local_median", "after_over_local_median", "before_over_mean")


def _rows(beats: Floats, templates: Floats, numbers: Floats) -> Floats32:
    rows = np.zeros((len(beats), ROWS, WINDOW_SAMPLES), np.float32)
    for values, place in ((beats, rows[:, :LEADS]), (templates, rows[:, LEADS:-1])):
        np.clip(values, -LARGEST, LARGEST, out=place, casting="same_kind")
    rows[:, -1, 0] = 1
    rows[:, -1, 1 : len(CONTEXT_FEATURES)] = numbers
    return rows
