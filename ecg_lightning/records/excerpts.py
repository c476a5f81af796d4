"""Pieces of a record, to draw around a beat."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.records.databases import Database
from ecg_lightning.records.wfdb import read_record

STRIP_S = 4.0  # 10 cm of paper at 25 mm/s; room for the beats before and after


@dataclass(frozen=True, eq=False)
class Strip:
    """A piece of one lead of a record.

    Attributes:
        lead: The channel's name.
        fs_hz: The record's own sampling rate.
        first: Position of the piece's first sample in the record.
        signal: (T,) mV, NaN where invalid.
        annotation_samples: (A,) positions in the record of the annotations within the piece.
        annotation_symbols: (A,) their symbols.
    """

    lead: str
    fs_hz: float
    first: int
    signal: Floats
    annotation_samples: Integers
    annotation_symbols: Names


Strips = Callable[[str, int, float], Strip | None]


def strips_of_database(database: Database, lead: int | str = 0) -> Strips:
    """A function (record, sample, seconds) to the `Strip` of that length around that sample, shifted to lie within the record.

    The latest record is kept in memory, so that each is read once if it is asked for record by record, as `gallery` does.

    Args:
        database: Where the records are.
        lead: Channel index or name.
    """
    read = lru_cache(maxsize=1)(
        lambda name: read_record(database.root, name, lead, database.annotator)
    )

    def strip(name: str, sample: int, seconds: float) -> Strip:
        record = read(name)
        count = round(seconds * record.fs_hz)
        first = max(0, min(sample - count // 2, len(record.signal) - count))
        inside = slice(*np.searchsorted(record.annotation_samples, [first, first + count]))
        piece = record.signal[first : first + count].copy()  # a view would keep the whole record
        return Strip(
            record.lead,
            record.fs_hz,
            first,
            piece,
            record.annotation_samples[inside],
            record.annotation_symbols[inside],
        )

    return strip
