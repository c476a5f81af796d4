"""Annotations of a comparison by hand, and a slow comparison that reads them one by one."""

from collections.abc import Sequence

import numpy as np

from ecg_lightning.evaluation.beat_comparison import COLUMNS, ROWS, Counts
from ecg_lightning.records.recording import FileAnnotations

Mark = tuple[int, str] | tuple[int, str, int]  # position, symbol and, where it is not 0, subtype
BXB = {**dict.fromkeys("NLRB", "N"), **dict.fromkeys("AaJSejn", "S"), **dict.fromkeys("VEr", "V")}
BXB |= {"F": "F", **dict.fromkeys("/fQ?", "Q")}
AAMI = {**BXB, "e": "N", "j": "N"}
FAR = 1 << 40


def marks(*rows: Mark) -> FileAnnotations:
    """Return annotations at these positions."""
    subtypes = [row[2] if len(row) == 3 else 0 for row in rows]
    return FileAnnotations(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], "<U1"),
        ("",) * len(rows),
        subtypes=np.array(subtypes, np.int64),
    )


def cells(counts: Counts) -> dict[str, int]:
    """Return the cells of a matrix that are not 0, such as `{"Nn": 3, "Vo": 1}`."""
    return {
        row + column: int(counts.matrix[i, j])
        for i, row in enumerate(ROWS)
        for j, column in enumerate(COLUMNS)
        if counts.matrix[i, j]
    }


class SlowFile:
    """A file that is read beat by beat, with the next beat known, as `bxb` reads it.

    Attributes:
        at: Position and class of the current beat, and of the one after it.
        flutter: The stretches of flutter that were met, first and last sample.
        shutdown: The stretches of shutdown.
    """

    def __init__(self, rows: Sequence[Mark], classes: dict[str, str], window: int) -> None:
        self.rows = sorted(((*row, 0)[:3] for row in rows), key=lambda row: row[0])
        self.classes, self.window = classes, window
        self.flutter, self.shutdown = list[tuple[int, int]](), list[tuple[int, int]]()
        self.last = 0  # the last beat or end of flutter
        self.beats = [*self._beats(), (FAR, ""), (FAR, ""), (FAR, "")]

    def _beats(self) -> list[tuple[int, str]]:
        beats = list[tuple[int, str]]()
        rows = list(self.rows)
        while rows:
            at, symbol, subtype = rows.pop(0)
            if symbol in self.classes:
                beats.append((at, self.classes[symbol]))
                self.last = at
            elif symbol == "[":
                while rows and rows[0][1] != "]":
                    rows.pop(0)
                end = rows.pop(0)[0] if rows else FAR
                self.flutter.append((at, end))
                self.last = end
            elif symbol == "~" and subtype & 48 == 48:
                self._shut_down(at, rows)
        return beats

    def _shut_down(self, at: int, rows: list[tuple[int, str, int]]) -> None:
        if not rows:
            self.shutdown.append((at, FAR))
        elif rows[0][1] == "~" and rows[0][2] & 48 != 48:
            self.shutdown.append((at, rows.pop(0)[0]))
        else:
            self.shutdown.append((self.last + self.window, rows[0][0] - self.window))

    def says_nothing(self, at: int) -> str:
        """Return X in a shutdown, O elsewhere."""
        return "X" if any(first <= at <= last for first, last in self.shutdown) else "O"


def slow_cells(
    reference: Sequence[Mark],
    test: Sequence[Mark],
    length: int,
    start: int = 0,
    window: int = 54,
    classes: dict[str, str] = BXB,
) -> dict[str, int]:
    """Compare two files as `compare_record` does, with no array and no clever step."""
    right, judged = SlowFile(reference, classes, window), SlowFile(test, classes, window)
    pairs = list[str]()
    expected = [beat for beat in right.beats if beat[0] >= start]
    answers = [beat for beat in judged.beats if beat[0] >= start]
    before = [beat for beat in judged.beats if beat[0] < start][-1:]
    if start:
        first, second, third = expected[0][0], answers[0][0], answers[1][0]
        distance = first - before[0][0] if before else FAR
        if distance <= window and distance < abs(first - second):
            pairs.append(expected.pop(0)[1] + before[0][1].lower())
        elif second - start <= window and abs(first - third) < abs(first - second):
            answers.pop(0)
    while expected[0][0] <= length or answers[0][0] <= length:
        (a, right_class), (next_a, _) = expected[:2]
        (b, test_class), (next_b, _) = answers[:2]
        if a <= b:
            early, after_early, late, after_late = a, next_a, b, next_b
        else:
            early, after_early, late, after_late = b, next_b, a, next_a
        near = late - early <= window
        best = late - early < abs(after_early - late)
        other = abs(after_early - after_late) < abs(after_early - late)
        if near and (best or other):
            pairs.append(right_class + test_class.lower())
            expected.pop(0)
            answers.pop(0)
        elif a <= b:
            pairs.append(right_class + judged.says_nothing(a).lower())
            expected.pop(0)
        else:
            if not any(first <= b <= last for first, last in right.flutter):
                pairs.append(right.says_nothing(b) + test_class.lower())
            answers.pop(0)
    return {pair: pairs.count(pair) for pair in sorted(set(pairs))}
