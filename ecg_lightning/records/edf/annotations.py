"""Annotations of EDF+ and BDF+: lists of texts with a time, and the times of the data records.

edfio reads such lists too, but refuses the whole file for one that is damaged or no UTF-8, and
misses every text of several lines. The tests compare with it.
"""

import re
from array import array
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.records.annotation_samples import nearest_samples, outside_note
from ecg_lightning.records.edf.header import EXPECTED, Header, Signal
from ecg_lightning.records.edf.samples import DataRecords, Timeline
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.records.recording import (
    MOST_ANNOTATIONS_PER_SECOND,
    TEXT_SYMBOL,
    FileAnnotations,
)
from ecg_lightning.records.wfdb.annotations import SYMBOLS
from ecg_lightning.system.input_files import open_input
from ecg_lightning.text import counted

LONGEST_DAYS = 31  # of a recording with gaps; Holter patches record for two weeks
_LONGEST_S = LONGEST_DAYS * 86_400
# Text of one annotation: onset, perhaps a duration, and texts, each with an end mark.
_LIST = re.compile(rb"([+-]\d{1,15}(?:\.\d{0,30})?)(?:\x15[\d.]*)?\x14")
_LONGEST_ONSET = 64  # bytes of the longest list that has only an onset
_MOST = 1 << 23  # more than a month of beats
_CODES = frozenset(SYMBOLS.values()) - {" ", TEXT_SYMBOL}


def read_timeline(file: BinaryIO, header: Header, records: DataRecords) -> Timeline:
    """Read when each data record of a discontinuous file begins.

    A record that begins less than half a sample after the end of the one before, or up to one
    sample before it, has no gap before it. The sample is one of the fastest lead.

    Raises:
        InputError: A data record has no time, begins before the one before ends, or the recording
            is longer than 31 days.
    """
    record_s = float(header.record_s)
    sample_s = 1 / max(header.rate_hz(signal) for signal in header.leads)
    firsts, onsets, start, first = array("q", [0]), array("d", [0.0]), 0.0, 0
    for record, onset in enumerate(_onsets(file, header, records)):
        if onset is None:
            raise _wrong_times(records, record, "a list of annotations that begins with its time")
        if record == 0:
            start = onset
        late_s = onset - start - onsets[-1] - (record - first) * record_s
        if late_s < -sample_s:
            found = f"an overlap of {-late_s:g} s"
            raise _wrong_times(records, record, "a start after the end of the one before", found)
        if onset - start > _LONGEST_S:
            longest = f"a time within {LONGEST_DAYS} days"
            raise _wrong_times(records, record, longest, f"{onset:g} s")
        if late_s > sample_s / 2:
            first = record
            firsts.append(record)
            onsets.append(onset - start)
    return Timeline(np.array(firsts), np.array(onsets), records.count)


def outer_onsets(
    file: BinaryIO, header: Header, records: DataRecords
) -> tuple[float | None, float | None]:
    """Return when the first and the last data record begin, in seconds after the start time.

    None stands for a data record without a time.
    """
    if not header.annotation_signals:
        return None, None
    first, last = (_onset(file, header, records, record) for record in (0, records.count - 1))
    return first, last


def _onsets(file: BinaryIO, header: Header, records: DataRecords) -> Iterator[float | None]:
    """The time of each data record."""
    for record in range(records.count):
        yield _onset(file, header, records, record)


def _onset(file: BinaryIO, header: Header, records: DataRecords, record: int) -> float | None:
    """The time of a data record: that of the first list in its first annotation signal."""
    signal = header.annotation_signals[0]
    size = min(signal.samples * header.width, _LONGEST_ONSET)
    begin = records.offset + record * records.size + signal.offset
    match = _LIST.match(read_block(file, records.path, begin, size))
    return float(match[1]) if match else None


def _wrong_times(
    records: DataRecords, record: int, expected: str, found: str = "none"
) -> InputError:
    return InputError(
        str(records.path),
        expected=f"{expected} for data record {record + 1:,}",
        found=found,
        hint="fetch the file again, or convert it to a continuous one",
    )


def read_annotations(
    header: Header, records: DataRecords, start_s: float, fs_hz: float, n_samples: int
) -> FileAnnotations | None:
    """Read the annotations of a file; None where it has only the times of the data records.

    Args:
        header: Its header.
        records: Where its data records are.
        start_s: When the first data record begins, in seconds after the file's start time.
        fs_hz: The sampling rate of the lead that would be used.
        n_samples: Its length.

    Raises:
        InputError: The file has become shorter, or has more annotations than it can have beats.
    """
    length_s = max(1.0, float(records.count * header.record_s))
    most = min(int(MOST_ANNOTATIONS_PER_SECOND * length_s), _MOST)
    marks: list[tuple[float, str]] = []
    unreadable = 0
    for block in _blocks(header, records):
        for part in filter(None, block.split(b"\0")):
            match = _LIST.match(part)
            if match is None or not part.endswith(b"\x14"):
                unreadable += 1
                continue
            texts = map(_text, part[match.end() :].split(b"\x14"))
            marks += [(float(match[1]) - start_s, text) for text in texts if text]
        if len(marks) > most:
            raise _too_many(records, most)
    return _placed(marks, fs_hz, n_samples, unreadable) if marks or unreadable else None


def _too_many(records: DataRecords, most: int) -> InputError:
    return InputError(
        str(records.path),
        expected=f"at most {most:,} annotations, {MOST_ANNOTATIONS_PER_SECOND} a second",
        found="more",
        hint="fetch the file again",
    )


def _blocks(header: Header, records: DataRecords) -> Iterator[bytes]:
    """The bytes of each annotation signal in each data record."""
    with open_input(records.path, EXPECTED) as file:
        for signal in header.annotation_signals:
            yield from _blocks_of(file, header, records, signal)


def _blocks_of(
    file: BinaryIO, header: Header, records: DataRecords, signal: Signal
) -> Iterator[bytes]:
    width = signal.samples * header.width
    step = records.at_once(width)
    read = partial(records.columns, file, start=signal.offset, stop=signal.offset + width)
    for first in range(0, records.count, step):
        for row in read(first, min(step, records.count - first)):
            yield row.tobytes()


def _text(content: bytes) -> str:
    """A text: UTF-8 by the standard, Latin-1 where it is none."""
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return content.decode("latin-1").strip()


def _placed(
    marks: list[tuple[float, str]], fs_hz: float, n_samples: int, unreadable: int
) -> FileAnnotations:
    """Marks (seconds, text) at their samples, in order, without those outside the signal."""
    onsets_s = np.array([onset for onset, _ in marks], np.float64)
    positions = nearest_samples(onsets_s * fs_hz, n_samples)
    order = np.argsort(positions, kind="stable")
    inside = order[(positions[order] >= 0) & (positions[order] < n_samples)]
    texts = [marks[i][1] for i in inside.tolist()]
    symbols = [text if text in _CODES else TEXT_SYMBOL for text in texts]
    damaged = f"{counted(unreadable, 'list')} of annotations cannot be read" if unreadable else ""
    notes = (outside_note(len(marks) - len(inside)), damaged)
    return FileAnnotations(
        positions[inside],
        np.array(symbols, dtype="<U1"),
        tuple(
            text if symbol == TEXT_SYMBOL else ""
            for text, symbol in zip(texts, symbols, strict=True)
        ),
        tuple(filter(None, notes)),
    )
