"""Where annotations lie: the samples of their times, and a note about those outside the signal."""

import numpy as np

from ecg_lightning.arrays import AnyFloats, Integers
from ecg_lightning.text import counted

_FAR = 2.0**62  # a position that no recording has, and int64 holds


def nearest_samples(positions: AnyFloats, n_samples: int) -> Integers:
    """Return the nearest sample (A,) int64 of each position.

    A position in the last half sample of the signal belongs to the last sample.

    Args:
        positions: (A,) in samples.
        n_samples: The length of the signal.

    Example:
        >>> nearest_samples(np.array([1.4, 9.9, 10.0]), 10)
        array([ 1,  9, 10])
    """
    last = np.where(positions < n_samples, n_samples - 1, _FAR)
    nearest = np.clip(np.rint(positions), -_FAR, last)
    return nearest.astype(np.int64)


def outside_note(count: int) -> str:
    """Return the note about annotations that lie outside the signal; "" for none.

    Example:
        >>> outside_note(1)
        '1 annotation outside the signal is dropped'
    """
    verb = "is" if count == 1 else "are"
    return f"{counted(count, 'annotation')} outside the signal {verb} dropped" if count else ""
