"""Whether annotated beats lie where a signal has beats, and which are annotated once."""

import numpy as np
from scipy.ndimage import maximum_filter1d

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.text import counted

FEW_BEATS = 20  # fewer decide nothing
LEAST_SHARE = 0.9  # each record of MIT-BIH and SVDB has 0.99 or more, and 0.95 in any two minutes
_RISE_S = 0.02  # a QRS complex is much steeper than a P or T wave over this time
_AROUND_S = 0.08  # the rise nearest to an annotation is at most this far away
_LEAST_RR_S = 0.3  # in a shorter interval the middle is no place without a QRS complex


def steeper_share(signal: Floats, fs_hz: float, beats: Integers) -> tuple[float, int]:
    """Return how many beats are steeper than the middle of the interval after them.

    Annotations of another signal, or of another sampling rate, lie at random places: then it is
    about one half.

    Args:
        signal: (T,) one lead in any unit; invalid samples are NaN.
        fs_hz: Its sampling rate.
        beats: (B,) ascending positions in the signal.

    Returns:
        The share, and of how many beats; NaN of 0 beats.

    Example:
        >>> signal = np.zeros(1000)
        >>> signal[100::200] = 1  # beats of one sample
        >>> steeper_share(signal, 250, np.arange(100, 1000, 200))
        (1.0, 4)
    """
    step, around = max(1, round(_RISE_S * fs_hz)), max(1, round(_AROUND_S * fs_hz))
    rises = np.zeros(len(signal))
    changes = np.abs(signal[step:] - signal[:-step])
    rises[step // 2 : step // 2 + len(changes)] = np.nan_to_num(changes)
    highest = maximum_filter1d(rises, 2 * around + 1, mode="nearest")
    gaps = np.diff(beats)
    long = gaps >= _LEAST_RR_S * fs_hz
    first = beats[:-1][long]
    steeper = highest[first] > highest[first + gaps[long] // 2]
    return float(steeper.mean()) if len(first) else float("nan"), len(first)


def misplaced_text(share: float, count: int) -> str:
    """Return the note on beats of which `steeper_share` is low; "" where it is not."""
    if count < FEW_BEATS or share >= LEAST_SHARE:
        return ""
    return (
        f"only at {100 * share:.0f} % of the annotated beats the signal is steeper than between "
        "them (usually at 99 %): check that the annotations are of this signal and of its sampling "
        "rate"
    )


def are_repeated(samples: Integers, is_beat: Flags) -> Flags:
    """Return which annotations (A,) are a beat at the position of an earlier one.

    Args:
        samples: (A,) ascending positions.
        is_beat: (A,) which annotations mark beats.
    """
    repeated = np.zeros(len(samples), np.bool_)
    beats = np.flatnonzero(is_beat)
    repeated[beats[1:]] = np.diff(samples[beats]) == 0
    return repeated


def repeated_text(count: int) -> str:
    """Return the note on beats that are dropped because they are repeated."""
    verb = "is" if count == 1 else "are"
    return f"{counted(count, 'beat')} at the position of another one {verb} dropped"
