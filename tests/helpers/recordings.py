"""Recordings in memory, for tests of what works on any recording."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import FileAnnotations, Lead, Recording
from tests.helpers.records import Floats


@dataclass
class ArraySamples:
    """Samples in memory.

    Attributes:
        signals: One array (T,) for each lead.
        reads: The start, the stop and the leads of each reading.
    """

    signals: Sequence[Floats]
    reads: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece."""
        self.reads.append((start, stop, tuple(leads)))
        return np.stack([self.signals[lead][start:stop] for lead in leads])


def recording_of(
    signals: Sequence[Floats],
    rates_hz: Sequence[float],
    *,
    name: str = "r",
    leads: Sequence[str] = (),
    units: Sequence[str] = (),
    start_time: datetime | None = None,
    notes: Sequence[str] = (),
    find_annotations: Callable[[], FileAnnotations | None] = lambda: None,
    is_tried: bool = True,
) -> Recording:
    """Return a recording of signals (T,), the first of which is the lead that would be used."""
    names = [*leads, *(f"lead {i}" for i in range(len(leads), len(signals)))]
    units = [*units, *["mV"] * (len(signals) - len(units))]
    described = zip(names, units, rates_hz, map(len, signals), strict=True)
    return Recording(
        name,
        "WFDB",
        tuple(Lead(*lead) for lead in described),
        0,
        ArraySamples(signals),
        start_time=start_time,
        notes=tuple(RecordNote(name, "signal", note) for note in notes),
        find_annotations=find_annotations,
        is_tried=is_tried,
    )


def annotations_of(symbols: str, notes: Sequence[str] = ()) -> FileAnnotations:
    """Return annotations, one sample apart."""
    places, texts = np.arange(len(symbols), dtype=np.int64), ("",) * len(symbols)
    return FileAnnotations(places, np.array(list(symbols), dtype="<U1"), texts, tuple(notes))
