"""Pieces of a record, to draw around a beat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.records.database_records import open_record_of
from ecg_lightning.records.databases import Database
from ecg_lightning.records.recording import Recording

EXCERPT_S = 4.0  # 10 cm of paper at 25 mm/s: room for the beats before and after


@dataclass(frozen=True, eq=False)
class Trace:
    """A piece of one lead of a record.

    Attributes:
        lead: The name of the lead.
        fs_hz: The sampling rate of the lead.
        first: The position in the lead of the first sample of the piece.
        signal: (T,) in `unit`, NaN where invalid.
        unit: `mV` for every voltage, "" where the unit is unknown.
    """

    lead: str
    fs_hz: float
    first: int
    signal: Floats
    unit: str = field(default="mV", kw_only=True)


@dataclass(frozen=True, eq=False)
class Excerpt(Trace):
    """A piece of one lead of a record with the annotations in it.

    Attributes:
        annotation_samples: (A,) positions in the record of the annotations within the piece.
        annotation_symbols: (A,) their symbols.
    """

    annotation_samples: Integers
    annotation_symbols: Names


# Record, sample and seconds to the excerpt of that length around that sample.
ReadExcerpt = Callable[[str, int, float], Excerpt | None]


def excerpts_of_database(database: Database, lead: int | str | None = None) -> ReadExcerpt:
    """Return a function that reads excerpts of a database, and nothing but them.

    An excerpt is shifted where it would otherwise begin before its record or end after it. The
    latest record stays open, so that its annotations are read once if its excerpts are read
    together.

    Args:
        database: Where the records are.
        lead: The index or the name of the lead. Default: that of each record's source.

    Example:
        >>> read_excerpt = excerpts_of_database(database)  # doctest: +SKIP
        >>> read_excerpt("100", 77, EXCERPT_S).lead  # doctest: +SKIP
        'MLII'
    """

    @lru_cache(maxsize=1)
    def opened(name: str) -> Recording:
        return open_record_of(database, name, lead)

    def read_excerpt(name: str, sample: int, seconds: float) -> Excerpt:
        return _excerpt(opened(name), sample, seconds)

    return read_excerpt


def _excerpt(recording: Recording, sample: int, seconds: float) -> Excerpt:
    n_samples = round(seconds * recording.fs_hz)
    first = max(0, min(sample - n_samples // 2, recording.samples - n_samples))
    last = min(first + n_samples, recording.samples)
    samples, symbols = np.zeros(0, np.int64), np.zeros(0, "<U1")
    if recording.annotations is not None:
        samples, symbols = recording.annotations.samples, recording.annotations.symbols
    inside = slice(*np.searchsorted(samples, [first, last]))
    lead, signal = recording.lead, recording.read_exactly(first, last)[0]
    marks = samples[inside], symbols[inside]
    return Excerpt(lead.name, lead.fs_hz, first, signal, *marks, unit=lead.unit)
