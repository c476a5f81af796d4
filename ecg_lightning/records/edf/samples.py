"""The samples of EDF and BDF files, read in pieces out of the data records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.records.edf.header import EXPECTED, Header, Signal
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.system.input_files import open_input

_PIECE = 1 << 20  # bytes that are decoded at once
_SMALL = 1 << 14  # bytes of a data record that is read whole, whatever is wanted of it

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DataRecords:
    """Where the data records of a file are.

    Attributes:
        path: The file.
        offset: The byte where the first one begins.
        size: The bytes of each.
        count: How many there are.
    """

    path: Path
    offset: int
    size: int
    count: int

    def at_once(self, width: int) -> int:
        """Return of how many records `width` bytes each may be read at once."""
        return max(1, _PIECE // (self.size if self.size <= _SMALL else width))

    def columns(self, file: BinaryIO, first: int, count: int, start: int, stop: int) -> Bytes:
        """Read the bytes `start` to `stop` of some data records, (count, stop - start)."""
        begin = self.offset + first * self.size
        if self.size <= _SMALL:
            content = read_block(file, self.path, begin, count * self.size)
            return np.frombuffer(content, np.uint8).reshape(count, self.size)[:, start:stop]
        begins = range(begin + start, begin + start + count * self.size, self.size)
        blocks = [read_block(file, self.path, begin, stop - start) for begin in begins]
        return np.frombuffer(b"".join(blocks), np.uint8).reshape(count, stop - start)


@dataclass(frozen=True, eq=False)
class Timeline:
    """When data records begin. A stretch is some of them without a gap.

    Attributes:
        first_records: (S,) the first data record of each stretch.
        onsets_s: (S,) when each stretch begins, in seconds after the first one.
        n_records: The number of data records.
    """

    first_records: Integers
    onsets_s: Floats
    n_records: int

    def starts(self, fs_hz: float) -> Integers:
        """Return the first sample (S,) of each stretch in a lead of this rate."""
        return np.rint(self.onsets_s * fs_hz).astype(np.int64)

    def stops(self, fs_hz: float, samples: int) -> Integers:
        """Return the sample (S,) after each stretch; a data record has `samples` of the lead."""
        lengths = np.diff(self.first_records, append=self.n_records)
        return self.starts(fs_hz) + lengths * samples


@dataclass(frozen=True, eq=False)
class EdfSamples:
    """The samples of an EDF or BDF file; those in a gap are NaN.

    Attributes:
        header: The header.
        records: Where its data records are.
        timeline: When they begin.
        factors: For each lead what its physical values are multiplied by.
    """

    header: Header
    records: DataRecords
    timeline: Timeline
    factors: tuple[float, ...]

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece of some leads; see `Samples.read`."""
        result = np.full((len(leads), stop - start), np.nan)
        with open_input(self.records.path, EXPECTED) as file:
            for row, lead in zip(result, leads, strict=True):
                self._fill(file, row, start, lead)
        return result

    def _fill(self, file: BinaryIO, row: Floats, start: int, lead: int) -> None:
        """Fill a row with the samples of a lead from `start` on."""
        signal, stop = self.header.leads[lead], start + len(row)
        fs_hz = self.header.rate_hz(signal)
        starts = self.timeline.starts(fs_hz)
        stops = self.timeline.stops(fs_hz, signal.samples)
        stored = self.timeline.first_records * signal.samples  # the first sample of each stretch
        first = int(np.searchsorted(stops, start, side="right"))
        behind = int(np.searchsorted(starts, stop, side="left"))
        for i in range(first, behind):
            begin, end = max(start, int(starts[i])), min(stop, int(stops[i]))
            piece = row[begin - start : end - start]
            self._read_stored(file, signal, int(stored[i] + begin - starts[i]), piece)
            _to_physical(piece, signal, self.factors[lead])

    def _read_stored(self, file: BinaryIO, signal: Signal, first: int, piece: Floats) -> None:
        """Fill a piece with digital values, from stored sample `first` of a signal on."""
        width, at = self.header.width, 0
        most, in_part = self.records.at_once(signal.samples * width), _PIECE // width
        while at < len(piece):
            record, skip = divmod(first + at, signal.samples)
            is_part = skip > 0 or signal.samples > in_part
            count = 0 if is_part else min(most, (len(piece) - at) // signal.samples)
            rest = min(signal.samples - skip, len(piece) - at, in_part)
            n_samples = signal.samples if count else rest
            start = signal.offset + skip * width
            stop = start + n_samples * width
            content = self.records.columns(file, record, max(count, 1), start, stop)
            values = _decoded(content, width)
            piece[at : at + len(values)] = values
            at += len(values)


def _decoded(content: Bytes, width: int) -> npt.NDArray[np.integer]:
    """The integers of two or three bytes, the lowest byte first."""
    if width == 2:
        return np.ascontiguousarray(content).view("<i2").reshape(-1)
    wide = np.zeros((content.size // 3, 4), np.uint8)
    wide[:, 1:] = content.reshape(-1, 3)
    return wide.view("<i4").reshape(-1) >> 8


def _to_physical(piece: Floats, signal: Signal, factor: float) -> None:
    """Turn digital values into physical ones, in their place.

    By the standard the digital minimum and maximum are the extremes that can occur. A value beyond
    them is on the same line, as for every other reader.
    """
    (low, high), (bottom, top) = signal.digital, signal.physical
    piece -= low
    piece *= (top - bottom) / (high - low)
    piece += bottom
    piece *= factor
