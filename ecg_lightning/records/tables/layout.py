"""How a table is laid out: its delimiter, decimal mark, header, first row and columns."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.kaggle import WINDOW_SAMPLES
from ecg_lightning.records.tables.cells import Rows
from ecg_lightning.records.tables.columns import Column, Role, are_units, column_of, may_be_times
from ecg_lightning.records.tables.facts import TableFacts, facts_of, is_fact
from ecg_lightning.records.tables.numbers import is_missing, is_number, number_of
from ecg_lightning.records.tables.rows import (
    INTEGER,
    SAMPLE,
    are_names,
    cells_of,
    counts_up,
    is_comma_delimiter,
    is_row,
    may_be_row,
    never_falls,
    no_recording,
    quote_of,
    rises_evenly,
    rows_of,
    titles_of,
)
from ecg_lightning.records.tables.text import Line, TableText, text_of_table
from ecg_lightning.records.tables.time_forms import is_time
from ecg_lightning.text import counted, escaped

MOST_COLUMNS = 1024
KAGGLE_COLUMNS = WINDOW_SAMPLES + 1
_LIKE_NUMBER = re.compile(r"[-+]?[\d.,][-+\d.,e' ]*", re.A | re.I)
_DATE = re.compile(r"(?:\d{4}([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2\d{4})(?:\D.*)?", re.A)
_KEY_AND_VALUE = re.compile(r"[:=,;\t|]")
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
    sample = [line for line in lines if may_be_row(line.text)][-SAMPLE:]
    rows = rows_of(path, [line.text for line in sample])
    if rows.delimiter == "," and not is_comma_delimiter(path, lines, rows, stated_columns):
        rows = Rows("", quote_of([line.text for line in sample], ""), 1)
    first = _first_row(path, lines, rows)
    above = [line.text for line in lines if line.number < first.number]
    body = _body(lines, first, rows)
    titles, units, used = _header(path, above, rows, body, first)
    _refuse_other_tables(path, titles, body)
    notes: tuple[str, ...] = ()
    numbers = _numbers_above(body, bool(titles))
    if numbers:
        notes = (f"line {first.number} is taken for the numbers of {numbers}",)
        first = next(line for line in lines if line.number > first.number and may_be_row(line.text))
        body = body[1:]
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


def _first_row(path: Path, lines: Sequence[Line], rows: Rows) -> Line:
    """The first row; refuse a line above it that begins with a number, which is a faulty row."""
    if rows.n_columns > MOST_COLUMNS:
        raise no_recording(
            path,
            f"{rows.n_columns:,} cells in a line",
            f"write one sample of each lead in a line, at most {MOST_COLUMNS:,} columns",
        )
    before = lines[0]
    for line in (line for line in lines if may_be_row(line.text)):
        cells = cells_of(line.text, rows.delimiter, rows.quote)
        if len(cells) == rows.n_columns and is_row(cells):
            if before.number == line.number - 1 and _begins_like_number(before.text, rows):
                raise _faulty_row(path, before, rows)
            return line
        if cells and is_number(cells[0]) and (len(cells) > 1 or rows.n_columns == 1):
            raise _faulty_row(path, line, rows)
        before = line
    for line in (line for line in lines if may_be_row(line.text)):
        cells = cells_of(line.text, rows.delimiter, rows.quote)
        if len(cells) == rows.n_columns and is_row(cells, words_first=True):
            return line
    raise no_recording(path, "a text without rows of numbers", "choose another file")


def _begins_like_number(line: str, rows: Rows) -> bool:
    """Whether a line begins with something like a number, such as `1,234.5`, and no date."""
    cell = next(iter(cells_of(line, rows.delimiter, rows.quote)), "")
    return bool(_LIKE_NUMBER.fullmatch(cell)) and not _DATE.fullmatch(cell)


def _faulty_row(path: Path, line: Line, rows: Rows) -> InputError:
    return InputError(
        f"{path}, line {line.number}",
        expected=f"a row of {counted(rows.n_columns, 'cell')}, as below",
        found=escaped(line.text, 40),
        hint="correct it, or remove it",
    )


def _body(lines: Sequence[Line], first: Line, rows: Rows) -> list[list[str]]:
    """The cells of the first rows that have the right number of them."""
    texts = (line.text for line in lines if line.number >= first.number and may_be_row(line.text))
    cells = (cells_of(text, rows.delimiter, rows.quote) for text in itertools.islice(texts, SAMPLE))
    return [row for row in cells if len(row) == rows.n_columns]


def _header(
    path: Path, above: Sequence[str], rows: Rows, body: Sequence[Sequence[str]], first: Line
) -> tuple[list[str], list[str], list[str]]:
    """The names of the columns, their units, and the lines that hold them."""
    lines = [line for line in above if line.strip()]
    while lines and not may_be_row(lines[-1]) and not _fitting(lines[-1], rows, body):
        lines.pop()  # a comment
    if not lines or not body:
        return [], [], []
    last = _fitting(lines[-1], rows, body)
    before = _fitting(lines[-2], rows, body) if len(lines) > 1 else []
    if last and before and are_units(last) and rows.n_columns > 1:
        return before, last, lines[-2:]
    if last:
        return last, [], lines[-1:]
    if before and may_be_row(lines[-1]) and lines[-1] == above[-1]:
        raise _faulty_row(path, Line(first.number - 1, 0, lines[-1]), rows)
    cells = titles_of(lines[-1], rows.delimiter)
    is_near = above[-1].strip() and may_be_row(above[-1])
    if is_near and rows.n_columns > 2 and len(cells) > 2:
        number = next((cell for cell in cells if is_number(cell)), "")
        is_full = number and len(cells) == rows.n_columns
        raise InputError(
            f"{path}, line {first.number - 1}",
            expected=f"the names of {rows.n_columns} columns",
            found=f"the number {escaped(number, 40)} among them" if is_full else f"{len(cells)}",
            hint=f"write a name, such as lead {escaped(number, 40)}" if is_full else "correct it",
        )
    return [], [], []


def _fitting(line: str, rows: Rows, body: Sequence[Sequence[str]]) -> list[str]:
    """The names in a line if it has one for each column; else none."""
    cells, n_columns = titles_of(line, rows.delimiter), rows.n_columns
    if n_columns == 1:
        text = cells[0] if len(cells) == 1 else ""
        is_comment = not may_be_row(line) or line.lstrip().startswith(";")
        is_name = text and not _KEY_AND_VALUE.search(text) and len(text) <= 40
        return [text] if is_name and not (is_comment and " " in text) else []
    if not are_names(cells) or (n_columns == 2 and is_fact(line)):
        return []
    if len(cells) == n_columns - 1 and all(not row[-1] for row in body):
        return [*cells, ""]  # each row ends with a delimiter
    if len(cells) == n_columns - 1 and counts_up([row[0] for row in body]):
        return ["", *cells]  # R names no column of row names
    if len(cells) == n_columns + 1 and not cells[-1]:
        return cells[:-1]
    return cells if len(cells) == n_columns else []


def _numbers_above(body: Sequence[Sequence[str]], has_titles: bool) -> str:
    """What the first row numbers, where it is no row: the columns, the samples, or nothing."""
    if len(body) < 2:
        return ""
    first, second = body[:2]
    if not has_titles:
        return "the columns" if _are_numbers_of_columns(body, first) else ""
    counts = {cell for cell in first[1:] if cell}
    is_count = len(counts) == 1 and all(INTEGER.fullmatch(cell) for cell in counts)
    return "the samples" if is_count and not first[0] and is_number(second[0]) else ""


def _are_numbers_of_columns(body: Sequence[Sequence[str]], first: Sequence[str]) -> bool:
    """Whether the first row holds 0, 1, 2, ..., as pandas writes them above unnamed columns."""
    numbers = [cell for cell in first if cell]
    counted = numbers in ([str(k) for k in range(k, k + len(numbers))] for k in (0, 1))
    plain = counted and len(numbers) > 1
    unnamed = counted and not first[0] and len(first) > 1
    rest = body[1:]
    others = rest and all(any(not INTEGER.fullmatch(cell) for cell in row) for row in rest)
    index = unnamed and rest and counts_up([row[0] for row in rest]) and rest[0][0] == "0"
    return bool(index or (plain and len(numbers) == len(first) and others))


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
    numbers = [number_of(cell) for cell in cells]
    rises = rises_evenly(numbers)
    if column.role is Role.TIME and (rises or len(column.title) > 2 or never_falls(numbers)):
        return Role.TIME
    if column.role is Role.INDEX and not rises:
        return Role.LEAD  # "sample" may be the name of the values
    if column.role is Role.LEAD and rises and may_be_times(column):
        return Role.TIME
    if column.role is Role.LEAD and i == 0 and width > 1 and rises:
        enough = len(cells) > 2 if not column.title else len(cells) >= _ENOUGH
        if enough:
            return Role.INDEX if counts_up(cells) else Role.TIME
    return Role.LEAD if column.role is Role.TIME else column.role
