"""Recordings of arrays, with annotations."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import FileAnnotations, Lead, Recording


class ArraySamples:
    """Samples of leads in memory.

    Args:
        signals: One for each lead.

    Attributes:
        reads: The start, the stop and the leads of each piece that was read.
    """

    def __init__(self, signals: Sequence[Floats]) -> None:
        self.signals = signals
        self.reads: list[tuple[int, int, tuple[int, ...]]] = []

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        self.reads.append((start, stop, tuple(leads)))
        return np.stack([self.signals[lead][start:stop] for lead in leads]).astype(np.float64)


def recording_of(
    leads: Sequence[tuple[str, str, float, Floats]],
    samples: npt.ArrayLike = (),
    symbols: str | None = None,
    name: str = "x1",
    start_time: datetime | None = None,
    *,
    notes: Sequence[str] = (),
    find_annotations: Callable[[], FileAnnotations | None] | None = None,
    is_tried: bool = True,
) -> Recording:
    """Return a recording.

    Args:
        leads: Name, unit, rate and signal of each lead; the first is the one that would be used.
        samples: The positions of the annotations.
        symbols: Their symbols; None for a recording without annotations.
        name: Its name.
        start_time: When it began.
        notes: What a user has to know about it.
        find_annotations: Reads the annotations, instead of `samples` and `symbols`.
        is_tried: Whether this format was tried with a real file.
    """
    marks = None if symbols is None else annotations_of(symbols, samples)
    return Recording(
        name,
        "array",
        tuple(Lead(lead, unit, fs_hz, len(signal)) for lead, unit, fs_hz, signal in leads),
        0,
        ArraySamples([signal for *_, signal in leads]),
        start_time=start_time,
        notes=tuple(RecordNote(name, "signal", note) for note in notes),
        find_annotations=find_annotations or (lambda: marks),
        is_tried=is_tried,
    )


def annotations_of(
    symbols: str, samples: npt.ArrayLike | None = None, notes: Sequence[str] = ()
) -> FileAnnotations:
    """Return annotations without texts; default: one sample apart."""
    positions = np.asarray(range(len(symbols)) if samples is None else samples, np.int64)
    texts = ("",) * len(positions)
    return FileAnnotations(positions, np.array(list(symbols), "<U1"), texts, tuple(notes))


def leads_of(
    signals: Sequence[Floats],
    rates_hz: Sequence[float],
    names: Sequence[str] = (),
    units: Sequence[str] = (),
) -> list[tuple[str, str, float, Floats]]:
    """Return the leads of `recording_of`.

    Args:
        signals: (T,) each.
        rates_hz: The rate of each.
        names: The names of the first ones; the others are `lead 0`, `lead 1` and so on.
        units: The units of the first ones; the others are in mV.
    """
    every_name = [*names, *(f"lead {i}" for i in range(len(names), len(signals)))]
    every_unit = [*units, *["mV"] * (len(signals) - len(units))]
    return list(zip(every_name, every_unit, rates_hz, signals, strict=True))
