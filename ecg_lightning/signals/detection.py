"""From a lead to the input of the beat detector.

Every function works on pieces: with enough context on both sides, a piece gives what the whole lead
gives. The order is: resample a lead to `FS_HZ`, `band_passed`, divide by `lead_scale` of its
`window_maxima`, run the detector, then `beat_picker` and `r_peaks`.
"""

from functools import cache

import numpy as np
from scipy.signal import firwin, oaconvolve

from ecg_lightning.arrays import AnyFloats, Floats

FS_HZ = 120.0  # of the signal that the detector sees
WANDER_SAMPLES, LOW_PASS_TAPS, LOW_PASS_HZ = 108, 25, 40.0
BAND_SAMPLES = WANDER_SAMPLES + LOW_PASS_TAPS // 2  # the context of the band-pass on each side
MAXIMA_SAMPLES = 240  # 2 s, in which at least one beat is expected
LARGE_MV = 20.0  # the scale of a lead that is no ECG in mV: a heart gives a few mV
DEAD_MV = 0.02  # the scale of a lead with no larger maxima: its noise stays small


@cache
def band_taps() -> Floats:
    """Return the (2 * BAND_SAMPLES + 1,) taps of the band-pass at `FS_HZ`, symmetric.

    A low-pass of 0.1 s on each side (half at 40 Hz), less a weighted mean over 0.9 s on each side.
    A constant becomes exactly 0 but for rounding, 0.55 Hz becomes half, from 1.2 Hz on all is kept.
    """
    wander = np.hanning(2 * WANDER_SAMPLES + 1)
    above_wander = -wander / wander.sum()
    above_wander[WANDER_SAMPLES] += 1
    return np.convolve(above_wander, firwin(LOW_PASS_TAPS, LOW_PASS_HZ, fs=FS_HZ))


def band_passed(leads: AnyFloats) -> Floats:
    """Return what leads hold between about 0.5 and 40 Hz, without delay.

    Args:
        leads: (..., T) at `FS_HZ`, finite, with `BAND_SAMPLES` of context on each side. At the ends
            of a recording, its first and last sample repeated serve as context.

    Returns:
        (..., T - 2 * BAND_SAMPLES).
    """
    taps = band_taps().reshape(*[1] * (leads.ndim - 1), -1)
    return oaconvolve(leads.astype(np.float64), taps, mode="valid", axes=-1)


def window_maxima(leads: AnyFloats) -> Floats:
    """Return the largest deflection, of either sign, in each whole window of 2 s.

    Args:
        leads: (..., T) at `FS_HZ`, band-passed.

    Returns:
        (..., T // MAXIMA_SAMPLES).
    """
    count = leads.shape[-1] // MAXIMA_SAMPLES
    windows = leads[..., : count * MAXIMA_SAMPLES].reshape(*leads.shape[:-1], count, -1)
    return np.maximum(windows.max(-1), -windows.min(-1)).astype(np.float64)


def lead_scale(maxima: Floats, dead: float = DEAD_MV) -> float:
    """Return the number by which a band-passed lead is divided: the size of a usual beat.

    It is the median of the maxima that exceed `dead`, so that time without a signal does not count.
    A lead without any larger maximum is divided by `dead`: its noise stays smaller than a beat.

    Args:
        maxima: (W,) of `window_maxima`: of the whole lead, or of its past; NaN where unknown.
        dead: The largest maximum of a lead without a signal, in the unit of the lead; where the
            unit is unknown, 0.
    """
    alive = maxima[maxima > dead]
    if len(alive):
        return float(np.median(alive))
    return dead if dead > 0 else 1.0  # then the lead is 0 everywhere
