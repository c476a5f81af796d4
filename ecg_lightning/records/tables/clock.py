"""The sampling rate and the start of a table, from its times, its first lines or the user."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.records.tables.cells import Cells
from ecg_lightning.records.tables.choice import Choice
from ecg_lightning.records.tables.columns import is_time_title
from ecg_lightning.records.tables.layout import Layout
from ecg_lightning.records.tables.numbers import Fault
from ecg_lightning.records.tables.time_forms import (
    UnevenError,
    date_of,
    is_date,
    resolution_of,
    seconds_of,
)
from ecg_lightning.records.tables.times import Times
from ecg_lightning.text import escaped

_LOOKED_AT = 25  # cells at either end of a piece, which tell how times are printed
_EPOCHS = {1.0: 1e9, 1e-3: 1e12, 1e-6: 1e15, 1e-9: 1e18}  # seconds: the least number, in 2001
_SECONDS_STEP = (5e-4, 0.05)  # of a column with the name `time`, where it is in seconds; of times
# in minutes, a rate of 34 Hz and more has shorter steps
_NEAR = 0.01  # what a rate in the first lines may differ from that of the times by

_GAP = (
    "add the missing rows with empty cells, or cut the table there; if this column is wrong, "
    "remove it and state the rate"
)
_HIDDEN = "several rows have the same printed time, so a missing sample may not be seen"
_LAST_NUMBERS = (127, 255, 65_535)  # of counters of one or two bytes, which begin again at 0


class Clock:
    """Takes the times of a table piece by piece.

    Args:
        layout: Of the table.
        choice: Its columns.
        stated_hz: The rate that the user states.
    """

    def __init__(self, layout: Layout, choice: Choice, stated_hz: float | None) -> None:
        self.layout, self.choice, self.stated_hz = layout, choice, stated_hz
        self._known_hz = stated_hz or layout.facts.fs_hz()
        self.start_time: datetime | None = None
        self.first_s: float | None = None  # the first time, since midnight or since the start
        self.notes: tuple[str, ...] = ()
        self._times: Times | None = None
        self._unit_s = 1.0
        self._step: float | None = None  # of the row numbers
        self._number: float | None = None  # the last row number

    def add(self, cells: Cells, piece: bytes) -> None:
        """Check the times and the row numbers of the next piece.

        Args:
            cells: Of the piece.
            piece: Its lines.

        Raises:
            Fault: They are uneven.
            InputError: The unit of the times is unknown.
        """
        if not len(cells.numbers):
            return
        if self.choice.index is not None:
            self._check_numbers(cells.numbers[:, -1], piece)
        if self.choice.time is not None:
            try:
                self._add_times(cells, self._printed(cells, piece))
            except UnevenError as error:
                line = self.layout.rows.line_of_row(piece, error.row or 0)
                raise Fault(line, "even times", error.found, _GAP) from error

    def rate(self, line_of: Callable[[int], int]) -> float | None:
        """Return the rate that the table says; None where it says none.

        Args:
            line_of: Returns the line of a row.

        Raises:
            InputError: The times are uneven, do not tell the rate, or contradict the first lines.
        """
        facts = self.layout.facts
        said = facts.fs_hz(self.stated_hz)
        if self._times is None:
            return self._checked(said)
        try:
            own = self._times.rate()
        except UnevenError as error:
            raise self._uneven(error, line_of) from error
        said = facts.fs_hz(own)
        if said is not None and abs(own - said) > _NEAR * said:
            raise InputError(
                str(self.layout.text.path),
                expected=f"times at {said:g} Hz, as its first lines say",
                found=f"times at {own:g} Hz",
                hint="correct one of them",
            )
        if own * self._times.resolution > 1 + 1e-6:
            self.notes = (_HIDDEN,)
        return self._checked(own)

    def _checked(self, fs_hz: float | None) -> float | None:
        if fs_hz is not None and not is_rate(fs_hz):
            raise InputError(
                str(self.layout.text.path),
                expected=f"a sampling rate from {RATES}",
                found=f"{fs_hz:g} Hz",
                hint="correct the times, or the line that says it",
            )
        return fs_hz

    def _add_times(self, cells: Cells, printed: Sequence[str]) -> None:
        if self.choice.has_clock:
            times, resolution = seconds_of(cells.times), resolution_of(printed, True)
            if self._times is None:
                self.start_time = date_of(cells.times[0])
        else:
            times = cells.numbers[:, len(self.choice.columns)]
            if not np.isfinite(times).all():
                raise UnevenError(int(np.argmin(np.isfinite(times))), "no time")
            resolution = resolution_of(printed, False)
            if self._times is None:
                self._unit_s = self._unit(times, resolution)
                self._begin_at(float(times[0]))
            times, resolution = times * self._unit_s, resolution * self._unit_s
        if self._times is None:
            wraps = self.choice.has_clock and not is_date(cells.times[0])
            self._times, self.first_s = Times(self._known_hz, wraps), float(times[0])
        self._times.add(times, resolution)

    def _printed(self, cells: Cells, piece: bytes) -> list[str]:
        """Some cells of the column of times, as they are printed."""
        if self.choice.has_clock:
            return [*cells.times[:_LOOKED_AT], *cells.times[-_LOOKED_AT:]]
        rows = map(self.layout.rows.split, self.layout.rows.some_lines(piece, _LOOKED_AT))
        return [row[self.choice.time or 0] for row in rows]

    def _unit(self, times: Floats, resolution: float) -> float:
        """The unit of times that are numbers, in seconds."""
        column = self.layout.columns[self.choice.time or 0]
        if column.seconds is not None:
            return column.seconds
        for unit_s, least in _EPOCHS.items():
            if least <= times[0] < 5 * least:
                return unit_s
        step = float(times[-1] - times[0]) / max(len(times) - 1, 1)
        if self._known_hz is not None:
            return self._unit_by_rate(self._known_hz, step, resolution / max(len(times) - 1, 1))
        in_seconds = resolution < 1 and _SECONDS_STEP[0] <= step <= _SECONDS_STEP[1]
        if in_seconds and is_time_title(column.title):
            return 1.0
        shown = escaped(column.title, 40) or "without a name"
        raise InputError(
            str(self.layout.text.path),
            expected=f"the unit of the times in column {(self.choice.time or 0) + 1}, {shown}",
            found="none",
            hint="name the column time_s or time_ms, or state the sampling rate",
            setting="fs_hz",
        )

    def _unit_by_rate(self, fs_hz: float, step: float, error: float) -> float:
        """The unit in which the steps agree with a known rate: s, ms, us, or samples."""
        period = 1 / fs_hz
        for unit_s in (1.0, 1e-3, 1e-6, period):
            if abs(step * unit_s - period) <= error * unit_s + 1e-3 * period:
                return unit_s
        raise InputError(
            str(self.layout.text.path),
            expected=f"times at the {fs_hz:g} Hz {'stated' if self.stated_hz else 'above them'}",
            found=f"steps of {step:g} in column {(self.choice.time or 0) + 1}",
            hint="state another rate; none where the times are right",
            setting="fs_hz",
        )

    def _begin_at(self, first: float) -> None:
        seconds = first * self._unit_s
        if _EPOCHS[1.0] <= seconds < 5 * _EPOCHS[1.0]:
            self.start_time = datetime.fromtimestamp(seconds, UTC)

    def _check_numbers(self, numbers: Floats, piece: bytes) -> None:
        """Refuse row numbers that do not count evenly: samples are missing."""
        before = [] if self._number is None else [self._number]
        joined = np.concatenate([before, numbers])
        steps = np.diff(joined)
        steps[(joined[1:] == 0) & np.isin(joined[:-1], _LAST_NUMBERS)] = 1
        if len(steps):
            self._step = float(steps[0]) if self._step is None else self._step
            wrong = ~(steps == self._step) if self._step else np.ones(len(steps), bool)
            if wrong.any():
                row = int(np.argmax(wrong)) + 1 - len(before)
                line = self.layout.rows.line_of_row(piece, row)
                column = (self.choice.index or 0) + 1
                found = f"{numbers[row]:g}"
                raise Fault(line, f"the next row number in column {column}", found, _GAP)
        self._number = float(numbers[-1])

    def _uneven(self, error: UnevenError, line_of: Callable[[int], int]) -> InputError:
        path = str(self.layout.text.path)
        if error.row is None:
            return InputError(
                path,
                expected="times that tell the sampling rate",
                found=error.found,
                hint="state the rate",
                setting="fs_hz",
            )
        return InputError(
            f"{path}, line {line_of(error.row)}",
            expected="even times",
            found=error.found,
            hint=_GAP,
        )
