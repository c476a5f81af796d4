"""The cells of a table: their kinds, the numbers of whole pieces, and what is wrong with a row."""

import csv
import functools
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.tables.numbers import LARGEST, MISSING, Fault, check_cell
from ecg_lightning.text import escaped

_COMMENT = re.compile(rb"^[ \t]*(?:#(?!N/A)|%|//)[^\n]*\n?", re.M | re.I)
_BLANK_LINE = re.compile(rb"^ +$", re.M)
_BLANKS = re.compile(rb"[ \t]+")
_OUTER_TABS = re.compile(rb"^\t|\t$", re.M)
_WORDS = b"|".join(re.escape(word.encode()) for word in sorted(MISSING, reverse=True))


class Cells(NamedTuple):
    """The cells of a piece.

    Attributes:
        numbers: (rows, columns) float64; missing cells are NaN.
        times: The text of the time column, where it is no number.
        marks: The decimal marks in the numbers, of `.` and `,`.
    """

    numbers: Floats
    times: list[str]
    marks: str


@dataclass(frozen=True)
class Rows:
    """How the rows of a table are written.

    Attributes:
        delimiter: Between two cells; " " for one or more blanks, "" where there is one column.
        quote: The sign around some cells, or "".
        n_columns: Cells in each row.
    """

    delimiter: str
    quote: str
    n_columns: int

    def cells(self, piece: bytes, columns: Sequence[int], time: int | None = None) -> Cells:
        """Read some columns of whole lines.

        Args:
            piece: Whole lines.
            columns: The columns of numbers.
            time: A column of times that are no numbers.

        Raises:
            Fault: A row has another number of cells, or a cell is no number.
        """
        text, delimiter = self._plain(piece)
        if not _are_counts_right(text, delimiter, self.n_columns):
            self._refuse(piece, columns)
        content, marks = _with_points(text, delimiter)
        if len(marks) > 1:
            return self._one_by_one(piece, text, delimiter, columns, time)
        numbers = _numbers(content, delimiter, columns)
        if numbers is None:
            self._refuse(piece, columns)
        times = [] if time is None else _column(text, delimiter, time)
        return Cells(numbers, times, marks)

    def split(self, line: str) -> list[str]:
        """Return the cells of a line, without blanks and quotes around them."""
        if self.delimiter in ("", " "):
            cells = line.split() if self.delimiter else [line]
            return [cell.strip().strip(self.quote or None).strip() for cell in cells]
        if self.quote and self.quote in line:
            return [cell.strip() for cell in next(self._reader([line]), [""])]
        return [cell.strip() for cell in line.split(self.delimiter)]

    def texts(self, piece: bytes) -> list[list[str]]:
        """Return the cells of each row of whole lines that `cells` has read."""
        text, delimiter = self._plain(piece)
        return [line.split(delimiter) for line in _filled_lines(text)]

    def refuse(self, piece: bytes, columns: Sequence[int], mark: str = "") -> None:
        """Raise the first fault of a piece, where it has one.

        Args:
            piece: Whole lines.
            columns: The columns of numbers.
            mark: The decimal mark of the rows before; "" where none had one.
        """
        for row, line in self.lines(piece):
            for column, cell in self._numbers_in(row, line, columns):
                check_cell(row, column, cell, mark)
                mark = mark or next((sign for sign in ".," if sign in cell), "")

    def some_lines(self, piece: bytes, count: int) -> list[str]:
        """Return the first and the last rows of a piece."""
        ends = (piece.split(b"\n", count)[:count], piece.rsplit(b"\n", count)[1:])
        return [line for part in ends for _, line in self.lines(b"\n".join(part))]

    def lines(self, piece: bytes) -> Iterator[tuple[int, str]]:
        """Each row with its index among the lines of the piece."""
        for row, line in enumerate(piece.split(b"\n")):
            if line.strip() and not _COMMENT.match(line):
                yield row, line.decode("utf-8", "replace")

    def line_of_row(self, piece: bytes, row: int) -> int:
        """Return the index of the line that holds a row of a piece."""
        return next(itertools.islice(self.lines(piece), row, None), (0, ""))[0]

    def _refuse(self, piece: bytes, columns: Sequence[int]) -> NoReturn:
        self.refuse(piece, columns)
        lines = piece.rstrip().split(b"\n")
        blank = next((row for row, line in enumerate(lines) if not line.strip()), 0)
        raise Fault(blank, "rows of numbers", "an empty line" if blank else "others")

    def _numbers_in(self, row: int, line: str, columns: Sequence[int]) -> Iterator[tuple[int, str]]:
        try:
            cells = self.split(line)
        except (csv.Error, StopIteration) as error:
            raise _wrong_quotes(row, line) from error
        if len(cells) != self.n_columns:
            raise Fault(row, f"{self.n_columns} cells", f"{len(cells)}")
        yield from ((column, cells[column]) for column in columns)

    def _plain(self, piece: bytes) -> tuple[bytes, str]:
        """The rows without comments, quotes and needless blanks; and their delimiter."""
        if b"#" in piece or b"%" in piece or b"//" in piece:
            piece = _COMMENT.sub(b"", piece)
        if b"\n " in piece and self.delimiter != " ":
            piece = _BLANK_LINE.sub(b"", piece)
        if self.quote and self.quote.encode() in piece:
            piece, delimiter = self._unquoted(piece), "\t"
        else:
            delimiter = self.delimiter or "\t"
        if delimiter == " ":
            piece = _BLANKS.sub(b"\t", piece)
        if self.delimiter == " ":
            return _OUTER_TABS.sub(b"", piece), "\t"
        return piece, delimiter

    def _unquoted(self, piece: bytes) -> bytes:
        """The rows with tabs between cells that have no quotes."""
        quote, delimiter = self.quote.encode(), self.delimiter.encode()
        if _are_quotes_plain(piece, quote, delimiter):
            if delimiter in (b"", b" "):  # where an empty cell is none
                piece = piece.replace(2 * quote, b"nan")
            piece = piece.replace(quote, b"")
            if delimiter == b" ":
                return _BLANKS.sub(b"\t", piece)
            return piece.replace(delimiter, b"\t") if delimiter else piece
        if delimiter in (b"", b" "):
            _refuse_quotes(piece, quote, delimiter)
        lines = piece.decode("latin-1").split("\n")
        try:
            rows = list(self._reader(lines))
        except csv.Error:
            rows = []
        if len(rows) != len(lines):
            self._refuse(piece, ())
        return "\n".join(
            "\t".join(cell.replace("\t", " ").strip() for cell in row) for row in rows
        ).encode("latin-1")

    def _reader(self, lines: list[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            skipinitialspace=True,
            strict=True,
        )

    def _one_by_one(
        self,
        piece: bytes,
        text: bytes,
        delimiter: str,
        columns: Sequence[int],
        time: int | None,
    ) -> Cells:
        """Read the columns of numbers apart from those that hold texts with other marks."""
        rows = [line.split(delimiter) for line in _filled_lines(text)]
        reduced = "\n".join("\t".join([row[k].strip() for k in columns]) for row in rows)
        content, marks = _with_points(reduced.encode("latin-1"), "\t")
        numbers = _numbers(content, "\t", range(len(columns)), len(rows))
        if numbers is None or len(marks) > 1:
            self._refuse(piece, columns)
        times = [] if time is None else [row[time].strip() for row in rows]
        return Cells(numbers, times, marks)


def _are_quotes_plain(piece: bytes, quote: bytes, delimiter: bytes) -> bool:
    """Whether quotes stand at both ends of cells only, and none is around a delimiter or tab."""
    if delimiter not in (b"\t", b" ") and b"\t" in piece:
        return False
    content = np.frombuffer(b"\n" + piece + b"\n", np.uint8)
    signs = np.flatnonzero(content == ord(quote))
    if len(signs) % 2:
        return False
    ends = np.frombuffer(b"\n \t" + delimiter, np.uint8)
    outer = np.concatenate([content[signs[::2] - 1], content[signs[1::2] + 1]])
    parts = np.flatnonzero(np.isin(content, np.frombuffer(b"\n" + delimiter, np.uint8)))
    inside = np.searchsorted(signs, parts) % 2
    return bool(np.isin(outer, ends).all() and not inside.any())


def _refuse_quotes(piece: bytes, quote: bytes, delimiter: bytes) -> None:
    """Raise a fault for the first line with quotes that are not plain."""
    for row, line in enumerate(piece.split(b"\n")):
        if not _are_quotes_plain(line, quote, delimiter):
            raise _wrong_quotes(row, line.decode("utf-8", "replace"))


def _wrong_quotes(row: int, line: str) -> Fault:
    return Fault(row, "cells with quotes at both ends", escaped(line, 40))


def _filled_lines(text: bytes) -> list[str]:
    return [line for line in text.decode("latin-1").split("\n") if line and not line.isspace()]


def _column(text: bytes, delimiter: str, column: int) -> list[str]:
    """The cells of a column of texts."""
    cells = [line.split(delimiter, column + 1)[column] for line in _filled_lines(text)]
    return [cell.strip() for cell in cells]


def _are_counts_right(text: bytes, delimiter: str, n_columns: int) -> bool:
    """Whether every row that is not empty has the right number of cells."""
    content = np.frombuffer(text if text.endswith(b"\n") else text + b"\n", np.uint8)
    ends = np.flatnonzero(content == 10)
    lengths = np.diff(ends, prepend=-1) - 1
    delimiters = np.flatnonzero(content == ord(delimiter))
    counts = np.diff(np.searchsorted(delimiters, ends), prepend=0)
    if n_columns == 1:  # an empty line between two samples may be a missing sample
        rows = np.flatnonzero(lengths)
        return not counts.any() and (not len(rows) or len(rows) == rows[-1] - rows[0] + 1)
    return bool((counts[lengths > 0] == n_columns - 1).all())


def _with_points(text: bytes, delimiter: str) -> tuple[bytes, str]:
    """The text with decimal points, and the decimal marks that it has."""
    has_comma = delimiter != "," and b"," in text
    marks = "." * (b"." in text) + "," * has_comma
    return text.replace(b",", b".") if has_comma else text, marks


def _numbers(
    text: bytes, delimiter: str, columns: Sequence[int], n_rows: int | None = None
) -> Floats | None:
    """The numbers (rows, columns); None where a cell is none."""
    if not len(columns):
        count = n_rows if n_rows is not None else len([1 for x in text.split(b"\n") if x])
        return np.empty((count, 0))
    numbers = _loaded(text, delimiter, columns)
    if numbers is None:
        numbers = _loaded(_missing_cell(delimiter).sub(b"nan", text), delimiter, columns)
    if numbers is not None and (np.abs(numbers) > LARGEST).any():
        return None
    return numbers


@functools.cache
def _missing_cell(delimiter: str) -> re.Pattern[bytes]:
    mark = re.escape(delimiter.encode())
    blanks = b" *+" if delimiter == "\t" else b"[ \t]*+"  # never given back: linear time
    before, behind = rb"(?:^(?!\n|\Z)|(?<=" + mark + rb"))", rb"(?=" + mark + rb"|$)"
    return re.compile(before + blanks + b"(?:" + _WORDS + b")" + blanks + behind, re.M | re.I)


def _loaded(text: bytes, delimiter: str, columns: Sequence[int]) -> Floats | None:
    lines = text.decode("latin-1").split("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data"
            return np.loadtxt(
                lines, delimiter=delimiter, comments=None, usecols=list(columns), ndmin=2
            )
    except (ValueError, OverflowError):
        return None
