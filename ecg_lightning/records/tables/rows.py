"""How the rows of a table are written: the delimiter, the quote and the decimal mark."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.tables.cells import Rows
from ecg_lightning.records.tables.facts import is_fact
from ecg_lightning.records.tables.numbers import is_missing, is_number
from ecg_lightning.records.tables.text import Line
from ecg_lightning.records.tables.time_forms import is_time
from ecg_lightning.text import escaped

_DELIMITERS = ("\t", ";", "|", ",", " ", "")
SAMPLE = 200  # lines that tell the delimiter
_SECOND = ("2", "1,2", "2,1")  # stated columns of which one is the second
COMMENTS = ("#", "%", "//")
_TWO_NUMBERS = re.compile(r"\d[\s,;|]+[-+.\d]")
_THOUSANDS = re.compile(r"\d,\d{3}\.\d|\d\.\d{3},\d|\d([,.])\d{3}\1\d{3}")
_TIME_OF_COLONS = re.compile(r"[\s\"'\[]*(\d\d?:\d\d:\d\d):(\d{1,9})(?!\d)", re.A)
# A first column that begins with a digit and is no number.
_UNKNOWN_TIME = re.compile(
    r"[\s\"']*(\d[^,;\t\"']*[^-+.eE\d,;\t\"'][^,;\t\"']*)[\"']*[,;\t][\s\"']*[-+.\d]", re.A
)
_WORD = re.compile(r"[^\W\d_][\w .+-]{0,31}")
_QUANTITY = re.compile(r"[\d.,]+ ?[munµμ]?V", re.I)  # such as 10 mV
_LEADING_ZERO = re.compile(r"0\d+")
INTEGER = re.compile(r"[+-]?\d+")
MOST = 0.9  # of some rows or steps


def no_recording(path: Path, found: str, hint: str) -> InputError:
    """Return the error for a table that holds no recording."""
    return InputError(str(path), expected="a recording", found=found, hint=hint)


def may_be_row(line: str) -> bool:
    """Return whether a line is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith(COMMENTS)


def cells_of(line: str, delimiter: str, quote: str) -> list[str]:
    """Return the cells of a line; none where its quotes are wrong."""
    try:
        return Rows(delimiter, quote, 0).split(line)
    except (csv.Error, StopIteration):
        return []


def is_row(cells: Sequence[str], words_first: bool = False) -> bool:
    """Return whether cells may be those of a row: one is a number, and none holds two."""
    if not any(map(is_number, cells)):
        return False
    first = cells[0]
    is_word = words_first and _WORD.fullmatch(first)
    if not (is_word or is_number(first) or is_missing(first) or is_time(first)):
        return False
    return all(
        is_number(cell) or is_missing(cell) or is_time(cell) or not _TWO_NUMBERS.search(cell)
        for cell in cells
    )


def rows_of(path: Path, lines: Sequence[str]) -> Rows:
    """Return how the rows are written, as most lines agree.

    Raises:
        InputError: No line may be a row.
    """
    for words_first in (False, True):
        candidates = []
        for delimiter in _DELIMITERS[: -2 if words_first else None]:
            quote = quote_of(lines, delimiter)
            cells = [cells_of(line, delimiter, quote) for line in lines if delimiter in line]
            counts = Counter(
                len(row)
                for row in cells
                if is_row(row, words_first) and (len(row) > 1 or not delimiter)
            )
            for width, score in counts.most_common(1):
                candidates.append((score, Rows(delimiter, quote, width)))
        most = max((score for score, _ in candidates), default=0)
        if most:
            return next(rows for score, rows in candidates if score >= 0.9 * most)
    found, hint = "a text without rows of numbers", "choose another file"
    if any(map(_THOUSANDS.search, lines)):
        found, hint = "numbers with marks between thousands", "write them without these marks"
        # Two cells such as 0.105,0.190 look like such a number.
        if unknown := next(filter(None, map(_UNKNOWN_TIME.match, lines[1:])), None):
            found = f"{escaped(unknown[1].strip(), 40)} in column 1, no number and no known time"
            hint = "write times as 2024-01-31 12:00:00.004, or leave them out and state the rate"
    if time := next(filter(None, map(_TIME_OF_COLONS.match, lines)), None):
        found = f"times such as {time[1]}:{time[2]} in column 1"
        hint = f"write decimal points in them, as {time[1]}.{time[2]}"
    raise no_recording(path, found, hint)


def quote_of(lines: Sequence[str], delimiter: str) -> str:
    """Return the sign that begins a cell of some line, or ""."""
    for quote in "\"'":
        before = f"(?:^|{re.escape(delimiter)} ?)" if delimiter else "^"
        start = re.compile(before + quote)
        if any(start.search(line) for line in lines):
            return quote
    return ""


