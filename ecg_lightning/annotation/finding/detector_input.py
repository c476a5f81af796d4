"""What the detector sees of leads: resampled, filtered and scaled, piece by piece."""

from dataclasses import dataclass

import numpy as np

from ecg_lightning.annotation.finding.signal_buffer import SignalBuffer
from ecg_lightning.annotation.finding.usable import DeadLeads, without_gaps
from ecg_lightning.annotation.scales import PAST_S
from ecg_lightning.arrays import AnyFloats, Flags, Floats
from ecg_lightning.records.leads import millivolts_in
from ecg_lightning.signals.detection import (
    BAND_SAMPLES,
    DEAD_MV,
    FS_HZ,
    LARGE_MV,
    MAXIMA_SAMPLES,
    band_passed,
    lead_scale,
    window_maxima,
)
from ecg_lightning.signals.resampling import Resampler

CAUSAL_BLOCK, _LONGEST_BLOCK = 120, 14_400  # 1 s and 2 minutes, in samples at 120 Hz
_LEAST_MV = 1e-6  # less is rounding
_MOST_SAMPLES = 1 << 18  # of each lead in a block
_PAST_WINDOWS = round(PAST_S * FS_HZ / MAXIMA_SAMPLES)


def offline_block(fs_hz: float) -> int:
    """Return the length of a block of a whole recording, in samples at 120 Hz; even.

    It is 2 minutes, and less at more than about 2,000 Hz, so that memory is bounded.
    """
    most = int(_MOST_SAMPLES * FS_HZ / fs_hz) // 2 * 2
    return max(CAUSAL_BLOCK, min(_LONGEST_BLOCK, most))


