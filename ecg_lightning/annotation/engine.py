"""From samples as they come to the windows of beats: the order of work.

Everything happens on a fixed grid of blocks. A block is worked on when all samples that it needs
have come, and sees none that come later. So nothing depends on how the samples arrive.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ecg_lightning.annotation.classifying.windows import BeatWindows, Cutter
from ecg_lightning.annotation.finding.beat_finder import Positions
from ecg_lightning.annotation.finding.signal_buffer import SignalBuffer
from ecg_lightning.annotation.finding.usable import Stretches
from ecg_lightning.arrays import AnyFloats, Floats32, Integers


class Finder(Protocol):
    """Says where the beats of each block are, the first block first; see `BeatFinder`."""

    @property
    def needed(self) -> int:
        """How many samples must have come for the next block."""

    @property
    def oldest(self) -> int:
        """The oldest sample that the next block reads; no later beat comes before it."""

    def is_done(self, length: int) -> bool:
        """Return whether a signal of `length` samples has no further block."""

    def next(self, buffer: SignalBuffer, length: int | None = None) -> Positions:
        """Return the beats that the next block makes certain."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The beats that one block gives, ready for the network.

    Attributes:
        samples: (B,) int64 the R peaks, in samples of the leads, ascending.
        p_beat: (B,) float32 the probability of each.
        windows: (B, T) or (B, L, T) float32, as the cutter gives them.
        quality: (B,) float32, the share of each window that holds valid samples.
        unusable: (U, 2) int64 the stretches without a signal that have ended, [start, stop).
    """

    samples: Integers
    p_beat: Floats32
    windows: Floats32
    quality: Floats32
    unusable: Integers


class Engine:
    """Takes the samples of leads as they come, and gives the beats of each block.

    Args:
        finder: Says where the beats are.
        cutter: Cuts the windows of the beats.
        n_leads: The number of leads.
    """

    def __init__(self, finder: Finder, cutter: Cutter, n_leads: int) -> None:
        self._finder, self._cutter = finder, cutter
        self._buffer, self._unusable = SignalBuffer(n_leads), Stretches()
        self._measured = 0  # the samples that the cutter has seen as they came
        self._samples, self._p_beat = np.zeros(0, np.int64), np.zeros(0, np.float32)  # not cut yet

    def push(self, leads: AnyFloats) -> list[Batch]:
        """Take the next samples (L, T), and return the batches of the blocks that are complete."""
        self._buffer.append(leads)
        batches = []
        while self._finder.needed <= self._buffer.stop:
            batches.append(self._next(self._finder.needed, None))
        return batches

    def finish(self) -> list[Batch]:
        """Return the batches of the blocks that the end of the signal completes."""
        batches, length = [], self._buffer.stop
        while not self._finder.is_done(length):
            batches.append(self._next(length, length))
        return batches

    def _next(self, stop: int, length: int | None) -> Batch:
        """The batch of the next block, which sees samples before `stop`."""
        positions = self._finder.next(self._buffer, length)
        unusable = self._unusable.push(positions.unusable, positions.start)
        is_last = length is not None and self._finder.is_done(length)
        if is_last:
            unusable = np.concatenate([unusable, self._unusable.finish()])
        self._cutter.measure(self._buffer.read(self._measured, stop, slice(1))[0])
        self._measured = stop
        self._samples = np.append(self._samples, positions.samples)
        self._p_beat = np.append(self._p_beat, positions.p_beat)
        return self._cut(len(self._samples) if is_last else self._ready(stop), unusable, length)

    def _ready(self, stop: int) -> int:
        """How many of the beats have a window that `stop` completes."""
        beats, end_of = self._samples, self._cutter.source_range
        return bisect_right(range(len(beats)), stop, key=lambda i: end_of(beats[i : i + 1])[1])

    def _cut(self, count: int, unusable: Integers, length: int | None) -> Batch:
        """Take the first beats, and drop the samples that no other needs."""
        samples, p_beat = self._samples[:count], self._p_beat[:count]
        self._samples, self._p_beat = self._samples[count:], self._p_beat[count:]
        windows = self._cut_windows(samples, length)
        oldest = min(self._finder.oldest, *self._samples[:1].tolist(), self._measured)
        self._buffer.forget(self._cutter.source_range(np.array([max(oldest, 0)]))[0])
        return Batch(samples, p_beat, windows.signals, windows.quality, unusable)

    def _cut_windows(self, samples: Integers, length: int | None) -> BeatWindows:
        first, end = self._cutter.source_range(samples, length)
        leads = self._buffer.read(first, end, slice(self._cutter.n_leads))
        return self._cutter(leads, first, samples, length)
