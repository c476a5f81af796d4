"""The part of a signal that is still needed, while more of it comes."""

import numpy as np

from ecg_lightning.arrays import AnyFloats, Floats


class SignalBuffer:
    """Holds leads from the oldest sample that is still needed to the newest.

    Args:
        n_leads: L.

    Attributes:
        start: The first sample that it holds.
        stop: The sample after the last one: as many have come.
    """

    def __init__(self, n_leads: int) -> None:
        self.n_leads, self.start, self.stop = n_leads, 0, 0
        self._chunks: list[AnyFloats] = []  # (L, T) each, in the order of time

    def append(self, chunk: AnyFloats) -> None:
        """Take the next samples (L, T), which must not change later."""
        if chunk.shape[1]:
            self._chunks.append(chunk)
            self.stop += chunk.shape[1]

    def read(self, start: int, stop: int, leads: slice = slice(None)) -> Floats:
        """Return a copy of the samples from `start` to `stop`, NaN before and after the signal.

        Args:
            start: The first sample, which may be negative.
            stop: The sample after the last one, which may not have come.
            leads: Which of the leads.

        Returns:
            (leads, stop - start) float64.
        """
        result = np.full((len(range(self.n_leads)[leads]), stop - start), np.nan)
        first = self.start
        for chunk in self._chunks:
            last = first + chunk.shape[1]
            low, high = max(first, start), min(last, stop)
            if low < high:
                result[:, low - start : high - start] = chunk[leads, low - first : high - first]
            first = last
        return result

    def forget(self, start: int) -> None:
        """Drop the samples before `start`, which are not read again."""
        while self._chunks and self.start + self._chunks[0].shape[1] <= start:
            self.start += self._chunks.pop(0).shape[1]
