"""Single cells of a table: numbers, missing samples, and faults."""

import re

import numpy as np

from ecg_lightning.text import escaped

MISSING = frozenset(
    ("", "nan", "+nan", "-nan", "na", "n/a", "#n/a", "-", "--", "null", "none")
)  # in lower case: cells of an invalid sample
LARGEST = float(np.finfo(np.float32).max)  # of a sample, which is read as float32
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.I | re.A
)


class Fault(Exception):
    """A row that cannot be read.

    Args:
        row: The index of the line in its piece.
        expected: What should be there.
        found: What is there.
        hint: The next step.
    """

    def __init__(
        self, row: int, expected: str, found: str, hint: str = "correct it, or remove it"
    ) -> None:
        super().__init__(row, expected, found, hint)
        self.row, self.expected, self.found, self.hint = row, expected, found, hint


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, with a decimal point or comma."""
    return _NUMBER.fullmatch(cell) is not None


def is_missing(cell: str) -> bool:
    """Return whether a cell is that of an invalid sample."""
    return cell.lower() in MISSING


def number_of(cell: str) -> float:
    """Return the number of a cell; NaN where it has none."""
    return float(cell.replace(",", ".")) if is_number(cell) else np.nan


def check_cell(row: int, column: int, cell: str, mark: str = "") -> None:
    """Refuse a cell that is neither a number nor missing, or has another decimal mark.

    Raises:
        Fault: It is one of these.
    """
    if is_missing(cell):
        return
    shown = f"'{escaped(cell, 40)}'"
    if not is_number(cell):
        raise Fault(row, f"a number in column {column + 1}", shown)
    if not abs(number_of(cell)) <= LARGEST:
        raise Fault(row, f"a finite number in column {column + 1}", shown)
    other = {".": ",", ",": "."}.get(mark)
    if other and other in cell:
        raise Fault(
            row, f"the decimal mark '{mark}' in column {column + 1}, as in other cells", shown
        )
