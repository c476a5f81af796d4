"""Marks between thousands: `998`, `1,002` are no numbers with three decimals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.tables.cells import Rows
from ecg_lightning.records.tables.numbers import Fault, is_missing

_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.A)
_PLAIN = re.compile(r"[+-]?\d{1,3}", re.A)


@dataclass
class _Column:
    """What a column that may have grouped numbers holds so far."""

    has_plain: bool = False
    line: int = 0  # of the first grouped number, from 1; 0: none so far
    cell: str = ""


@dataclass
class Thousands:
    """Find columns whose marks part thousands, piece by piece.

    In such a column each number below 1,000 is whole and has no mark, and each other number has
    three digits after its mark. Numbers with three decimals all have a mark, and numbers with as
    few decimals as they need do not all have three.

    Args:
        rows: How a row is written.
        columns: The columns of the leads.
    """

    rows: Rows
    columns: Sequence[int]
    _left: dict[int, _Column] = field(init=False)

    def __post_init__(self) -> None:
        self._left = {i: _Column() for i in range(len(self.columns))}

    def add(self, numbers: Floats, piece: bytes, line: int) -> None:
        """Look at the next piece.

        Args:
            numbers: (rows, columns) of the piece, the leads first.
            piece: Its lines.
            line: The number of its first line.
        """
        cells: list[list[str]] = []
        for i, seen in [*self._left.items()]:
            present = numbers[~np.isnan(numbers[:, i]), i]
            if not _are_thousandths(present):
                del self._left[i]
            elif not seen.has_plain or (present != np.round(present)).any():
                cells = cells or self.rows.texts(piece)
                column = [row[self.columns[i]].strip() for row in cells]
                if not self._add_texts(seen, column, piece, line):
                    del self._left[i]

    def check(self) -> None:
        """Refuse a column whose marks part thousands.

        Raises:
            Fault: There is one. Its row is the line, from 1.
        """
        for i, seen in self._left.items():
            if seen.has_plain and seen.line:
                raise Fault(
                    seen.line,
                    f"numbers without marks between thousands in column {self.columns[i] + 1}",
                    f"'{seen.cell}'",
                    "write them without these marks; if they are decimals, write each number "
                    "with three",
                )

    def _add_texts(self, seen: _Column, cells: Sequence[str], piece: bytes, line: int) -> bool:
        """Note what a column holds, and return whether its marks may part thousands."""
        grouped = [row for row, cell in enumerate(cells) if _GROUPED.fullmatch(cell)]
        plain = sum(_PLAIN.fullmatch(cell) is not None for cell in cells)
        if len(grouped) + plain + sum(map(is_missing, cells)) < len(cells):
            return False
        seen.has_plain |= plain > 0
        if grouped and not seen.line:
            seen.line = line + self.rows.line_of_row(piece, grouped[0])
            seen.cell = cells[grouped[0]]
        return True


def _are_thousandths(numbers: Floats) -> bool:
    """Whether numbers are below 1000, and those below 1 are 0: a quick look before the texts."""
    size = np.abs(numbers)
    thousands = size * 1000
    is_below = (size > 0) & (size < 1)
    is_other = (size >= 1000) | (np.abs(thousands - np.round(thousands)) > 1e-6)
    return not bool((is_below | is_other).any())
