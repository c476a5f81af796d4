"""What a user has to know about a record that was read: what is odd, dropped or skipped."""

import warnings
from collections.abc import Iterable
from typing import Literal, NamedTuple

from ecg_lightning.text import listed

MOST_LINES, MOST_SKIPPED = 10, 100  # in the warnings about a database


class RecordWarning(UserWarning):
    """A fact about records that a user has to know."""


class SkippedRecordWarning(RecordWarning):
    """A record that cannot be read and is not used."""


class RecordNote(NamedTuple):
    """One fact about one record.

    Attributes:
        record: The record's name.
        topic: `skipped`: the record cannot be read and is not used; `unused`: it has no
            annotations, or is a folder that cannot be read; `dropped`: annotations or beats of it
            are not used; `signal`: it is used, but its signal is odd.
        text: The fact, without the record's name, such as "the lead ABP is in mmHg, no voltage".
            Equal facts of several records become one line.
    """

    record: str
    topic: Literal["skipped", "unused", "dropped", "signal"]
    text: str


def note_lines(notes: Iterable[RecordNote]) -> list[str]:
    """Return one line for each fact, with the records that it is true of.

    Example:
        >>> note_lines([RecordNote("1", "signal", "flat"), RecordNote("2", "signal", "flat")])
        ['records 1, 2: flat']
    """
    records: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        records.setdefault((note.topic, note.text), []).append(note.record)
    return [f"{_named(names)}: {text}" for (_, text), names in records.items()]


def warn_of(notes: Iterable[RecordNote]) -> None:
    """Warn of each fact once, in a bounded number of lines."""
    notes = list(notes)
    skipped = [note for note in notes if note.topic == "skipped"]
    others = [note for note in notes if note.topic != "skipped"]
    for line in bounded(note_lines(others), MOST_LINES):
        warnings.warn(line, RecordWarning, stacklevel=3)
    for line in bounded(note_lines(skipped), MOST_SKIPPED):
        warnings.warn(line, SkippedRecordWarning, stacklevel=3)


def bounded(lines: list[str], most: int) -> list[str]:
    """Return the lines; of too many the first, and how many more there are.

    Example:
        >>> bounded(["a", "b", "c"], most=2)
        ['a', 'and 2 more']
    """
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"and {len(lines) - most + 1:,} more"]


def _named(names: list[str]) -> str:
    """`record a` or `records a, b, c, d and 3 more`."""
    return f"record{'s' * (len(names) > 1)} {listed(names)}"