class DetectorInput:
    """Filters leads of one sampling rate for the detector, piece by piece.

    Args:
        fs_hz: The sampling rate of the leads.
    """

    def __init__(self, fs_hz: float) -> None:
        self.dead, self._resampler = DeadLeads(fs_hz), Resampler(fs_hz, FS_HZ)

    @property
    def step(self) -> float:
        """How many samples of the leads lie between two samples at 120 Hz."""
        return self._resampler.step

    def length(self, samples: int) -> int:
        """Return how many samples at 120 Hz leads of `samples` samples give."""
        return self._resampler.length(samples)

    def source_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the samples [first, end) of the leads that decide about samples at 120 Hz."""
        return self._resampler.source_range(start - BAND_SAMPLES, stop + BAND_SAMPLES)

    def position(self, sample: int) -> int:
        """Return the first sample of the leads that is not before a sample at 120 Hz."""
        return self._resampler.position(sample)

    def filtered(self, leads: Floats, dead: Flags, start: int, stop: int) -> Floats:
        """Return the samples [start, stop) at 120 Hz, band-passed.

        A line takes the place of dead and of invalid samples. Before the first sample and after
        the last one the leads are constant.

        Args:
            leads: (L, T) the samples of `source_range(start, stop)`, NaN outside the recording.
            dead: (L, T) which of them are dead.
            start: The first sample at 120 Hz.
            stop: The sample after the last one.

        Returns:
            (L, stop - start) float64.
        """
        gapless = without_gaps(leads, dead | ~np.isfinite(leads))
        start, stop = start - BAND_SAMPLES, stop + BAND_SAMPLES
        if not self._resampler.is_copy:
            before = max(0, -self._resampler.source_range(start, stop)[0])
            gapless = self._resampler(gapless[:, before:], start, stop)
        return band_passed(gapless)


@dataclass(frozen=True)
class Grid:
    """Where the blocks lie, and what each of them reads.

    Attributes:
        input: Filters the leads.
        block: The length of a block, in samples at 120 Hz; even.
        context: How many samples at 120 Hz on each side decide about a block; even.
        back: How many samples before a block belong to beats that the block makes certain.
    """

    input: DetectorInput
    block: int
    context: int
    back: int

    def seen(self, start: int, length: int | None) -> tuple[int, int]:
        """Return the samples at 120 Hz that the detector sees for a block from `start`.

        Args:
            start: The first sample of the block, at 120 Hz.
            length: The length of the signal, in samples of the leads; None: not known yet.
        """
        stop = start + self.block + self.context
        stop = stop if length is None else min(stop, self.input.length(length))
        return max(0, start - self.context), stop

    def read(self, start: int, length: int | None) -> tuple[int, int]:
        """Return the samples of the leads that a block from `start` reads."""
        first, end = self.input.source_range(*self.seen(start, length))
        own = self.input.position(start), self.input.position(start + self.block)
        own = own if length is None else (own[0], min(own[1], length))
        margin = self.input.dead.margin
        return min(first, own[0] - self.back - margin), max(end, own[1] + margin)

    def filtered(self, leads: Floats, dead: Flags, first: int, seen: tuple[int, int]) -> Floats:
        """Return the samples `seen` of a block, of leads from sample `first`; see the input."""
        begin, end = self.input.source_range(*seen)
        part = slice(begin - first, end - first)
        return self.input.filtered(leads[:, part], dead[:, part], *seen)


class DetectorScales:
    """The scale of each lead for the detector, from its band-passed samples as they come.

    Args:
        units: The unit of each lead.
        past: How many windows of 2 s count, the latest; None: all.
    """

    def __init__(self, units: tuple[str, ...], past: int | None = _PAST_WINDOWS) -> None:
        self._dead = [DEAD_MV if millivolts_in(unit) is not None else 0.0 for unit in units]
        self._past = past
        self._rest = np.zeros((len(units), 0))  # of a window that is not complete
        self._maxima: list[Floats] = []  # (L, W) each
        self._largest = np.zeros(len(units))  # deflection of all that has come
        self._n_samples = 0

    @property
    def n_samples(self) -> int:
        """How many samples have come."""
        return self._n_samples

    def push(self, filtered: Floats) -> None:
        """Take the next samples (L, T) at 120 Hz."""
        self._n_samples += filtered.shape[1]
        self._largest = np.maximum(self._largest, np.abs(filtered).max(1, initial=0.0))
        self._rest = np.concatenate([self._rest, filtered], axis=1)
        if self._rest.shape[1] >= MAXIMA_SAMPLES:
            maxima = window_maxima(self._rest)
            self._rest = self._rest[:, maxima.shape[1] * MAXIMA_SAMPLES :].copy()
            self._maxima.append(maxima)
            if self._past is not None:
                self._maxima = [np.concatenate(self._maxima, axis=1)[:, -self._past :]]

    @property
    def values(self) -> Floats:
        """(L,) the scale of each lead, from what has come."""
        pairs = zip(self._known_maxima, self._dead, strict=True)
        return np.array([lead_scale(maxima, dead) for maxima, dead in pairs])

    @property
    def are_tiny(self) -> list[bool]:
        """Which leads have moved, but never as much as a heartbeat moves them."""
        pairs = zip(self._largest, self._dead, strict=True)
        return [bool(_LEAST_MV < largest <= dead) for largest, dead in pairs]

    @property
    def are_large(self) -> list[bool]:
        """Which leads, of those in a voltage, have usual beats that no heart gives."""
        pairs = zip(self.values, self._dead, strict=True)
        return [bool(dead > 0 and scale > LARGE_MV) for scale, dead in pairs]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the size of each lead, as the end of a sentence; "" where nothing."""
        tiny = f"stays within {DEAD_MV:g} mV, so beats in it are missed: check its unit"
        large = f"has beats above {LARGE_MV:g} mV, which no heart gives: check its unit"
        return [
            tiny if is_tiny else large if is_large else ""
            for is_tiny, is_large in zip(self.are_tiny, self.are_large, strict=True)
        ]

    @property
    def _known_maxima(self) -> Floats:
        """(L, W) of the windows; a signal shorter than a window has one, of all its samples."""
        if self._maxima:
            return np.concatenate(self._maxima, axis=1)
        return np.abs(self._rest).max(1, keepdims=True, initial=0.0)


class FirstPass:
    """Measures the scales of leads of one sampling rate, in a first reading of the whole.

    Args:
        grid: The blocks that are filtered at once, without context.
        units: The unit of each lead.

    Attributes:
        scales: What was measured.
    """

    def __init__(self, grid: Grid, units: tuple[str, ...]) -> None:
        self._grid, self._start = grid, 0
        self._buffer, self.scales = SignalBuffer(len(units)), DetectorScales(units, past=None)

    def push(self, leads: AnyFloats) -> None:
        """Take the next samples (L, T)."""
        self._buffer.append(leads)
        while self._grid.read(self._start, None)[1] <= self._buffer.stop:
            self._next(None)

    def finish(self) -> Floats:
        """Return the scale of each lead, (L,)."""
        length = self._buffer.stop
        while self._start < self._grid.input.length(length):
            self._next(length)
        return self.scales.values

    def _next(self, length: int | None) -> None:
        """Measure the next block."""
        grid, seen = self._grid, self._grid.seen(self._start, length)
        first, end = grid.read(self._start, length)
        leads = self._buffer.read(first, end)
        self.scales.push(grid.filtered(leads, grid.input.dead(leads), first, seen))
        self._start += grid.block
        self._buffer.forget(grid.read(self._start, length)[0])
