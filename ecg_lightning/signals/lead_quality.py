"""How much of each lead of a recording is invalid, flat or clipped, without the whole in memory.

The numbers are those of the functions in `quality` for a whole lead. A lead can be read twice: what
its extremes are is known only at its end, and only then can the samples close to them be counted.
Most leads have no run at an extreme, and are read once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Flags, Floats
from ecg_lightning.records.recording import Recording, leads_alike
from ecg_lightning.signals.quality import (
    clipped_run_samples,
    extreme_samples,
    factor_of_ranges,
    flat_run_samples,
    may_hold_run,
    samples_near,
    stretches,
    valid_samples,
)

_PIECE = 1 << 20  # samples of all leads that are read together
Progress = Callable[[float], object]  # takes the share of the reading that is done


@dataclass(frozen=True)
class LeadQuality:
    """How many samples of a lead carry no signal.

    Attributes:
        samples: The length of the lead.
        invalid: How many samples are no finite numbers.
        flat: How many lie in a run of equal values of half a second or more.
        clipped: How many are cut off at the top or the bottom of the lead's range.
    """

    samples: int
    invalid: int
    flat: int
    clipped: int

    def share(self, count: int) -> float:
        """Return a count as a share of the lead; 0 for a lead without samples."""
        return count / self.samples if self.samples else 0.0


def lead_qualities(
    recording: Recording, progress: Progress = lambda _share: None, n_samples: int = _PIECE
) -> tuple[LeadQuality, ...]:
    """Measure all leads of a recording, which is read in pieces.

    Leads of one sampling rate and length are read together.

    Args:
        recording: The recording.
        progress: Is called after each piece. A second reading makes the share smaller again.
        n_samples: How many samples a piece has, of all leads together.

    Returns:
        One for each lead, in the order of the recording.

    Raises:
        InputError: The file is damaged.
    """
    reader, qualities = _Reader(recording, n_samples, progress), dict[int, LeadQuality]()
    for leads in leads_alike(recording.leads, range(len(recording.leads))):
        scans = {lead: QualityScan(recording.leads[lead].fs_hz) for lead in leads}
        while leads:
            for piece in reader.pieces(leads):
                for lead, values in zip(leads, piece, strict=True):
                    scans[lead].add(values)
            leads = [lead for lead in leads if not scans[lead].end_pass()]
        qualities.update({lead: scan.quality for lead, scan in scans.items()})
    return tuple(qualities[lead] for lead in range(len(recording.leads)))


def lead_quality(recording: Recording, lead: int, n_samples: int = _PIECE) -> LeadQuality:
    """Measure one lead of a recording, which is read in pieces; see `lead_qualities`."""
    length, scan = recording.leads[lead].samples, QualityScan(recording.leads[lead].fs_hz)
    while True:
        for start in range(0, length, n_samples):
            stop = min(start + n_samples, length)
            scan.add(recording.read_exactly(start, stop, [lead])[0])
        if scan.end_pass():
            return scan.quality


class QualityScan:
    """Measures a lead that comes in pieces, most leads in one pass, some in two."""

    def __init__(self, fs_hz: float) -> None:
        self._meter, self._clips = _Meter(fs_hz), list[_Clip]()
        self._is_first = True

    def add(self, values: Floats) -> None:
        """Take the next samples (T,), at least one."""
        if self._is_first:
            self._meter.add(values)
        for clip in self._clips:
            clip.add(values)

    def end_pass(self) -> bool:
        """End a pass over the lead; return whether no further one is needed."""
        if self._is_first:
            self._clips = [_Clip(self._meter, one) for one in self._meter.repeated_extremes()]
        done, self._is_first = not (self._is_first and self._clips), False
        return done

    @property
    def quality(self) -> LeadQuality:
        """The result of the passes."""
        meter, clipped = self._meter, sum(clip.samples for clip in self._clips)
        return LeadQuality(meter.valid + meter.invalid, meter.invalid, meter.flat, clipped)


class SpikeScan:
    """The `spike_factor` of a lead that comes in pieces, in one pass.

    Args:
        fs_hz: The sampling rate of the lead.
    """

    def __init__(self, fs_hz: float) -> None:
        self._count, self._valid = extreme_samples(fs_hz), 0
        self._high, self._low = np.zeros(0), np.zeros(0)  # the largest samples, and of the negative

    def add(self, values: Floats) -> None:
        """Take the next samples (T,); invalid ones are NaN."""
        values = values[valid_samples(values)]
        self._valid += len(values)
        self._high = _largest(np.concatenate([self._high, values]), self._count + 1)
        self._low = _largest(np.concatenate([self._low, -values]), self._count + 1)

    @property
    def factor(self) -> float:
        """The factor of what has come."""
        if self._valid <= 2 * self._count:
            return 1.0
        wide, narrow = (
            float(extreme(self._high) + extreme(self._low)) for extreme in (np.max, np.min)
        )
        return factor_of_ranges(wide, narrow)


def _largest(values: Floats, number: int) -> Floats:
    """The largest of the values, in any order."""
    if len(values) <= number:
        return values
    return np.partition(values, len(values) - number)[-number:]


class _Reader:
    """Reads leads of one rate and length piece by piece, and tells which share is done."""

    def __init__(self, recording: Recording, n_samples: int, progress: Progress) -> None:
        self._recording, self._n_samples, self._progress = recording, n_samples, progress
        self._done, self._all = 0, sum(lead.samples for lead in recording.leads)

    def pieces(self, leads: Sequence[int]) -> Iterator[Floats]:
        """Pieces (leads, T) from start to end; none without leads."""
        length = self._recording.leads[leads[0]].samples if leads else 0
        size = max(1, self._n_samples // max(1, len(leads)))
        for start in range(0, length, size):
            stop = min(start + size, length)
            yield self._recording.read_exactly(start, stop, leads)
            self._done += len(leads) * (stop - start)
            self._all = max(self._all, self._done + len(leads) * (length - stop))
            self._progress(self._done / self._all)


class _Meter:
    """The first reading of a lead: invalid and flat samples, and the extremes."""

    def __init__(self, fs_hz: float) -> None:
        self.fs_hz, self.valid, self.invalid = fs_hz, 0, 0
        self.low, self.high = np.inf, -np.inf
        self._at_low = self._at_high = 0
        self._last = np.nan
        # Of a flat run all samples but the first equal the one before.
        self._equal = _Runs(flat_run_samples(fs_hz) - 1)

    @property
    def flat(self) -> int:
        """The number of flat samples."""
        return self._equal.samples + self._equal.runs

    def add(self, values: Floats) -> None:
        """Take the next samples (T,), at least one."""
        valid = valid_samples(values)
        n_valid = int(np.count_nonzero(valid))
        self.valid, self.invalid = self.valid + n_valid, self.invalid + len(values) - n_valid
        if n_valid < len(values):
            values = np.where(valid, values, np.nan)
        equal = np.empty(len(values), np.bool_)
        equal[0] = values[0] == self._last
        np.equal(values[1:], values[:-1], out=equal[1:])
        self._equal.add(equal)
        self._last = float(values[-1])
        if n_valid:
            self._add_extremes(values)

    def _add_extremes(self, values: Floats) -> None:
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        if low <= self.low:
            self._at_low = self._at_low * (low == self.low) + int(np.count_nonzero(values == low))
        if high >= self.high:
            before = self._at_high * (high == self.high)
            self._at_high = before + int(np.count_nonzero(values == high))
        self.low, self.high = min(low, self.low), max(high, self.high)

    def repeated_extremes(self) -> list[float]:
        """The extremes that enough samples have for a clipped run."""
        shortest = clipped_run_samples(self.fs_hz)
        counts = {self.low: self._at_low, self.high: self._at_high}
        return [extreme for extreme, count in counts.items() if count >= shortest]


class _Clip:
    """The second reading of a lead: the runs at one extreme, and the samples close to it."""

    def __init__(self, meter: _Meter, extreme: float) -> None:
        self._meter, self._extreme, self._near = meter, extreme, 0
        self._runs = _Runs(clipped_run_samples(meter.fs_hz))

    @property
    def samples(self) -> int:
        """The number of clipped samples; none at a baseline."""
        return self._runs.samples if 2 * self._near < self._meter.valid else 0

    def add(self, values: Floats) -> None:
        """Take the next samples (T,)."""
        values = np.where(valid_samples(values), values, np.nan)
        self._near += samples_near(values, self._extreme, self._meter.low, self._meter.high)
        self._runs.add(values == self._extreme)


class _Runs:
    """Runs of at least `shortest` set flags, which may lie in several pieces.

    Attributes:
        samples: How many samples these runs have so far.
        runs: How many they are.
    """

    def __init__(self, shortest: int) -> None:
        self._shortest, self._open = shortest, 0
        self.samples = self.runs = 0

    def add(self, flags: Flags) -> None:
        """Take the next flags (T,), at least one."""
        if flags.all():
            self._count(self._open + len(flags), self._open)
            self._open += len(flags)
            return
        first, last = int(np.argmin(flags)), int(np.argmin(flags[::-1]))
        self._count(self._open + first, self._open)
        if may_hold_run(flags, self._shortest):
            starts, ends = stretches(flags[first : len(flags) - last])
            lengths = (ends - starts)[ends - starts >= self._shortest]
            self.samples, self.runs = self.samples + int(lengths.sum()), self.runs + len(lengths)
        self._count(last, 0)
        self._open = last

    def _count(self, length: int, before: int) -> None:
        """Count a run of which `before` samples have been counted as a run of their own."""
        if length >= self._shortest:
            is_new = before < self._shortest
            self.samples += length if is_new else length - before
            self.runs += is_new
