"""EC57's beat-by-beat comparison of two annotation files, as WFDB's `bxb` makes it.

docs/scoring.md has the rules.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.beat_matching import match_beats
from ecg_lightning.evaluation.beat_stretches import (
    Stretches,
    rows_of,
    shutdowns,
    without_flutter,
)
from ecg_lightning.records.recording import FileAnnotations
from ecg_lightning.records.stated import RATES, is_rate

# WFDB's own map: atrial, junctional and supraventricular escape beats (e, j, n) are S.
BXB = ClassMap("bxb", {**AAMI.symbols, "e": "S", "j": "S"})
COMPARED_MAPS: Mapping[str, ClassMap] = {"bxb": BXB, "aami": AAMI}
# Classes of the reference. O: it has no beat there. X: it has none, and marks a shutdown.
ROWS = (*CLASS_NAMES, "O", "X")
COLUMNS = tuple(row.lower() for row in ROWS)  # of the test annotations
NO_BEAT_THERE, SHUT_DOWN = ROWS.index("O"), ROWS.index("X")
START_S, TOLERANCE_S = 300.0, 0.150  # the learning period, and the match window
_MOST_SECONDS = 10**9


@dataclass(frozen=True, eq=False)
class Counts:
    """How many pairs of each kind a comparison has.

    Attributes:
        matrix: (7, 7) int64. Rows: the class of the reference beat, as in `ROWS`. Columns: the
            class of the test beat, as in `COLUMNS`.
    """

    matrix: Integers

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both comparisons together."""
        return Counts(self.matrix + other.matrix)


class _Side(NamedTuple):
    """One file: its beats (B,) outside flutter, and the stretches that it marks."""

    samples: Integers
    labels: Integers
    flutter: Stretches
    shutdown: Stretches


def compare_record(
    reference: FileAnnotations,
    test: FileAnnotations,
    length: int,
    fs_hz: float,
    *,
    classes: str = "bxb",
    start_s: float = START_S,
    tolerance_s: float = TOLERANCE_S,
) -> Counts:
    """Compare the beats of two annotation files of a record.

    Args:
        reference: The annotations that are right.
        test: The annotations that are judged. `beats_at` makes them of positions.
        length: The samples of the record. Of beats after its end only the partner of a beat within
            it counts.
        fs_hz: The sampling rate of all positions.
        classes: `bxb`, in which e, j and n are S, or `aami`, in which e and j are N.
        start_s: Where counting begins; what comes before it is the learning period. 0: the whole
            record counts.
        tolerance_s: The farthest distance of a pair. It is rounded to samples.

    Raises:
        InputError: There is no such class map, or a number is out of its range.

    Example:
        >>> beats = beats_at([1_000, 2_000])
        >>> compare_record(beats, beats, 3_000, 360.0, start_s=0).matrix[0, 0]
        np.int64(2)
    """
    if not is_rate(fs_hz):
        raise InputError("fs_hz", expected=f"a number from {RATES}", found=f"{fs_hz}")
    start = _samples_of(start_s, "start_s", fs_hz)
    window = _samples_of(tolerance_s, "tolerance_s", fs_hz)
    first, second = (_side(file, _class_map(classes), window) for file in (reference, test))
    rows, columns = match_beats(
        first.samples.tolist(), second.samples.tolist(), window, start, length
    )
    cells = len(ROWS) * _labels(first, rows, second, columns) + _labels(
        second, columns, first, rows
    )
    extra = second.samples[columns[rows < 0]]
    counted = np.ones(len(rows), np.bool_)
    counted[rows < 0] = ~first.flutter.hold(extra)
    matrix = np.bincount(cells[counted], minlength=len(ROWS) ** 2)
    return Counts(matrix.reshape(len(ROWS), len(ROWS)))


def beats_at(samples: npt.ArrayLike, symbol: str = "N") -> FileAnnotations:
    """Return annotations of beats at the nearest samples (B,), all of one symbol."""
    positions = np.sort(np.rint(np.asarray(samples, np.float64))).astype(np.int64)
    texts = ("",) * len(positions)
    return FileAnnotations(positions, np.full(len(positions), symbol, "<U1"), texts)


def _class_map(name: str) -> ClassMap:
    if name not in COMPARED_MAPS:
        expected = f"one of {', '.join(COMPARED_MAPS)}"
        raise InputError("classes", expected=expected, found=name, hint="correct the name")
    return COMPARED_MAPS[name]


def _samples_of(seconds: float, setting: str, fs_hz: float) -> int:
    """A time in samples; half a sample is rounded up."""
    if not (math.isfinite(seconds) and 0 <= seconds <= _MOST_SECONDS):
        raise InputError(
            setting,
            expected=f"0 to {_MOST_SECONDS:,} seconds",
            found=f"{seconds}",
            hint="correct the number",
            setting=setting,
        )
    return math.floor(seconds * fs_hz + 0.5)


def _side(annotations: FileAnnotations, classes: ClassMap, window: int) -> _Side:
    ascending = rows_of(annotations, np.argsort(annotations.samples, kind="stable"))
    outside, flutter = without_flutter(ascending)
    labels = classes.labels(outside.symbols)
    is_beat = labels != NO_BEAT
    shutdown = shutdowns(outside, is_beat, window)
    return _Side(outside.samples[is_beat], labels[is_beat], flutter, shutdown)


def _labels(side: _Side, indices: Integers, other: _Side, of_other: Integers) -> Integers:
    """The classes (P,) of one file's beats; O or X where it has no beat for the other file's."""
    labels = np.full(len(indices), NO_BEAT_THERE)
    alone = indices < 0
    labels[~alone] = side.labels[indices[~alone]]
    is_shut_down = side.shutdown.hold(other.samples[of_other[alone]])
    labels[alone] = np.where(is_shut_down, SHUT_DOWN, NO_BEAT_THERE)
    return labels
