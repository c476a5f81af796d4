"""How a table is laid out: its delimiter, decimal mark, header, first row and columns."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.records.kaggle import WINDOW_SAMPLES
from ecg_lightning.records.table_cells import (
    Rows,
    is_missing,
    is_number,
    number_of,
)
from ecg_lightning.records.table_columns import Column, Role, are_units, column_of
from ecg_lightning.records.table_facts import TableFacts, facts_of, is_fact
from ecg_lightning.records.table_text import Line, TableText, text_of_table
from ecg_lightning.records.table_times import is_time
from ecg_lightning.text import escaped

MOST_COLUMNS = 1024
_DELIMITERS = ("\t", ";", "|", ",", " ", "")
KAGGLE_COLUMNS = WINDOW_SAMPLES + 1
_SAMPLE = 200  # lines that tell the delimiter
_SECOND = ("2", "1,2", "2,1")  # stated columns of which one is the second
_COMMENTS = ("#", "%", "//")
_TWO_NUMBERS = re.compile(r"\d[\s,;|]+[-+.\d]")
_THOUSANDS = re.compile(r"\d,\d{3}\.\d|\d\.\d{3},\d|\d([,.])\d{3}\1\d{3}")
_WORD = re.compile(r"[^\W\d_][\w .+-]{0,31}")
_INTEGER = re.compile(r"[+-]?\d+")
_KEY_AND_VALUE = re.compile(r"[:=,;\t|]")
_MOST = 0.9  # of some rows or steps
_ENOUGH = 50  # rows of an increasing column that has another name than a time


@dataclass(frozen=True)
class Layout:
    """How a table is laid out.

    Attributes:
        text: The encoding and the line ends.
        rows: How a row is written.
        columns: What each column is.
        facts: What the lines above say.
        first: The first row.
        body: The cells of the first rows.
        notes: What a user has to know about the layout.
    """

    text: TableText
    rows: Rows
    columns: tuple[Column, ...]
    facts: TableFacts
    first: Line
    body: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def find_layout(path: Path, stated_columns: str) -> Layout:
    """Find out how a table is laid out, from its first lines.

    Args:
        path: The table.
        stated_columns: The columns that the user states, or "".

    Raises:
        InputError: It is no table of a recording, or its layout is ambiguous.
    """
    text = text_of_table(path)
    lines = text.head()
    sample = [line for line in lines if _may_be_row(line.text)][-_SAMPLE:]
    rows = _rows(path, [line.text for line in sample])
    if rows.delimiter == "," and not _is_comma_delimiter(path, lines, rows, stated_columns):
        rows = Rows("", _quote([line.text for line in sample], ""), 1)
    first = _first_row(path, lines, rows)
    above = [line.text for line in lines if line.number < first.number]
    body = _body(lines, first, rows)
    titles, units, used = _header(path, above, rows, body, first)
    _refuse_other_tables(path, titles, body)
    notes: tuple[str, ...] = ()
    if not titles and _are_numbers_of_columns(body, rows.split(first.text)):
        after = [line for line in lines if line.number > first.number and _may_be_row(line.text)]
        if after:
            notes = (f"line {first.number} is taken for the numbers of the columns",)
            first, body = after[0], body[1:]
    columns = _columns(titles, units, rows.n_columns, body)
    has_commas = rows.delimiter != "," and any("," in cell for cells in body for cell in cells)
    return Layout(
        text,
        rows,
        columns,
        facts_of([line for line in above if line not in used], has_commas),
        first,
        tuple(map(tuple, body)),
        notes,
    )


def no_recording(path: Path, found: str, hint: str) -> InputError:
    """Return the error for a table that holds no recording."""
    return InputError(str(path), expected="a recording", found=found, hint=hint)


def _refuse_other_tables(path: Path, titles: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Refuse tables of beats, which are known by their columns."""
    if [*titles[:2]] == ["record", "sample"]:
        raise no_recording(
            path, "the predictions of a run", "choose the recording that they are about"
        )
    if body and len(body[0]) == KAGGLE_COLUMNS:
        cells = [[number_of(cell) for cell in row] for row in body]
        if all(row[-1] in range(5) and min(row) >= 0 and max(row[:-1]) <= 1 for row in cells):
            raise InputError(
                str(path),
                expected="a recording",
                found="beats with their classes, as in Kaggle's tables of heartbeats",
                hint="choose the source kaggle and the folder of this file",
                setting="source",
            )


