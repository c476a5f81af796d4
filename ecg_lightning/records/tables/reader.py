"""Recordings in tables: CSV, TSV and other text with one row of numbers for each sample.

A table is read through once when it is opened: each row is checked, and the byte at which some rows
begin is noted. Reading a part of it then parses the rows of that part only.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import index_of_lead
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, ReadOptions, Recording
from ecg_lightning.records.stated import check_unit, checked_rate
from ecg_lightning.records.tables.cells import Cells, Rows
from ecg_lightning.records.tables.choice import Choice, choose_columns, stated_unit
from ecg_lightning.records.tables.clock import Clock
from ecg_lightning.records.tables.layout import Layout, find_layout
from ecg_lightning.records.tables.numbers import LARGEST, Fault
from ecg_lightning.records.tables.rows import no_recording
from ecg_lightning.records.tables.text import Piece, TableText
from ecg_lightning.records.tables.thousands import Thousands
from ecg_lightning.text import counted

_FORMATS = {"\t": "TSV", " ": "TXT"}


def read_table(path: Path, options: ReadOptions) -> Recording:
    """Open a recording in a table.

    Args:
        path: The table.
        options: What the user states about it.

    Raises:
        InputError: The file holds no table of a recording, a row of it is wrong, its times are
            uneven, or its rate is unknown.
    """
    path = Path(path)
    layout = find_layout(path, str(options.column or ""))
    choice = choose_columns(layout, options)
    names, units = zip(*choice.leads, strict=True)
    used = index_of_lead(f"recording {path.stem}", names, units, options.lead)
    check_unit(str(path), choice.units_of_file[used], stated_unit(options) or None)
    clock = Clock(layout, choice, options.fs_hz)
    index = _surveyed(layout, choice, clock)
    fs_hz = float(checked_rate(str(path), clock.rate(index.line_of), options.fs_hz))
    leads = tuple(Lead(name, unit, fs_hz, index.n_rows) for name, unit in choice.leads)
    start_time, start_notes = _start(clock, layout.facts.start_time)
    notes = (*layout.notes, *choice.notes, *clock.notes, *start_notes)
    return Recording(
        name=path.stem,
        format=_FORMATS.get(layout.rows.delimiter, "CSV"),
        leads=leads,
        used=used,
        source=TableSamples(layout.text, layout.rows, choice.columns, choice.gains, index),
        path=path,
        start_time=start_time,
        notes=tuple(RecordNote(path.stem, "signal", note) for note in notes),
    )


def _start(clock: Clock, stated: datetime | None) -> tuple[datetime | None, list[str]]:
    """When the first row was recorded, and a note where the first lines contradict its time.

    Times without a date are those of the day, or count from the start.
    """
    if clock.start_time or stated is None or clock.first_s is None:
        return clock.start_time or stated, []
    of_day = (stated - stated.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if min(abs(clock.first_s), abs(clock.first_s - of_day)) < 1:
        return stated, []
    return None, [
        f"the first lines give the start {stated:%H:%M:%S}, and the first row the time "
        f"{clock.first_s:g} s: the start is not known, and times count from the first row"
    ]


@dataclass
class RowIndex:
    """Where some rows of a table begin.

    Attributes:
        rows: The numbers of these rows, ascending.
        offsets: The byte of the file at which each begins.
        lines: The number of the line of each, from 1.
        n_rows: The number of all rows.
    """

    rows: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    n_rows: int = 0

    def add(self, offset: int, line: int, n_rows: int) -> None:
        """Add the rows of a piece."""
        self.rows.append(self.n_rows)
        self.offsets.append(offset)
        self.lines.append(line)
        self.n_rows += n_rows

    def line_of(self, row: int) -> int:
        """Return the line of a row, in a piece without comments and empty lines."""
        entry = bisect.bisect_right(self.rows, row) - 1
        return self.lines[entry] + row - self.rows[entry]


@dataclass(frozen=True)
class TableSamples:
    """The samples of a table.

    Attributes:
        text: The encoding and the line ends.
        rows: How a row is written.
        columns: The column of each lead.
        gains: What each lead is multiplied by.
        index: Where the rows begin.
    """

    text: TableText
    rows: Rows
    columns: Sequence[int]
    gains: Sequence[float]
    index: RowIndex

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece; see `Samples`."""
        result = np.empty((len(leads), stop - start))
        for row, numbers in self._pieces(start, stop, leads) if start < stop else ():
            begin, end = max(row, start), min(row + len(numbers), stop)
            result[:, begin - start : end - start] = numbers[begin - row : end - row].T
            if end == stop:
                return result * np.array([self.gains[lead] for lead in leads])[:, None]
        if start < stop:
            raise self._changed("rows end earlier than before")
        return result

    def _pieces(self, start: int, stop: int, leads: Sequence[int]) -> Iterator[tuple[int, Floats]]:
        entry = bisect.bisect_right(self.index.rows, start) - 1
        row, columns = self.index.rows[entry], [self.columns[lead] for lead in leads]
        for piece in self.text.pieces(self.index.offsets[entry]):
            try:
                numbers = self.rows.cells(piece.text, columns).numbers
            except Fault as fault:
                raise self._changed(f"{fault.found} instead of {fault.expected}") from fault
            yield row, numbers
            row += len(numbers)
            if row >= stop:
                return

    def _changed(self, found: str) -> InputError:
        return InputError(
            str(self.text.path),
            expected="the table as it was when it was opened",
            found=found,
            hint="open it again",
        )


