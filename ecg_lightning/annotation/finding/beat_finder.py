"""Finds the beats of a signal, block by block on a fixed grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ecg_lightning.annotation.finding.detector_input import DetectorInput, DetectorScales, Grid
from ecg_lightning.annotation.finding.signal_buffer import SignalBuffer
from ecg_lightning.arrays import Flags, Floats, Floats32, Integers
from ecg_lightning.errors import InputError
from ecg_lightning.models.beat_detector import STRIDE, BeatDetector
from ecg_lightning.signals.beat_picker import BeatPicker
from ecg_lightning.signals.detection import FS_HZ
from ecg_lightning.signals.r_peaks import AROUND_S, SEARCH_S, refined

_REFINED_S = AROUND_S + 0.05  # of signal on each side of a beat for its refinement


@dataclass(frozen=True, eq=False)
class Positions:
    """The beats that a block makes certain.

    Attributes:
        samples: (B,) int64 the R peaks, in samples of the leads, ascending.
        p_beat: (B,) float32 the probability of each.
        unusable: (T,) which samples of the block carry no signal in any lead.
        start: The first sample of the block.
    """

    samples: Integers
    p_beat: Floats32
    unusable: Flags
    start: int


class BeatFinder:
    """Finds beats in blocks of leads of one sampling rate, the first block first.

    Args:
        detectors: The mean of their probabilities counts.
        fs_hz: The sampling rate.
        block: The length of a block, in samples at 120 Hz; even.
        scales: (L,) of the leads, where the whole of them is known; or what measures them.
    """

    def __init__(
        self,
        detectors: Sequence[BeatDetector],
        fs_hz: float,
        block: int,
        scales: Floats | DetectorScales,
    ) -> None:
        self._detectors, self._scales, self._fs_hz = tuple(detectors), scales, fs_hz
        self._picker = BeatPicker(float(np.mean([d.threshold for d in detectors])))
        context = max(detector.context_samples for detector in detectors)
        back = math.ceil((self._picker.delay_samples / FS_HZ + _REFINED_S) * fs_hz)
        self._grid = Grid(DetectorInput(fs_hz), block, -(-context // STRIDE) * STRIDE, back)
        self._start, self._last = 0, -1  # of the next block at 120 Hz; the last beat's position

    @property
    def delay_s(self) -> float:
        """The longest time from a beat to the last sample that decides about it."""
        ahead = self._grid.read(0, None)[1] / self._fs_hz
        return ahead + self._picker.delay_samples / FS_HZ + SEARCH_S

    @property
    def needed(self) -> int:
        """How many samples must have come for the next block."""
        return self._grid.read(self._start, None)[1]

    @property
    def oldest(self) -> int:
        """The oldest sample that the next block reads; no later beat comes before it."""
        return self._grid.read(self._start, None)[0]

    def is_done(self, length: int) -> bool:
        """Return whether a signal of `length` samples has no further block."""
        return self._start >= self._grid.input.length(length)

    def next(self, buffer: SignalBuffer, length: int | None = None) -> Positions:
        """Return the beats that the next block makes certain.

        Args:
            buffer: Holds the samples from `oldest` on: `needed` ones, or all where these are more
                than there are.
            length: The length of the signal where it has fewer samples than `needed`; else None.
        """
        grid, start = self._grid, self._start
        first, end = grid.read(start, length)
        leads = buffer.read(first, end)
        dead = grid.input.dead(leads)
        stop = start + grid.block
        if length is not None:
            stop = min(stop, grid.input.length(length))
        probabilities = self._probabilities(leads, dead, first, (start, stop), length)
        places, p_beat = self._picker.push(probabilities)
        self._start = stop
        if length is not None and self.is_done(length):
            rest = self._picker.finish()
            places, p_beat = np.append(places, rest[0]), np.append(p_beat, rest[1])
        own = grid.input.position(start), grid.input.position(stop)
        no_signal: Flags = np.logical_and.reduce(dead, axis=0)
        unusable = no_signal[own[0] - first : min(own[1], length or own[1]) - first]
        samples = self._refined(places, np.where(dead, np.nan, leads), first)
        if length is not None:
            samples = np.minimum(samples, length - 1)
        kept = self._kept(samples, no_signal, first)
        return Positions(samples[kept], p_beat[kept], unusable, own[0])

    def _probabilities(
        self, leads: Floats, dead: Flags, first: int, own: tuple[int, int], length: int | None
    ) -> Floats32:
        """The probabilities (T,) of a beat of the block's own samples; 0 without a signal."""
        grid, seen = self._grid, self._grid.seen(own[0], length)
        result = np.zeros(own[1] - own[0], np.float32)
        alive = ~dead[:, self._sources(own, leads.shape[1], first)]
        filtered = grid.filtered(leads, dead, first, seen)
        scales = self._scales
        if isinstance(scales, DetectorScales):
            scales.push(filtered[:, scales.n_samples - seen[0] :])
            scales = scales.values
        seen_leads = torch.from_numpy((filtered / scales[:, None]).astype(np.float32))
        sets, numbers = _sets_of(alive)
        for number in np.flatnonzero(sets.any(0)).tolist():
            chosen = np.flatnonzero(sets[:, number]).tolist()
            of_set = self._of_leads(seen_leads[chosen])[own[0] - seen[0] : own[1] - seen[0]]
            places = numbers == number
            result[places] = of_set[places]
        return result

    def _sources(self, own: tuple[int, int], n_samples: int, first: int) -> Integers:
        """The samples of the leads that are nearest to the block's own at 120 Hz."""
        nearest = np.rint(np.arange(*own) * self._grid.input.step).astype(np.int64) - first
        return np.minimum(nearest, n_samples - 1)

    def _of_leads(self, leads: torch.Tensor) -> Floats32:
        """The probabilities (T,) of a beat from leads (L, T)."""
        samples = leads.shape[1]
        even = torch.nn.functional.pad(leads[None], (0, samples % STRIDE), mode="replicate")
        with torch.inference_mode():
            total = sum(torch.sigmoid(detector(even))[0] for detector in self._detectors)
        assert isinstance(total, torch.Tensor)
        result: Floats32 = (total / len(self._detectors)).numpy()[:samples]
        if np.isnan(result).any():
            raise InputError(
                "beat detector",
                expected="probabilities of beats",
                found="some that are not finite",
                hint="its weights are damaged: take others",
                setting="detector",
            )
        return result

    def _refined(self, places: Integers, leads: Floats, first: int) -> Integers:
        """The R peaks in the leads (L, T) from sample `first`, of beats at 120 Hz.

        The first lead with a signal there is the one that counts.
        """
        centres = places * self._grid.input.step - first
        result = np.rint(centres).astype(np.int64)
        rows = np.clip(result, 0, leads.shape[1] - 1)
        open_ = np.ones(len(result), np.bool_)
        for lead in leads:
            chosen = open_ & np.isfinite(lead[rows])
            result[chosen] = refined(centres[chosen], lead, self._fs_hz)
            open_ &= ~chosen
        return result + first

    def _kept(self, samples: Integers, unusable: Flags, first: int) -> Flags:
        """Which beats (B,) come after the one before, and lie where there is a signal."""
        kept = np.zeros(len(samples), np.bool_)
        for i, sample in enumerate(samples.tolist()):
            if sample > self._last and not unusable[sample - first]:
                kept[i], self._last = True, sample
        return kept


def _sets_of(alive: Flags) -> tuple[Flags, Integers]:
    """The different columns (L, S) of flags (L, T), T > 0, and which of them each is, (T,)."""
    changes = np.flatnonzero((alive[:, 1:] != alive[:, :-1]).any(0)) + 1
    starts = np.concatenate([[0], changes])
    sets, numbers = np.unique(alive[:, starts], axis=1, return_inverse=True)
    return sets, np.repeat(numbers.reshape(-1), np.diff(starts, append=alive.shape[1]))