def is_comma_delimiter(path: Path, lines: Sequence[Line], rows: Rows, stated: str) -> bool:
    """Return whether commas part columns; otherwise they are the decimal marks of one column.

    Args:
        path: The table.
        lines: Its first lines.
        rows: How its rows are written, where commas part columns.
        stated: The columns that the user states, or "".

    Raises:
        InputError: They may be either.
    """
    texts = [line.text for line in lines if may_be_row(line.text)][-SAMPLE:]
    all_cells = [cells for text in texts if is_row(cells := cells_of(text, ",", rows.quote))]
    whole = [cells for cells in all_cells if all(map(_is_whole, cells))]
    zeros = sum(any(map(_LEADING_ZERO.fullmatch, cells[1:])) for cells in whole)
    least = 0.5 if zeros else MOST  # leading zeros are those of decimals, whatever a few rows say
    if len(whole) <= least * len(all_cells):
        return True
    width = max(map(len, whole))
    has_names = _has_names(lines, rows, width)
    has_decimals = bool(zeros) or _are_decimals(whole)
    if width == 2 and has_decimals and not has_names:
        return False
    has_signs = any(cell[:1] in ("+", "-") and len(cell) > 1 for row in whole for cell in row[1:])
    counts = len(whole) > 9 and counts_up([cells[0] for cells in whole], None)
    is_stated = stated.replace(" ", "") in _SECOND
    if not has_decimals and (width > 2 or has_signs or has_names or counts or is_stated):
        return True
    raise InputError(
        str(path),
        expected="a table that shows whether its commas are decimal marks or part two columns",
        found=f"rows such as {escaped(texts[-1], 40)}",
        hint="write decimal points, or separate the columns by semicolons",
    )


def _is_whole(cell: str) -> bool:
    return INTEGER.fullmatch(cell) is not None or is_missing(cell)


def _are_decimals(whole: Sequence[Sequence[str]]) -> bool:
    """Whether pairs of whole numbers can only be the two parts of numbers with decimal commas."""
    later = [cell for cells in whole for cell in cells[1:] if INTEGER.fullmatch(cell)]
    minus_zero = any(cells[0] in ("-0", "+0") for cells in whole)
    vary = {len(cells) for cells in whole} == {1, 2}
    return (minus_zero or vary) and not any(cell[0] in "+-" for cell in later)


def _has_names(lines: Sequence[Line], rows: Rows, width: int) -> bool:
    """Whether the line directly above the first row names the columns."""
    texts = [line.text for line in lines]
    until = [*itertools.takewhile(lambda text: not is_row(cells_of(text, ",", rows.quote)), texts)]
    if not until or is_fact(until[-1]):
        return False
    cells = titles_of(until[-1], ",")
    return len(cells) == width and are_names(cells)


def titles_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line that may be a header, which may be a comment."""
    text = line.strip("\n") if delimiter == "\t" else line.strip()
    for mark in (*COMMENTS, ";" if delimiter != ";" else "#"):
        text = text.strip().removeprefix(mark) if text.strip().startswith(mark) else text
    quote = next((quote for quote in "\"'" if quote in text), "")
    cells = cells_of(text, delimiter, quote)
    return [cell.strip("\"'").strip() for cell in cells]


def are_names(cells: Sequence[str]) -> bool:
    """Return whether cells may be the names of columns: no numbers, no keys, and not too long."""
    is_key = len(cells) == 2 and cells[0].endswith(("=", ":"))
    return any(cells) and not is_key and not any(map(_is_no_name, cells))


def _is_no_name(cell: str) -> bool:
    return is_number(cell) or len(cell) > 80 or _QUANTITY.fullmatch(cell) is not None


def counts_up(cells: Sequence[str], first: tuple[int, ...] | None = (0, 1)) -> bool:
    """Return whether nearly all cells are one more than the cell before."""
    cells = [cell.strip("\"'") for cell in cells]
    if not all(cell.isascii() and cell.isdecimal() and len(cell) < 16 for cell in cells):
        return False
    steps = [other - one for one, other in itertools.pairwise(map(int, cells))]
    begins = first is None or int(cells[0]) in first
    return begins and steps.count(1) >= MOST * len(steps)


def never_falls(numbers: Sequence[float]) -> bool:
    """Return whether numbers rise but for equal ones, as times with too few digits do."""
    steps = np.diff(numbers)
    return bool((steps >= 0).all() and (steps > 0).any())


def rises_evenly(numbers: Sequence[float] | Floats) -> bool:
    """Return whether nearly all numbers rise by nearly equal steps, as times do."""
    with np.errstate(invalid="ignore"):  # inf - inf
        steps = np.diff(numbers)
        if not np.isfinite(steps).any():
            return False
        usual = float(np.nanmedian(steps))
        near = np.abs(steps - usual) <= 0.51 * usual
    return 0 < usual < np.inf and bool(near.mean() >= MOST)
