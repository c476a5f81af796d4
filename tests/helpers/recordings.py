"""Recordings of arrays, with annotations."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats
from ecg_lightning.records.recording import FileAnnotations, Lead, Recording


class ArraySamples:
    """Samples of leads in memory.

    Args:
        signals: One for each lead.
    """

    def __init__(self, signals: Sequence[Floats]) -> None:
        self.signals = signals

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        return np.stack([self.signals[lead][start:stop] for lead in leads]).astype(np.float64)


def recording_of(
    leads: Sequence[tuple[str, str, float, Floats]],
    samples: npt.ArrayLike = (),
    symbols: str | None = None,
    name: str = "x1",
    start_time: datetime | None = None,
) -> Recording:
    """Return a recording.

    Args:
        leads: Name, unit, rate and signal of each lead; the first is the one that would be used.
        samples: The positions of the annotations.
        symbols: Their symbols; None for a recording without annotations.
        name: Its name.
        start_time: When it began.
    """
    marks = None
    if symbols is not None:
        positions = np.asarray(samples, np.int64)
        marks = FileAnnotations(positions, np.array(list(symbols)), ("",) * len(positions))
    return Recording(
        name,
        "array",
        tuple(Lead(lead, unit, fs_hz, len(signal)) for lead, unit, fs_hz, signal in leads),
        0,
        ArraySamples([signal for *_, signal in leads]),
        start_time=start_time,
        find_annotations=lambda: marks,
    )
