"""Where leads carry a signal in which beats can be found.

A lead is *dead* where it is invalid for half a second or flat for a second. Shorter runs are left
to the detector: leads of a small amplitude and without noise are flat between beats. Of a few
samples between two dead runs no beat can be told.
"""

import math

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.signals.quality import FLAT_SAMPLES, may_hold_run, stretches, valid_samples

INVALID_S, FLAT_S = 0.5, 1.0
ISLAND_S = 0.05  # less than a QRS complex lasts


class DeadLeads:
    """Says where leads of one sampling rate are dead.

    Args:
        fs_hz: The sampling rate.

    Attributes:
        margin: How many samples on each side of a sample decide about it.
    """

    def __init__(self, fs_hz: float) -> None:
        self._flat = max(FLAT_SAMPLES, math.ceil(FLAT_S * fs_hz))
        self._invalid = max(1, math.ceil(INVALID_S * fs_hz))
        self._island = math.ceil(ISLAND_S * fs_hz)
        self.margin = self._flat + self._invalid + self._island

    def __call__(self, leads: Floats) -> Flags:
        """Return which samples (L, T) of leads (L, T) are dead; those outside count as unknown.

        The first and the last `margin` samples are only context: they may be found to be alive
        where more of the signal would show that they are dead.
        """
        return np.stack([self._dead(lead) for lead in leads])

    def of_all(self, leads: Floats) -> Flags:
        """Return which samples (T,) are dead in all leads (L, T)."""
        result: Flags = np.logical_and.reduce(self(leads), axis=0)
        return result

    def _dead(self, lead: Floats) -> Flags:
        without_signal = ~valid_samples(lead) | self._flat_samples(lead)
        if not may_hold_run(without_signal, self._invalid):
            return np.zeros(len(lead), np.bool_)
        dead = runs(without_signal, self._invalid)
        return ~self._without_islands(~dead)

    def _flat_samples(self, lead: Floats) -> Flags:
        """The samples in a flat run."""
        equal = np.zeros(len(lead), np.bool_)
        np.equal(lead[1:], lead[:-1], out=equal[1:])
        if not may_hold_run(equal, self._flat - 1):
            return np.zeros(len(lead), np.bool_)
        flat = runs(equal, self._flat - 1)
        flat[:-1] |= flat[1:]  # the first sample of a run equals none before it
        return flat

    def _without_islands(self, alive: Flags) -> Flags:
        """The samples in runs of at least `_island`, and those that touch an end."""
        starts, stops = stretches(alive)
        short = (stops - starts < self._island) & (starts > 0) & (stops < len(alive))
        result = alive.copy()
        for start, stop in zip(starts[short], stops[short], strict=True):
            result[start:stop] = False
        return result


def runs(flags: Flags, shortest: int) -> Flags:
    """Return flags (T,) without their runs of fewer than `shortest` set ones."""
    starts, stops = stretches(flags)
    long = stops - starts >= shortest
    steps = np.zeros(len(flags) + 1, np.int8)
    steps[starts[long]] += 1
    steps[stops[long]] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)


def without_gaps(leads: Floats, gaps: Flags) -> Floats:
    """Return leads (L, T) with a line from the last sample before each gap to the first after it.

    Args:
        leads: (L, T).
        gaps: (L, T) the samples that are replaced. A gap at an end gets the nearest sample; a lead
            without any other sample becomes 0.
    """
    if not gaps.any():
        return leads
    places, result = np.arange(leads.shape[1]), leads.copy()
    for lead, gap in zip(result, gaps, strict=True):
        known = ~gap
        if known.any():
            lead[gap] = np.interp(places[gap], places[known], lead[known])
        else:
            lead[:] = 0.0
    return result


class Stretches:
    """Joins the stretches of consecutive pieces.

    Example:
        >>> unusable = Stretches()
        >>> unusable.push(np.array([False, True]), 0).tolist()
        []
        >>> unusable.push(np.array([True, False]), 2).tolist()
        [[1, 3]]
    """

    def __init__(self) -> None:
        self._open: int | None = None  # the start of a stretch that touches the last piece's end
        self._stop = 0

    def push(self, flags: Flags, start: int) -> Integers:
        """Take the flags (T,) of the next piece, from sample `start`; return what has ended.

        Returns:
            (U, 2) stretches [start, stop) of set flags, that have ended before the piece's end.
        """
        starts, stops = (edges + start for edges in stretches(flags))
        self._stop = start + len(flags)
        if self._open is not None:
            if len(starts) and starts[0] == start:
                starts[0] = self._open
            elif len(flags):
                starts, stops = np.append(self._open, starts), np.append(start, stops)
        is_open = len(starts) > 0 and stops[-1] == self._stop
        if len(flags):
            self._open = int(starts[-1]) if is_open else None
        ended = len(starts) - is_open if len(flags) else 0
        return np.stack([starts[:ended], stops[:ended]], axis=1).astype(np.int64)

    def finish(self) -> Integers:
        """Return (U, 2) the stretch that the end of the signal ends, or none."""
        if self._open is None:
            return np.zeros((0, 2), np.int64)
        return np.array([[self._open, self._stop]], np.int64)
