"""Whether a text begins as a table of numbers does."""

import re
from itertools import islice

from ecg_lightning.records.file_heads import Head

_MOST_COLUMNS = 64  # no recording has more leads; a table of beats has one column for each sample
_MOST_HEADER_LINES = 16  # before the numbers, apart from comments
_MOST_LINES = 32  # that are looked at
_MOST_LETTERS = 40  # of a number or a time
_COMMENTS = ("#", ";", "%", "//")
# A number, a time such as 0:01.5 or 2020-01-01T10:00:00, a missing value, or nothing.
_CELL = re.compile(
    r"[-+]?(?:[\d.,]+(?:e[-+]?\d+)?|nan|inf)"
    r"|[-\d]*[-:/\d]+[T ]?[\d:.,]*(?:Z|[-+]\d\d:?\d\d)?"
    r"|-?",
    re.ASCII | re.IGNORECASE,
)


def begins_as_number_table(head: Head) -> bool:
    """Return whether the first lines of a text are numbers, after at most a few other lines.

    Args:
        head: The first bytes of a text.
    """
    lines = _lines(head)
    numbers = [line for line in lines if _is_numbers(line)]
    n_others = len(lines) - len(numbers)
    return len(numbers) >= 2 and n_others <= _MOST_HEADER_LINES and numbers == lines[n_others:]


def _lines(head: Head) -> list[str]:
    """The whole lines without comments and empty lines; a line that the head cuts is dropped."""
    utf16 = head.start.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.start.decode("utf-16" if utf16 else "utf-8-sig", "replace")
    lines = text.splitlines()
    if len(head.start) < head.size:
        lines = lines[:-1]
    stripped = (line for line in map(str.strip, lines) if line)
    return list(islice((line for line in stripped if not line.startswith(_COMMENTS)), _MOST_LINES))


def _is_numbers(line: str) -> bool:
    delimiter = next((mark for mark in ("\t", ";", ",") if mark in line), None)
    cells = [cell.strip(" \t'\"") for cell in line.split(delimiter)]
    is_short = all(len(cell) <= _MOST_LETTERS for cell in cells)
    return (
        len(cells) <= _MOST_COLUMNS and is_short and any(cells) and all(map(_CELL.fullmatch, cells))
    )
