"""Kaggle's two CSVs of MIT-BIH beats (`shayanfazeli/heartbeat`): 187 samples at 125 Hz a row, the class last."""

import warnings
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

FS_HZ = 125.0
WINDOW_SAMPLES = 187
FILES = ("mitbih_train", "mitbih_test")
_COLUMNS = WINDOW_SAMPLES + 1


def read_kaggle(
    root: Path,
) -> tuple[Floats32, Integers, Names]:
    """Read `mitbih_train.csv` and `mitbih_test.csv`, or the one of them that is there.

    Args:
        root: The folder that holds them.

    Returns:
        The signals (N, 187) float32, the labels (N,) int64 as indices into `CLASS_NAMES`, and for each row the file's
        name (N,) without its ending; the training file's rows come first, each file in its own order.

    Raises:
        InputError: No such folder, neither file, or a line that is not 187 samples and a class.

    Example:
        >>> signals, labels, file = read_kaggle(Path("heartbeat"))  # doctest: +SKIP
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: expected a folder with Kaggle's CSVs, found no such folder; check the path"
        )
    found = [name for name in FILES if (root / f"{name}.csv").is_file()]
    if not found:
        names = " or ".join(f"{name}.csv" for name in FILES)
        raise InputError(
            f"{root}: expected {names} in this folder, found neither; unpack Kaggle's archive here"
        )
    tables = [_read_csv(root / f"{name}.csv") for name in found]
    signals = np.concatenate([table[:, :-1] for table in tables])
    labels = np.concatenate([table[:, -1] for table in tables]).astype(np.int64)
    return signals, labels, np.repeat(found, [len(table) for table in tables])


def _read_csv(path: Path) -> Floats32:
    """The table (N, 188) of one file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data": told below
            table = np.loadtxt(
                path, np.float32, comments=None, delimiter=",", ndmin=2, encoding="utf-8"
            )
    except (ValueError, OSError) as error:
        raise _why_bad(path, error) from error
    if table.shape[1] != _COLUMNS or not _is_right(table):
        raise _why_bad(path, None)
    return table


def _is_right(table: Floats32) -> bool:
    return bool(
        len(table)
        and np.isfinite(table).all()
        and np.isin(table[:, -1], range(len(CLASS_NAMES))).all()
    )


def _why_bad(path: Path, error: Exception | None) -> InputError:
    """Walks over a file that was refused, line by line, to the first line that is wrong."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = 0
            for number, line in enumerate(file, 1):
                if line.strip() and (wrong := _wrong(line)):
                    return InputError(f"{path}, line {number}: {wrong}; fetch the file again")
                lines += bool(line.strip())
    except OSError as unreadable:
        error = unreadable
    if error is None or not lines:
        return InputError(
            f"{path}: expected lines of {_COLUMNS} columns, found an empty file; fetch the file again"
        )
    return InputError(
        f"{path}: expected a CSV, found: {' '.join(str(error).split())[:200]}; fetch the file again"
    )


def _wrong(line: str) -> str | None:
    """What is wrong with a line, `None` when nothing is."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != _COLUMNS:
        return f"expected {_COLUMNS} columns, found {len(cells)}"
    for column, cell in enumerate(cells, 1):
        if not _is_finite(cell):
            return f"expected a finite number in column {column}, found {cell[:20]!r}"
    if float(cells[-1]) not in range(len(CLASS_NAMES)):
        return f"expected a class from 0 to {len(CLASS_NAMES) - 1} in column {_COLUMNS}, found {cells[-1][:20]!r}"
    return None


def _is_finite(cell: str) -> bool:
    """Whether NumPy's reader takes a cell for a float32; unlike Python's, it knows no underscores."""
    try:
        with np.errstate(over="ignore"):
            return "_" not in cell and bool(np.isfinite(np.float32(float(cell))))
    except (ValueError, OverflowError):
        return False
