"""Whether annotated beats lie where a signal has beats, and which are annotated once."""

import math
from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter1d

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.text import counted

FEW_BEATS = 20  # fewer decide nothing
LEAST_SHARE = 0.75  # MIT-BIH and SVDB: 0.95 or more in any two minutes, wrong rates 0.7 or less
_RISE_S = 0.02  # a QRS complex is much steeper than a P or T wave over this time
# The steepest rise of a beat is at most so far from its annotation, in intervals from a length on.
# In shorter ones the middle is nearer to a QRS complex.
_AROUND_S = {0.36: 0.08, 0.16: 0.04}
_SHORTEST_S = 0.1  # MIT-BIH and SVDB have no shorter interval
_PIECE_S, _PLACES = 120.0, (0.0, 0.5, 1.0)  # pieces of a recording, and where they lie in it


def steeper_share(signal: Floats, fs_hz: float, beats: Integers) -> tuple[float, int]:
    """Return how many beats are steeper than the middle of the interval after them.

    Annotations of another signal, or of another sampling rate, lie at random places: then it is
    about one half. Intervals without any change at both places do not count.

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
    step = max(1, round(_RISE_S * fs_hz))
    rises = np.zeros(len(signal))
    changes = np.abs(signal[step:] - signal[:-step])
    rises[step // 2 : step // 2 + len(changes)] = np.nan_to_num(changes)
    gaps, longest = np.diff(beats), np.inf
    steeper, count = 0, 0
    for least, around in _AROUND_S.items():
        chosen = (gaps >= least * fs_hz) & (gaps < longest)
        longest, first = least * fs_hz, beats[:-1][chosen]
        highest = maximum_filter1d(rises, 2 * max(1, round(around * fs_hz)) + 1, mode="nearest")
        at, between = highest[first], highest[first + gaps[chosen] // 2]
        steeper += int(np.count_nonzero(at > between))
        count += int(np.count_nonzero((at > 0) | (between > 0)))
    return steeper / count if count else float("nan"), count


def misplaced_text(
    read: Callable[[int, int], Floats], n_samples: int, fs_hz: float, beats: Integers
) -> str:
    """Return a note where annotated beats lie at no beats of the signal; "" where they do.

    Three pieces of two minutes are judged by `steeper_share`.

    Args:
        read: Returns the samples of one lead from one position to before another.
        n_samples: The length of the lead.
        fs_hz: Its sampling rate.
        beats: (B,) ascending positions in the lead.
    """
    length, steeper, count = min(n_samples, math.ceil(_PIECE_S * fs_hz)), 0.0, 0
    for start in sorted({round(place * (n_samples - length)) for place in _PLACES}):
        inside = beats[(beats >= start) & (beats < start + length)] - start
        share, n = steeper_share(read(start, start + length), fs_hz, inside)
        steeper, count = steeper + (share * n if n else 0.0), count + n
    if count < FEW_BEATS or steeper >= LEAST_SHARE * count:
        return ""
    return (
        f"only {100 * steeper / count:.0f} % of the annotated beats lie at a steep part of the "
        "signal (usually 99 %): check that the annotations are of this signal and of its sampling "
        "rate; a very noisy lead or missing annotations are other possible causes"
    )


def close_text(beats: Integers, fs_hz: float) -> str:
    """Return a note where beats follow another one faster than a heart beats; "" elsewhere.

    Such a file may annotate each beat once for each lead, or hold the beats of two observers.

    Args:
        beats: (B,) positions in samples, ascending.
        fs_hz: The sampling rate.

    Example:
        >>> close_text(np.array([100, 102, 300]), 250)[:53]
        '1 of 3 beats comes less than 0.1 s after another one:'
        >>> close_text(np.array([100, 300]), 250)
        ''
    """
    count = int(np.count_nonzero(np.diff(beats) < _SHORTEST_S * fs_hz))
    if not count:
        return ""
    return (
        f"{count:,} of {len(beats):,} beats {'comes' if count == 1 else 'come'} less than "
        f"{_SHORTEST_S:g} s after another one: check that each beat is annotated once, and not "
        "once for each lead or observer"
    )


def odd_texts(
    read: Callable[[int, int], Floats], n_samples: int, fs_hz: float, beats: Integers
) -> list[str]:
    """Return the notes on annotated beats: `misplaced_text` and `close_text`, where they say some.

    Args:
        read: Returns the samples of one lead from one position to before another.
        n_samples: The length of the lead.
        fs_hz: Its sampling rate.
        beats: (B,) ascending positions in the lead.
    """
    texts = (misplaced_text(read, n_samples, fs_hz, beats), close_text(beats, fs_hz))
    return [text for text in texts if text]


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
