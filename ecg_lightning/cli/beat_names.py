"""Beats by their names on the command line: `RECORD:SAMPLE`, or a row of the beats table."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.beats import Beats
from ecg_lightning.errors import InputError
from ecg_lightning.records.excerpts import ReadExcerpt
from ecg_lightning.text import listed, shown_name

MOST_BEATS = 8
NEAR_S = 0.15  # EC57's window: a peak and its annotation are rarely at the same sample
NAMED = 8  # records in a message


def one_of_each_class(beats: Beats) -> list[int]:
    """Return the row of one beat of each class that the table has.

    It is the middle beat of the class, because the first beats of a record are often cut short.
    """
    of_classes = [np.flatnonzero(beats.labels == label) for label in range(len(CLASS_NAMES))]
    return [int(rows[len(rows) // 2]) for rows in of_classes if len(rows)]


def row_of_beat(beats: Beats, name: str, rates: Callable[[str], float]) -> int:
    """Return the row of a beat.

    Args:
        beats: The beats table.
        name: `RECORD:SAMPLE`, or a row.
        rates: Gives the sampling rate of a record in Hz.

    Raises:
        InputError: There is no such beat.
    """
    record, colon, digits = name.rpartition(":")
    rows = f"a row from 0 to {len(beats) - 1}"
    if not re.fullmatch("[0-9]{1,12}", digits):
        raise InputError(
            "beat",
            expected=f"RECORD:SAMPLE, such as 100:2044, or {rows}",
            found=repr(shown_name(name)),
            hint="correct it",
            setting="beat",
        )
    number = int(digits)
    if colon:
        return _nearest(beats, record, number, rates)
    if number >= len(beats):
        raise InputError(
            "beat",
            expected=rows,
            found=str(number),
            hint="correct it, or write RECORD:SAMPLE",
            setting="beat",
        )
    return number


def rate_hz(read_excerpt: ReadExcerpt | None, record: str) -> float:
    """Return the sampling rate of a record, which its beats' positions count in.

    Args:
        read_excerpt: Reads a piece of a record; None for tables of beats.
        record: Its name.

    Returns:
        The rate in Hz; 0 for tables of beats, so that only an exact position names a beat.
    """
    excerpt = read_excerpt and read_excerpt(record, 0, 1.0)
    return excerpt.fs_hz if excerpt else 0.0


def unknown_record(setting: str, name: str, records: Sequence[str]) -> InputError:
    """Return the error about a record that the source does not have.

    Args:
        setting: The argument that names the record.
        name: What it says.
        records: The records of the source.
    """
    names = listed([shown_name(record) for record in records], NAMED)
    return InputError(
        f"{setting} {name}",
        expected=f"one of the records {names}",
        found="none of that name",
        hint="choose one of these",
        setting=setting,
    )


def _nearest(beats: Beats, record: str, sample: int, rates: Callable[[str], float]) -> int:
    """The row of the beat of a record that is nearest to a sample."""
    of_record = np.flatnonzero(beats.record_ids == record)
    if not len(of_record):
        names = list(dict.fromkeys(beats.record_ids.tolist()))
        raise unknown_record("beat", f"{shown_name(record)}:{sample}", names)
    row = int(of_record[np.abs(beats.samples[of_record] - sample).argmin()])
    nearest = int(beats.samples[row])
    if abs(nearest - sample) > NEAR_S * rates(record):
        raise InputError(
            f"beat {shown_name(record)}:{sample}",
            expected=f"a beat within {NEAR_S:g} s",
            found=f"the nearest at sample {nearest}",
            hint=f"write {shown_name(record)}:{nearest}, or choose another beat",
            setting="beat",
        )
    return row
