"""Stretches that annotations mark: ventricular flutter, and signals that nobody can read."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.records.recording import FileAnnotations

FLUTTER, END_OF_FLUTTER, NOISE = "[", "]", "~"
UNREADABLE = 0b110000  # the bits 4 and 5 of the subtype of a noise annotation: neither signal
_FAR = 1 << 60  # a position after the end of every recording

Mask = npt.NDArray[np.bool_]


class Stretches(NamedTuple):
    """Stretches of a record; the samples at both ends belong to them.

    Attributes:
        starts: (U,) first samples, ascending.
        stops: (U,) last samples. A stretch that stops before it starts is empty.
    """

    starts: Integers
    stops: Integers

    def hold(self, samples: Integers) -> Mask:
        """Return whether each sample (A,) lies in a stretch."""
        if not len(self.starts):
            return np.zeros(len(samples), np.bool_)
        last = np.searchsorted(self.starts, samples, side="right") - 1
        farthest = np.maximum.accumulate(self.stops)  # of the stretches that start up to there
        return (last >= 0) & (farthest[np.maximum(last, 0)] >= samples)


def without_flutter(annotations: FileAnnotations) -> tuple[FileAnnotations, Stretches]:
    """Return annotations without those between each `[` and the next `]`, and these stretches.

    The marks themselves stay. A stretch without `]` lasts to the end.
    """
    symbols = annotations.symbols
    opened, closed, keep = list[int](), list[int](), np.ones(len(symbols), np.bool_)
    for row in np.flatnonzero((symbols == FLUTTER) | (symbols == END_OF_FLUTTER)).tolist():
        is_open = len(opened) > len(closed)
        if symbols[row] == FLUTTER and not is_open:
            opened.append(row)
        elif symbols[row] == END_OF_FLUTTER and is_open:
            closed.append(row)
            keep[opened[-1] + 1 : row] = False
    if len(opened) > len(closed):
        keep[opened[-1] + 1 :] = False
    starts, stops = annotations.samples[opened], annotations.samples[closed]
    stops = np.append(stops, [_FAR] * (len(starts) - len(stops))).astype(np.int64)
    return rows_of(annotations, keep), Stretches(starts, stops)


def shutdowns(annotations: FileAnnotations, is_beat: Mask, window: int) -> Stretches:
    """Return the stretches in which neither signal is readable.

    Such a stretch begins at a noise annotation whose subtype has the bits 4 and 5. If the next
    annotation is a noise annotation without them, it lasts until there; if there is no next one, to
    the end. Otherwise it lies between the beat or the end of flutter before it and the next
    annotation, and the window is taken off at both ends.

    Args:
        annotations: Those of one file, as `without_flutter` returns them.
        is_beat: (A,) whether each is a beat.
        window: The match window in samples.
    """
    samples, symbols = annotations.samples, annotations.symbols
    begins = (symbols == NOISE) & ((annotations.subtypes & UNREADABLE) == UNREADABLE)
    rows = np.flatnonzero(begins)
    following = np.append(samples, _FAR)[rows + 1]
    ends = np.append((symbols == NOISE) & ~begins, True)[rows + 1]  # True: the end of the file
    after_flutter = np.append(False, symbols[:-1] == FLUTTER) & (symbols == END_OF_FLUTTER)
    before = _positions_before(samples, is_beat | after_flutter)[rows]
    starts = np.where(ends, samples[rows], before + window)
    stops = np.where(ends, following, following - window)
    order = np.argsort(starts, kind="stable")
    return Stretches(starts[order], stops[order])


def rows_of(annotations: FileAnnotations, rows: Mask | Integers) -> FileAnnotations:
    """Return some rows of annotations, without their texts."""
    samples: Integers = annotations.samples[rows]
    symbols: Names = annotations.symbols[rows]
    return FileAnnotations(
        samples, symbols, ("",) * len(samples), subtypes=annotations.subtypes[rows]
    )


def _positions_before(samples: Integers, marks: Mask) -> Integers:
    """The position (A,) of the last marked row up to each row; 0 where there is none."""
    return np.maximum.accumulate(np.where(marks, samples, 0))
