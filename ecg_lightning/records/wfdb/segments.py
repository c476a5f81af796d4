"""WFDB records that consist of segments, which are records of their own.

In a fixed layout every segment has the same leads. In a variable layout the first segment has no
samples: its header names the leads of the record, and the leads of a segment are found by name.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.records.wfdb.header import Header, read_header
from ecg_lightning.records.wfdb.samples import WfdbSamples
from ecg_lightning.records.wfdb.signal_line import SignalLine
from ecg_lightning.text import escaped

GAP = "~"
_MOST_OPEN = 16  # segments whose header is in memory
_MOST_REPEATS = 64  # of one segment in a record
# A line of a header stands for a gap of any length. Real records consist of signals.
_MOST_IN_GAPS = 1 << 23  # samples
_MOST_IN_GAPS_PER_SAMPLE = 64
_MOST_UNCHECKED = 1 << 24  # samples for which memory is reserved before the files are looked at
Stated = Callable[[Header], Header]  # adds what a user states to a header


class _Segment(NamedTuple):
    """A segment, and for each lead of the record the channel that has it here."""

    samples: WfdbSamples
    channels: tuple[int | None, ...]


class SegmentedSamples:
    """The samples of a record with segments. The header of a segment is read when it is needed.

    What a segment does not have is invalid: gaps, and leads that a variable layout lacks there.

    Args:
        header: That of the record.
        leads: That of the segment whose signal lines stand for the leads of the record.
        stated: Adds what a user states to the header of a segment.
    """

    def __init__(self, header: Header, leads: Header, stated: Stated) -> None:
        self._header, self._leads, self._stated = header, leads, stated
        self._ends = np.cumsum([segment.n_frames for segment in header.segments])
        self._segment = lru_cache(_MOST_OPEN)(self._open)

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece of some leads of one rate; see `recording.Samples`."""
        per_frame = self._leads.signals[leads[0]].samples_per_frame
        number = int(np.searchsorted(self._ends, start // per_frame, "right"))
        if (stop - start) * len(leads) > _MOST_UNCHECKED:
            self._check(number, stop // per_frame, leads)
        result, at = np.full((len(leads), stop - start), np.nan), start
        while at < stop:
            end = min(int(self._ends[number]) * per_frame, stop)
            line = self._header.segments[number]
            if line.name != GAP and end > at:
                begin = (int(self._ends[number]) - line.n_frames) * per_frame
                piece = result[:, at - start : end - start]
                self._read_segment(number, at - begin, end - begin, leads, piece)
            at, number = end, number + 1
        return result

    def _read_segment(
        self, number: int, start: int, stop: int, leads: Sequence[int], result: Floats
    ) -> None:
        """Read a piece of one segment; leads that it lacks stay as they are."""
        samples, channels = self._segment(number)
        there = {row: ch for row, lead in enumerate(leads) if (ch := channels[lead]) is not None}
        if there:
            result[[*there]] = samples.read(start, stop, [*there.values()])

    def _check(self, first: int, stop: int, leads: Sequence[int]) -> None:
        """Refuse leads that are in no file, from the first segment to the one with a frame."""
        for number in range(first, int(np.searchsorted(self._ends, stop, "left")) + 1):
            if number < len(self._ends) and self._header.segments[number].name != GAP:
                samples, channels = self._segment(number)
                samples.check([ch for lead in leads if (ch := channels[lead]) is not None])

    def _open(self, number: int) -> _Segment:
        line = self._header.segments[number]
        segment = self._stated(_read_segment(self._header, line.name))
        _check_segment(self._header, segment, line.n_frames)
        channels = _channels(self._header, self._leads, segment)
        used = next((channel for channel in channels if channel is not None), 0)
        return _Segment(WfdbSamples(replace(segment, n_frames=line.n_frames), used), channels)


def header_of_leads(header: Header) -> Header:
    """Return the header whose signal lines stand for the leads of a record with segments.

    It is that of the layout, or that of the first segment.

    Raises:
        InputError: It is missing or damaged, or the segments cannot be those of this record.
    """
    names = _checked_names(header)
    leads = _read_segment(header, names[0])
    if leads.n_signals != header.n_signals:
        expected = f"{header.n_signals} signals, as {escaped(header.path.name)} says"
        raise _refused(leads, expected, f"{leads.n_signals}")
    if header.has_rate:
        _check_rate(header, leads)
    _check_gaps(header, max(line.samples_per_frame for line in leads.signals))
    return leads


def _checked_names(header: Header) -> list[str]:
    """The names of the segments that are no gaps."""
    names = [segment.name for segment in header.segments if segment.name != GAP]
    total, n_frames = n_frames_of(header), header.n_frames
    if header.path.name.removesuffix(".hea") in names:
        raise _refused(header, "other records as segments", "the record itself")
    if not names or not total:
        raise _refused(header, "a segment with samples", "none")
    if n_frames not in (None, total):
        raise _refused(header, f"segments of {n_frames:,} samples together", f"{total:,}")
    most_used, repeats = Counter(names).most_common(1)[0]
    if repeats > _MOST_REPEATS:
        expected = f"each segment at most {_MOST_REPEATS} times"
        raise _refused(header, expected, f"{escaped(most_used)} {repeats:,} times")
    return names


def _check_gaps(header: Header, per_frame: int) -> None:
    gaps = sum(segment.n_frames for segment in header.segments if segment.name == GAP)
    signal = n_frames_of(header) - gaps
    if gaps * per_frame > _MOST_IN_GAPS + _MOST_IN_GAPS_PER_SAMPLE * signal * per_frame:
        expected = f"gaps of at most {_MOST_IN_GAPS_PER_SAMPLE} times the length of the signals"
        raise _refused(header, expected, f"{gaps:,} and {signal:,} samples")


def n_frames_of(header: Header) -> int:
    """Return the length of a record with segments in frames."""
    return sum(segment.n_frames for segment in header.segments)


def _read_segment(header: Header, name: str) -> Header:
    path = header.path.parent / f"{name}.hea"
    segment = read_header(
        path, hint=f"put it next to {escaped(header.path.name)}, whose segment it is"
    )
    if segment.n_segments is not None:
        expected = f"a segment of {escaped(header.path.name)}, without segments of its own"
        raise _refused(segment, expected, f"{segment.n_segments:,} segments")
    return segment


def _check_segment(header: Header, segment: Header, n_frames: int) -> None:
    """Refuse a segment of another rate or length than the record says."""
    _check_rate(header, segment)
    if segment.n_frames not in (None, n_frames):
        expected = f"{n_frames:,} samples, as {escaped(header.path.name)} says"
        raise _refused(segment, expected, f"{segment.n_frames:,}")


def _check_rate(header: Header, segment: Header) -> None:
    if segment.has_rate and abs(segment.fs_hz - header.fs_hz) > 1e-6 * header.fs_hz:
        expected = f"{header.fs_hz:g} Hz, the rate of {escaped(header.path.name)}"
        raise _refused(segment, expected, f"{segment.fs_hz:g} Hz")


def _channels(header: Header, leads: Header, segment: Header) -> tuple[int | None, ...]:
    """For each lead of the record the channel of a segment that has it."""
    if header.segments[0].n_frames == 0 and header.segments[0].name != GAP:
        channels = _channels_by_name(leads, segment)
    elif segment.n_signals == leads.n_signals:
        channels = tuple(range(leads.n_signals))
    else:
        expected = f"{leads.n_signals} signals, as {escaped(header.path.name)} says"
        raise _refused(segment, expected, f"{segment.n_signals}")
    for lead, channel in enumerate(channels):
        if channel is not None:
            _check_line(segment, leads.signals[lead], segment.signals[channel], leads.leads[lead])
    return channels


def _channels_by_name(leads: Header, segment: Header) -> tuple[int | None, ...]:
    """The same, by name; of equal names the first stands for the first, and so on."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for channel, line in enumerate(segment.signals):
        by_name[line.name].append(channel)
    channels = tuple(
        by_name[line.name].pop(0) if by_name[line.name] else None for line in leads.signals
    )
    if any(by_name.values()):
        unknown = next(name for name, rest in by_name.items() if rest)
        expected = f"leads of {escaped(leads.path.name)} ({escaped(', '.join(leads.leads))})"
        raise _refused(segment, expected, escaped(unknown) or "one without a name")
    return channels


def _check_line(segment: Header, lead: SignalLine, line: SignalLine, name: str) -> None:
    """Refuse a lead that is stored in another way than the record says."""
    name = escaped(name, 40)
    unit, own_unit = (unit_and_gain(one.unit)[0] for one in (lead, line))
    facts = (
        (f"the lead {name}", lead.name, line.name),
        (
            f"{lead.samples_per_frame} samples for each frame of {name}",
            f"{lead.samples_per_frame}",
            f"{line.samples_per_frame}",
        ),
        (f"{name} in {escaped(unit, 40)}", unit, own_unit),
        (f"a gain of {name}", "", "" if line.calibrated or not lead.calibrated else "none"),
    )
    for expected, of_record, of_segment in facts:
        if of_record != of_segment:
            found = escaped(of_segment, 40) or "none"
            raise _refused(segment, f"{expected}, as in the whole record", found)


def _refused(header: Header, expected: str, found: str) -> InputError:
    return InputError(
        f"{header.path}",
        expected=expected,
        found=found,
        hint="repair the headers of the record",
    )