def _may_be_row(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(_COMMENTS)


def _cells(line: str, delimiter: str, quote: str) -> list[str]:
    try:
        return Rows(delimiter, quote, 0).split(line)
    except (csv.Error, StopIteration):
        return []


def _is_row(cells: Sequence[str], words_first: bool = False) -> bool:
    """Whether the cells may be those of a row: one is a number, and none holds two."""
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


def _rows(path: Path, lines: Sequence[str]) -> Rows:
    """How the rows are written: as most lines agree with."""
    for words_first in (False, True):
        candidates = []
        for delimiter in _DELIMITERS[: -2 if words_first else None]:
            quote = _quote(lines, delimiter)
            cells = [_cells(line, delimiter, quote) for line in lines if delimiter in line]
            counts = Counter(
                len(row)
                for row in cells
                if _is_row(row, words_first) and (len(row) > 1 or not delimiter)
            )
            for width, score in counts.most_common(1):
                candidates.append((score, Rows(delimiter, quote, width)))
        most = max((score for score, _ in candidates), default=0)
        if most:
            return next(rows for score, rows in candidates if score >= 0.9 * most)
    found, hint = "a text without rows of numbers", "choose another file"
    if any(map(_THOUSANDS.search, lines)):
        found, hint = "numbers with marks between thousands", "write them without these marks"
    raise no_recording(path, found, hint)


def _quote(lines: Sequence[str], delimiter: str) -> str:
    """The sign that begins a cell of some line, or ""."""
    for quote in "\"'":
        before = f"(?:^|{re.escape(delimiter)} ?)" if delimiter else "^"
        start = re.compile(before + quote)
        if any(start.search(line) for line in lines):
            return quote
    return ""


def _is_comma_delimiter(path: Path, lines: Sequence[Line], rows: Rows, stated: str) -> bool:
    """Whether commas part columns; otherwise they are the decimal marks of one column."""
    texts = [line.text for line in lines]
    candidates = [text for text in texts if _may_be_row(text)][-_SAMPLE:]
    all_cells = [cells for text in candidates if _is_row(cells := _cells(text, ",", rows.quote))]
    whole = [
        cells
        for cells in all_cells
        if all(_INTEGER.fullmatch(cell) or is_missing(cell) for cell in cells)
    ]
    if len(whole) < _MOST * len(all_cells) or not whole:
        return True
    width = max(map(len, whole))
    later = [cell for cells in whole for cell in cells[1:] if _INTEGER.fullmatch(cell)]
    with_zeros = any(len(cell) > 1 and cell[0] == "0" for cell in later)
    minus_zero = any(cells[0] in ("-0", "+0") for cells in whole)
    negative = any(cell[0] in "+-" for cell in later)
    widths = {len(cells) for cells in whole}
    if width == 2 and not negative and (with_zeros or minus_zero or widths == {1, 2}):
        return False
    if not with_zeros and (width > 2 or negative):
        return True
    until = itertools.takewhile(lambda text: not _is_row(_cells(text, ",", rows.quote)), texts)
    above = [text for text in until if text.strip()][-1:]
    titles = [_titles(text, ",") for text in above if not is_fact(text)]
    has_names = any(len(cells) == width and _are_names(cells) for cells in titles)
    counts_up = len(whole) > 9 and _counts_up([cells[0] for cells in whole], None)
    if not with_zeros and (has_names or counts_up or stated.replace(" ", "") in _SECOND):
        return True
    raise InputError(
        str(path),
        expected="a table that shows whether its commas are decimal marks or part two columns",
        found=f"rows such as {escaped(candidates[-1], 40)}",
        hint="write decimal points, or a line with the names of the columns above the rows",
    )


def _first_row(path: Path, lines: Sequence[Line], rows: Rows) -> Line:
    """The first row; refuse a line above it that begins with a number, which is a faulty row."""
    if rows.n_columns > MOST_COLUMNS:
        raise no_recording(
            path,
            f"{rows.n_columns:,} cells in a line",
            f"write one sample of each lead in a line, at most {MOST_COLUMNS:,} columns",
        )
    for line in (line for line in lines if _may_be_row(line.text)):
        cells = _cells(line.text, rows.delimiter, rows.quote)
        if len(cells) == rows.n_columns and _is_row(cells):
            return line
        if cells and is_number(cells[0]) and (len(cells) > 1 or rows.n_columns == 1):
            raise InputError(
                f"{path}, line {line.number}",
                expected=f"a row of {rows.n_columns} cells, as below",
                found=escaped(line.text, 40),
                hint="correct it",
            )
    for line in (line for line in lines if _may_be_row(line.text)):
        cells = _cells(line.text, rows.delimiter, rows.quote)
        if len(cells) == rows.n_columns and _is_row(cells, words_first=True):
            return line
    raise no_recording(path, "a text without rows of numbers", "choose another file")


def _body(lines: Sequence[Line], first: Line, rows: Rows) -> list[list[str]]:
    """The cells of the first rows that have the right number of them."""
    texts = (line.text for line in lines if line.number >= first.number and _may_be_row(line.text))
    cells = (_cells(text, rows.delimiter, rows.quote) for text in itertools.islice(texts, _SAMPLE))
    return [row for row in cells if len(row) == rows.n_columns]


def _titles(line: str, delimiter: str) -> list[str]:
    """The cells of a line that may be a header, which may be a comment."""
    text = line.strip("\n") if delimiter == "\t" else line.strip()
    for mark in (*_COMMENTS, ";" if delimiter != ";" else "#"):
        text = text.strip().removeprefix(mark) if text.strip().startswith(mark) else text
    quote = next((quote for quote in "\"'" if quote in text), "")
    cells = _cells(text, delimiter, quote)
    return [cell.strip("\"'").strip() for cell in cells]


def _are_names(cells: Sequence[str]) -> bool:
    return any(cells) and not any(is_number(cell) or len(cell) > 80 for cell in cells if cell)


def _header(
    path: Path, above: Sequence[str], rows: Rows, body: Sequence[Sequence[str]], first: Line
) -> tuple[list[str], list[str], list[str]]:
    """The names of the columns, their units, and the lines that hold them."""
    lines = [line for line in above if line.strip()]
    while lines and not _may_be_row(lines[-1]) and not _fitting(lines[-1], rows, body):
        lines.pop()  # a comment
    if not lines or not body:
        return [], [], []
    last = _fitting(lines[-1], rows, body)
    before = _fitting(lines[-2], rows, body) if len(lines) > 1 else []
    if last and before and are_units(last) and rows.n_columns > 1:
        return before, last, lines[-2:]
    if last:
        return last, [], lines[-1:]
    if before and _may_be_row(lines[-1]) and lines[-1] == above[-1]:
        raise InputError(
            f"{path}, line {first.number - 1}",
            expected=f"a row of {rows.n_columns} cells, as below",
            found=escaped(lines[-1], 40),
            hint="correct it, or remove it",
        )
    cells = _titles(lines[-1], rows.delimiter)
    is_near = above[-1].strip() and _may_be_row(above[-1])
    if is_near and rows.n_columns > 2 and len(cells) > 2:
        raise InputError(
            f"{path}, line {first.number - 1}",
            expected=f"the names of {rows.n_columns} columns",
            found=f"{len(cells)}",
            hint="correct it",
        )
    return [], [], []


def _fitting(line: str, rows: Rows, body: Sequence[Sequence[str]]) -> list[str]:
    """The names in a line if it has one for each column; else none."""
    cells, n_columns = _titles(line, rows.delimiter), rows.n_columns
    if n_columns == 1:
        text = cells[0] if len(cells) == 1 else ""
        is_comment = not _may_be_row(line) or line.lstrip().startswith(";")
        is_name = text and not _KEY_AND_VALUE.search(text) and len(text) <= 40
        return [text] if is_name and not (is_comment and " " in text) else []
    if not _are_names(cells) or (n_columns == 2 and is_fact(line)):
        return []
    if len(cells) == n_columns - 1 and all(not row[-1] for row in body):
        return [*cells, ""]  # each row ends with a delimiter
    if len(cells) == n_columns - 1 and _counts_up([row[0] for row in body]):
        return ["", *cells]  # R names no column of row names
    if len(cells) == n_columns + 1 and not cells[-1]:
        return cells[:-1]
    return cells if len(cells) == n_columns else []


def _are_numbers_of_columns(body: Sequence[Sequence[str]], first: Sequence[str]) -> bool:
    """Whether the first row holds 0, 1, 2, ..., as pandas writes them above unnamed columns."""
    numbers = [cell for cell in first if cell]
    plain = numbers == [str(k) for k in range(len(numbers))] and len(numbers) > 1
    unnamed = not first[0] and len(first) > 1 and numbers == [str(k) for k in range(len(numbers))]
    rest = body[1:]
    others = rest and all(any(not _INTEGER.fullmatch(cell) for cell in row) for row in rest)
    index = unnamed and rest and _counts_up([row[0] for row in rest]) and rest[0][0] == "0"
    return bool(index or (plain and len(numbers) == len(first) and others))


def _counts_up(cells: Sequence[str], first: tuple[int, ...] | None = (0, 1)) -> bool:
    """Whether nearly all cells are one more than the cell before."""
    cells = [cell.strip("\"'") for cell in cells]
    if not all(cell.isascii() and cell.isdecimal() and len(cell) < 16 for cell in cells):
        return False
    steps = [other - one for one, other in itertools.pairwise(map(int, cells))]
    begins = first is None or int(cells[0]) in first
    return begins and steps.count(1) >= _MOST * len(steps)


def _columns(
    titles: Sequence[str], units: Sequence[str], width: int, body: Sequence[Sequence[str]]
) -> tuple[Column, ...]:
    titles, units = titles or [""] * width, units or [""] * width
    columns = [column_of(*pair) for pair in zip(titles, units, strict=True)]
    for i, column in enumerate(columns):
        cells = [row[i] for row in body]
        columns[i] = replace(column, role=_role(column, i, cells, width))
    return tuple(columns)


def _role(column: Column, i: int, cells: Sequence[str], width: int) -> Role:
    """The role by the name, checked against the cells."""
    present = [cell for cell in cells if not is_missing(cell)]
    if not present:
        return Role.EMPTY if not column.title else column.role
    if sum(map(is_time, present)) > len(present) / 2:
        return Role.TIME
    if sum(map(is_number, present)) <= len(present) / 2:
        return Role.TEXT
    rises = _rises(cells)
    if column.role is Role.TIME and (rises or len(column.title) > 2):
        return Role.TIME
    if column.role is Role.LEAD and i == 0 and width > 1 and rises:
        enough = len(cells) > 2 if not column.title else len(cells) >= _ENOUGH
        if enough:
            return Role.INDEX if _counts_up(cells) else Role.TIME
    return Role.LEAD if column.role is Role.TIME else column.role


def _rises(cells: Sequence[str]) -> bool:
    """Whether nearly all numbers rise by nearly equal steps, as times and row numbers do."""
    numbers = np.array([number_of(cell) for cell in cells])
    with np.errstate(invalid="ignore"):  # inf - inf
        steps = np.diff(numbers)
        if not np.isfinite(steps).any():
            return False
        usual = float(np.nanmedian(steps))
        near = np.abs(steps - usual) <= 0.51 * usual
    return 0 < usual < np.inf and bool(near.mean() >= _MOST)
