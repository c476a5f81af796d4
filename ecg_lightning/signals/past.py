"""The beats that have come, as many as a causal result looks back on."""

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import AnyArray

PAST_BEATS, PAST_S = 1000, 1800.0


class Past:
    """Numbers of the last beats: at most `PAST_BEATS`, and no beat older than `PAST_S`.

    Memory is bounded. Views from before an `add` are not valid after it.

    Args:
        **shapes: For each name, the shape of its value for one beat. Single numbers, of shape (),
            are kept in float64, arrays in float32.

    Example:
        >>> past = Past(rr_s=())
        >>> past.add(1.0, rr_s=0.8)
        >>> past.add(1.7, rr_s=0.7)
        >>> past["rr_s"]
        array([0.8, 0.7])
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self._values = {
            name: np.zeros((2 * PAST_BEATS, *shape), np.float32 if shape else np.float64)
            for name, shape in shapes.items()
        }
        self._times_s = np.zeros(2 * PAST_BEATS)
        self._start = self._end = 0

    def __len__(self) -> int:
        """Return how many beats there are."""
        return self._end - self._start

    def __getitem__(self, name: str) -> AnyArray:
        """Return the values of a name: a view (beats, ...), the newest beat last."""
        return self._values[name][self._start : self._end]

    def add(self, time_s: float, **values: npt.ArrayLike) -> None:
        """Add a beat, and forget those that are too old.

        Args:
            time_s: Its time, not before that of an earlier beat.
            **values: Its value for each name.
        """
        if self._end == len(self._times_s):
            self._move_to_front()
        self._times_s[self._end] = time_s
        for name, value in values.items():
            self._values[name][self._end] = value
        self._end += 1
        self._start = max(self._start, self._end - PAST_BEATS)
        while self._times_s[self._start] < time_s - PAST_S:
            self._start += 1

    def _move_to_front(self) -> None:
        kept = len(self)
        for values in (self._times_s, *self._values.values()):
            values[:kept] = values[self._start : self._end].copy()
        self._start, self._end = 0, kept


def is_update(beats: int) -> bool:
    """Return whether statistics of the past are updated with this beat, counted from 1.

    They are at 1, 2, 4, 8, 16, and then every 16 beats. The count alone decides, so that a result
    does not depend on how many beats come at once.
    """
    return beats % 16 == 0 or beats in (1, 2, 4, 8)
