"""From the probabilities of a beat to the positions of beats."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ecg_lightning.arrays import Floats32, Integers

REFRACTORY_SAMPLES = 24  # 200 ms at 120 Hz: two beats are never closer


class BeatPicker:
    """Picks the highest probabilities as they come, however they are split.

    A beat is where the probability is at least the threshold and the highest within 200 ms on each
    side. Of equal ones the first counts. A beat is returned as soon as `delay_samples` more
    probabilities are there.

    Args:
        threshold: The least probability of a beat.

    Attributes:
        delay_samples: How many samples after a beat decide about it.

    Example:
        >>> picker = BeatPicker(0.5)
        >>> picker.push(np.array([0.1, 0.9, 0.2, 0.6], np.float32))[0]
        array([], dtype=int64)
        >>> picker.finish()[0]
        array([1])
    """

    delay_samples = REFRACTORY_SAMPLES - 1

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._first = -self.delay_samples  # the position of the first probability kept
        self._kept = np.full(self.delay_samples, -1, np.float32)

    def push(self, probabilities: Floats32) -> tuple[Integers, Floats32]:
        """Take the next probabilities (T,) and return the beats that are certain now.

        Returns:
            (B,) positions counted from the first probability of all, ascending, and their
            probabilities (B,).
        """
        around = 2 * self.delay_samples
        known = np.concatenate([self._kept, probabilities.astype(np.float32)])
        if len(known) <= around:
            self._kept = known
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        places = self._highest(known)
        result = places + self._first, known[places]
        self._first += len(known) - around
        self._kept = known[len(known) - around :]
        return result

    def finish(self) -> tuple[Integers, Floats32]:
        """Return the beats that are left, as `push` does; no probability comes after the last."""
        return self.push(np.full(self.delay_samples, -1, np.float32))

    def _highest(self, known: Floats32) -> Integers:
        """The indices of beats among the probabilities that have all their neighbours."""
        side = self.delay_samples
        places = np.flatnonzero(known[side:-side] >= self.threshold) + side
        windows = sliding_window_view(known, 2 * side + 1)[places - side]
        return places[windows.argmax(1) == side]  # of equal ones, argmax is the first
