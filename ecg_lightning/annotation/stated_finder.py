"""Positions that annotations state, block by block, in the place of those that are found."""

import numpy as np

from ecg_lightning.annotation.beat_finder import Positions
from ecg_lightning.annotation.signal_buffer import SignalBuffer
from ecg_lightning.annotation.usable import DeadLeads
from ecg_lightning.arrays import Integers


class StatedFinder:
    """Gives stated positions in blocks, and says where the lead is unusable.

    Args:
        samples: (B,) int64 the positions, ascending.
        fs_hz: The sampling rate of the lead.
        block_s: The length of a block in seconds.
    """

    def __init__(self, samples: Integers, fs_hz: float, block_s: float) -> None:
        self._samples, self._dead = samples, DeadLeads(fs_hz)
        self._block, self._start = max(1, round(block_s * fs_hz)), 0

    @property
    def needed(self) -> int:
        """How many samples must have come for the next block."""
        return self._start + self._block + self._dead.margin

    @property
    def oldest(self) -> int:
        """The oldest sample that the next block reads; no later beat comes before it."""
        return self._start - self._dead.margin

    def is_done(self, length: int) -> bool:
        """Return whether a signal of `length` samples has no further block."""
        return self._start >= length

    def next(self, buffer: SignalBuffer, length: int | None = None) -> Positions:
        """Return the positions in the next block; see `BeatFinder.next`."""
        start, stop = self._start, self._start + self._block
        dead = self._dead.of_all(buffer.read(self.oldest, self.needed))
        stop = stop if length is None else min(stop, length)
        rows = slice(*np.searchsorted(self._samples, (start, stop)).tolist())
        samples, self._start = self._samples[rows], stop
        unusable = dead[self._dead.margin :][: stop - start]
        return Positions(samples, np.ones(len(samples), np.float32), unusable, start)
