"""The samples of a WFDB record without segments, piece by piece, in the units of its leads."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.records.wfdb.formats import AnyIntegers, invalid_value
from ecg_lightning.records.wfdb.header import Header
from ecg_lightning.records.wfdb.signal import SignalFile
from ecg_lightning.records.wfdb.signal_line import SignalLine
from ecg_lightning.text import escaped


class WfdbSamples:
    """The samples of a record without segments.

    A checksum is compared where a lead is read from its first to its last sample, in one piece or
    in pieces that follow each other.

    Args:
        header: The header of the record.
        channel: The lead whose file gives the length where the header leaves it open.

    Attributes:
        n_frames: The length of the record in frames.
        excess_text: A note on a file that holds more than the header describes; else "".

    Raises:
        InputError: The file of this lead is missing, no regular file, shorter than the header says
            or of another format.
    """

    def __init__(self, header: Header, channel: int) -> None:
        self._files: dict[str, SignalFile] = {}
        self._header = header
        self.n_frames = self._file_of(channel).n_frames()
        self.excess_text = self._file_of(channel).excess_text()
        if header.n_frames is None:
            self._header, self._files = replace(header, n_frames=self.n_frames), {}
        self._sums: dict[int, tuple[int, int]] = {}  # channel to samples read, and their sum

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece of some leads of one rate; see `recording.Samples`."""
        groups: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for row, lead in enumerate(leads):
            line = self._header.signals[lead]
            groups[line.file, line.skew].append(row)
        self.check([leads[rows[0]] for rows in groups.values()])
        result = np.empty((len(leads), stop - start))
        for rows in groups.values():
            self._read_file(start, stop, {row: leads[row] for row in rows}, result)
        return result

    def check(self, leads: Sequence[int]) -> None:
        """Refuse leads whose files do not hold the samples that the header claims.

        Raises:
            InputError: Such a file is missing, no regular file, of another format, or too short.
        """
        for lead in leads:
            self._file_of(lead).n_frames()

    def _read_file(self, start: int, stop: int, leads: dict[int, int], result: Floats) -> None:
        """Read leads of one file and one skew, given by their rows in the result (L, T)."""
        channel = next(iter(leads.values()))
        line, file = self._header.signals[channel], self._file_of(channel)
        per_frame = line.samples_per_frame
        length, skew = self.n_frames * per_frame, line.skew * per_frame
        # The checksum counts the samples before the first one of a skewed lead, too.
        first, last = min(start + skew, length) if start else 0, min(stop + skew, length)
        sums, at = dict.fromkeys(leads.values(), 0), first // per_frame * per_frame
        for piece in file.pieces(first // per_frame, -(-last // per_frame)):
            behind = at + len(piece) * per_frame
            inside = slice(max(first, at) - at, min(last, behind) - at)
            place = at + inside.start - skew - start
            for row, lead in leads.items():
                stored = piece[:, file.columns[lead]].reshape(-1)[inside]
                if self._header.signals[lead].checksum is not None:
                    sums[lead] += int(stored.sum(dtype=np.int64))
                samples = stored[max(-place, 0) :]
                begin = max(place, 0)
                _convert(self._header.signals[lead], samples, result[row, begin:][: len(samples)])
            at = behind
        result[[*leads], max(last - skew - start, 0) :] = np.nan
        for lead, total in sums.items():
            self._add(lead, first, last, length, total)

    def _file_of(self, channel: int) -> SignalFile:
        name = self._header.signals[channel].file
        if name not in self._files:
            self._files[name] = SignalFile(self._header, channel)
        return self._files[name]

    def _add(self, lead: int, first: int, last: int, length: int, total: int) -> None:
        """Add a piece to the sum of a lead; at its end compare the sum with the header."""
        line = self._header.signals[lead]
        read, before = self._sums.get(lead, (0, 0)) if first else (0, 0)
        if line.checksum is None or read != first:
            return
        self._sums[lead] = last, before + total
        computed, expected = (before + total) % 65_536, line.checksum % 65_536
        if last == length and computed != expected:
            raise InputError(
                f"{self._header.path.parent / line.file}",
                expected=f"checksum {expected} of {escaped(line.name) or 'this lead'} from the "
                "header",
                found=f"{computed}",
                hint="fetch the record again",
            )


def _convert(line: SignalLine, stored: AnyIntegers, result: Floats) -> None:
    """Convert stored samples (T,) to the unit of the lead, in mV for every voltage."""
    result[:] = stored
    result -= line.baseline
    result /= line.gain
    if (gain := unit_and_gain(line.unit)[1]) != 1.0:
        result *= gain
    if (invalid := invalid_value(line.format)) is not None:
        is_invalid = stored == invalid
        if is_invalid.any():
            result[is_invalid] = np.nan