def _surveyed(layout: Layout, choice: Choice, clock: Clock) -> RowIndex:
    """Read a table through once, and check each row."""
    index, line, path = RowIndex(), layout.first.number, layout.text.path
    mark, thousands = "", Thousands(layout.rows, choice.columns)
    for piece in layout.text.pieces(layout.first.offset):
        cells = _checked(layout, choice, clock, piece, line, mark)
        mark = mark or cells.marks
        if len(cells.numbers):
            index.add(piece.offset, line, len(cells.numbers))
            thousands.add(cells.numbers, piece.text, line)
        line += piece.text.count(b"\n")
    _check_thousands(thousands, path)
    if index.n_rows < layout.rows.n_columns:
        lines, width = counted(index.n_rows, "line"), counted(layout.rows.n_columns, "cell")
        found = f"{lines} of {width}"
        hint = "write one sample of each lead in a line"
        raise no_recording(path, found, hint)
    return index


def _check_thousands(thousands: Thousands, path: Path) -> None:
    try:
        thousands.check()
    except Fault as fault:
        raise _error(fault, path, 0) from fault


def _checked(
    layout: Layout, choice: Choice, clock: Clock, piece: Piece, line: int, mark: str
) -> Cells:
    """The cells of a piece; refuse those of its leads and times that are wrong."""
    try:
        cells = layout.rows.cells(piece.text, choice.wanted, choice.time_text)
        if mark and cells.marks not in ("", mark):
            layout.rows.refuse(piece.text, choice.wanted, mark)
        _check_range(cells.numbers, choice, layout, piece)
        clock.add(cells, piece.text)
        return cells
    except Fault as fault:
        raise _error(fault, layout.text.path, line) from fault


def _error(fault: Fault, path: Path, line: int) -> InputError:
    return InputError(
        f"{path}, line {line + fault.row}",
        expected=fault.expected,
        found=fault.found,
        hint=fault.hint,
    )


def _check_range(numbers: Floats, choice: Choice, layout: Layout, piece: Piece) -> None:
    """Refuse a sample that is beyond float32 in millivolts."""
    size = np.abs(numbers[:, : len(choice.columns)]) * choice.gains
    if (size > LARGEST).any():
        row, column = np.argwhere(size > LARGEST)[0]
        number = numbers[row, column]
        line = layout.rows.line_of_row(piece.text, int(row))
        raise Fault(line, "a voltage that a float32 holds", f"{number:g}")
