"""Which columns of a table are leads, in which unit, and which column holds the times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import millivolts_in, unit_and_gain
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.records.tables.columns import Column, Role, column_of, unit_of
from ecg_lightning.records.tables.layout import Layout
from ecg_lightning.records.tables.numbers import number_of
from ecg_lightning.records.tables.rows import rises_evenly
from ecg_lightning.records.tables.time_forms import is_time, seconds_of
from ecg_lightning.text import escaped, listed

_UNUSED = {
    Role.TEXT: "holds texts",
    Role.MARKER: "has the name of a column of marks",
    Role.TIME: "is another column of times",
    Role.INDEX: "is another column of row numbers",
}

_BY_CONTENT = {
    Role.TIME: "is read as times because it rises evenly",
    Role.INDEX: "numbers the rows",
}


@dataclass(frozen=True)
class Choice:
    """What is read of a table.

    Attributes:
        columns: The column of each lead.
        leads: The name and the unit of each lead; mV for every voltage, "" for an unknown unit.
        units_of_file: The unit of each lead as the table says it; "" where it says none.
        gains: What each lead is multiplied by.
        time: The column of times; None where there is none.
        has_clock: Whether the times are texts such as `12:00:00.004`.
        index: The column of row numbers; None where there is none.
        notes: What a user has to know.
    """

    columns: tuple[int, ...]
    leads: tuple[tuple[str, str], ...]
    units_of_file: tuple[str, ...]
    gains: tuple[float, ...]
    time: int | None
    has_clock: bool
    index: int | None
    notes: tuple[str, ...]

    @property
    def wanted(self) -> list[int]:
        """All columns of numbers that are read when the table is opened, the leads first."""
        number = None if self.has_clock else self.time
        return [*self.columns, *(i for i in (number, self.index) if i is not None)]

    @property
    def time_text(self) -> int | None:
        """The column of times that are texts."""
        return self.time if self.has_clock else None


def choose_columns(layout: Layout, options: ReadOptions) -> Choice:
    """Choose the leads, the times and the row numbers of a table.

    Args:
        layout: Of the table.
        options: What the user states: the columns of the leads, their unit.

    Raises:
        InputError: The table has no such column or no lead.
    """
    stated = options.column is not None
    columns = _stated(layout, str(options.column)) if stated else _leads(layout)
    time = _first(layout, Role.TIME, columns)
    index = _first(layout, Role.INDEX, columns)
    own = tuple(layout.columns[i].unit or layout.facts.unit for i in columns)
    units = [unit_and_gain(unit or stated_unit(options)) for unit in own]
    return Choice(
        tuple(columns),
        tuple(
            (_name(layout, column) or f"channel {i}", unit)
            for i, (column, (unit, _)) in enumerate(zip(columns, units, strict=True))
        ),
        own,
        tuple(gain for _, gain in units),
        time,
        time is not None and any(is_time(row[time]) for row in layout.body),
        index,
        (*_two_units(layout, columns), *(() if stated else _unused(layout, (time, index)))),
    )


def _two_units(layout: Layout, columns: Sequence[int]) -> Iterator[str]:
    """A note on leads in another voltage than the lines above the table say."""
    above, others = layout.facts.unit, dict[str, list[str]]()
    for i in columns:
        own = layout.columns[i].unit
        scales = millivolts_in(own), millivolts_in(above)
        if None not in scales and scales[0] != scales[1]:
            others.setdefault(own, []).append(escaped(_name(layout, i) or f"{i + 1}", 40))
    for own, names in others.items():
        yield (
            f"the unit of {listed(names)} is {own} by the name of the column and {above} by the "
            f"lines above the table: {own} is taken"
        )


def stated_unit(options: ReadOptions) -> str:
    """Return the unit that a user states, without brackets; "" for none."""
    stated = options.unit or ""
    return unit_of(stated) or stated.strip()


def _leads(layout: Layout) -> list[int]:
    columns = [i for i, column in enumerate(layout.columns) if column.role is Role.LEAD]
    if not columns:
        titles = escaped(", ".join(filter(None, (column.title for column in layout.columns))))
        raise InputError(
            str(layout.text.path),
            expected="a column with a lead",
            found=f"the columns {titles}" if titles else "none",
            hint="state the column",
            setting="column",
        )
    return columns


def _stated(layout: Layout, stated: str) -> list[int]:
    """The columns that a user states by names or by numbers from 1."""
    spelled = [(column.title, column.name) for column in layout.columns]
    whole = _column(spelled, stated.strip())
    items = [stated] if whole is not None else [item for item in stated.split(",") if item.strip()]
    columns = [_column(spelled, item.strip()) for item in items]
    missing = next((item for item, i in zip(items, columns, strict=True) if i is None), None)
    if missing is not None or not columns:
        titles = [column.title for column in layout.columns if column.title]
        named = f"one of {escaped(', '.join(titles))}, or " if titles else ""
        raise InputError(
            str(layout.text.path),
            expected=f"{named}a number of a column from 1 to {len(layout.columns)}",
            found=escaped((missing or stated).strip(), 40) or "nothing",
            hint="state another column",
            setting="column",
        )
    chosen = [*dict.fromkeys(i for i in columns if i is not None)]
    for i in chosen:
        if layout.columns[i].role is Role.TIME and _is_known_time(layout, i):
            raise InputError(
                str(layout.text.path),
                expected="a column with a lead",
                found=f"times in column {i + 1}",
                hint="state another column",
                setting="column",
            )
    return chosen


def _is_known_time(layout: Layout, i: int) -> bool:
    """Whether the unit of a column of times is known, by its name or its form."""
    return bool(layout.columns[i].seconds or any(is_time(row[i]) for row in layout.body))


def _column(spelled: Sequence[tuple[str, str]], item: str) -> int | None:
    if item.isascii() and item.isdecimal() and len(item) < 10 and 1 <= int(item) <= len(spelled):
        return int(item) - 1
    for same in (str, str.casefold):
        for i, names in enumerate(spelled):
            if item and same(item) in map(same, names):
                return i
    return None


def _first(layout: Layout, role: Role, leads: Sequence[int]) -> int | None:
    """The first column of a role; of times, the first whose unit or form is known."""
    columns = [
        i for i, column in enumerate(layout.columns) if column.role is role and i not in leads
    ]
    if role is Role.TIME:
        known = [i for i in columns if _is_known_time(layout, i)]
        known = [i for i in known if _rises(layout, i)] or known
        columns = known or columns
    return columns[0] if columns else None


def _rises(layout: Layout, i: int) -> bool:
    """Whether the first times of a column are even."""
    cells = [row[i] for row in layout.body]
    if not any(map(is_time, cells)):
        return rises_evenly([number_of(cell) for cell in cells])
    return all(map(is_time, cells)) and rises_evenly(seconds_of(cells))


def _name(layout: Layout, i: int) -> str:
    """The name of a column, or of the only lead by the first lines; "" where both say none."""
    single = sum(other.role is Role.LEAD for other in layout.columns) == 1
    return layout.columns[i].name or (layout.facts.lead if single else "")


def _unused(layout: Layout, used: Sequence[int | None]) -> list[str]:
    """What is said of the columns that are no leads, unless their names say it."""
    return [
        f"column {i + 1}, {escaped(column.title, 40) or 'without a name'}, {reason}: it is no lead"
        for i, column in enumerate(layout.columns)
        if (reason := _why_unused(column, i in used))
    ]


def _why_unused(column: Column, is_used: bool) -> str:
    if not is_used:
        return _UNUSED.get(column.role, "")
    named = column_of(column.title, "").role
    return _BY_CONTENT.get(column.role, "") if column.title and named is Role.LEAD else ""
