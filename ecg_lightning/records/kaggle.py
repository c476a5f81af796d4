"""Kaggle's CSV files of MIT-BIH beats (`shayanfazeli/heartbeat`).

A row holds 187 samples at 125 Hz and then the class.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ecg_lightning.arrays import Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input
from ecg_lightning.text import escaped

FS_HZ = 125.0
WINDOW_SAMPLES = 187
FILES = ("mitbih_train", "mitbih_test")
_COLUMNS = WINDOW_SAMPLES + 1
_MOST_LINE_BYTES = 1 << 16  # more than 300 for each number


def read_kaggle(root: Path) -> tuple[Floats32, Integers, Names]:
    """Read `mitbih_train.csv` and `mitbih_test.csv`, or the one of them that is there.

    Args:
        root: The folder of the files.

    Returns:
        The signals (N, 187), the labels (N,) as indices into `CLASS_NAMES`, and for each row the
        name (N,) of its file without the ending. The rows of the training file come first, and
        the rows of a file keep their order.

    Raises:
        InputError: The folder or both files are missing, or a line is not 187 samples and a class.

    Example:
        >>> signals, labels, file = read_kaggle(Path("heartbeat"))  # doctest: +SKIP
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}",
            expected="a folder with Kaggle's CSV files",
            found="no such folder",
            hint="check the path",
            setting="root",
        )
    present = [name for name in FILES if (root / f"{name}.csv").exists()]
    if not present:
        names = " or ".join(f"{name}.csv" for name in FILES)
        raise InputError(
            f"{root}",
            expected=f"{names} in this folder",
            found="neither",
            hint="unpack Kaggle's archive here",
        )
    tables = [_read_csv(root / f"{name}.csv") for name in present]
    signals = np.concatenate([table[:, :-1] for table in tables])
    labels = np.concatenate([table[:, -1] for table in tables]).astype(np.int64)
    return signals, labels, np.repeat(present, [len(table) for table in tables])


def _read_csv(path: Path) -> Floats32:
    """The table (N, 188) of one file."""
    try:
        with open_input(path, "a CSV file") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data": the error below says it
            table = np.loadtxt(_lines(file), np.float32, comments=None, delimiter=",", ndmin=2)
    except (ValueError, OSError) as error:
        raise _why_bad(path, error) from error
    if table.shape[1] != _COLUMNS or not _is_right(table):
        raise _why_bad(path, None)
    return table


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file. One that is too long for a beat is cut, and so cannot be right."""
    while line := file.readline(_MOST_LINE_BYTES):
        yield line.decode("utf-8", "replace")


def _is_right(table: Floats32) -> bool:
    return bool(
        len(table)
        and np.isfinite(table).all()
        and np.isin(table[:, -1], range(len(CLASS_NAMES))).all()
    )


def _why_bad(path: Path, error: Exception | None) -> InputError:
    """Read a refused file line by line up to the first line that is wrong."""
    hint = "fetch the file again"
    try:
        with open_input(path, "a CSV file") as file:
            lines = 0
            for number, line in enumerate(_lines(file), 1):
                if number == 1 and _is_header(line):
                    return InputError(
                        f"{path}, line 1",
                        expected="a beat in every line",
                        found="a header line",
                        hint="remove it, or write the table without a header",
                    )
                if line.strip() and (wrong := _expected_and_found(line)):
                    expected, found = wrong
                    return InputError(
                        f"{path}, line {number}", expected=expected, found=found, hint=hint
                    )
                lines += bool(line.strip())
    except OSError as unreadable:
        error = unreadable
    if error is None or not lines:
        expected, found = f"lines of {_COLUMNS} columns", "an empty file"
    else:
        expected, found = "a CSV file", escaped(" ".join(str(error).split()))
    return InputError(f"{path}", expected=expected, found=found, hint=hint)


def _expected_and_found(line: str) -> tuple[str, str] | None:
    """What was expected and found in a wrong line; None for a right one."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != _COLUMNS:
        return f"{_COLUMNS} columns", f"{len(cells)}"
    for column, cell in enumerate(cells, 1):
        if not _is_finite(cell):
            return f"a finite number in column {column}", _shown(cell)
    if float(cells[-1]) not in range(len(CLASS_NAMES)):
        classes = f"a class from 0 to {len(CLASS_NAMES) - 1}"
        return f"{classes} in column {_COLUMNS}", _shown(cells[-1])
    return None


def _is_header(line: str) -> bool:
    """Whether a line has names or the numbers of the columns, as pandas writes them."""
    cells = [cell.strip().strip('"') for cell in line.split(",")]
    names = not any(map(_is_finite, cells)) and all(cell[:1].isalpha() for cell in cells)
    numbers = cells in ([str(n) for n in range(k, k + _COLUMNS)] for k in (0, 1))
    return numbers or (names and len(cells) == _COLUMNS)


def _shown(cell: str) -> str:
    return f"'{escaped(cell, 40)}'"


def _is_finite(cell: str) -> bool:
    """Whether NumPy reads a cell as a finite float32. Unlike Python, it allows no underscores."""
    try:
        with np.errstate(over="ignore"):
            return "_" not in cell and bool(np.isfinite(np.float32(float(cell))))
    except (ValueError, OverflowError):
        return False
