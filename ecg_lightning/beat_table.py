"""The table with a row for each beat: predictions.csv of runs, and the CSV of annotations."""

import csv
import io
from collections.abc import Iterable

import numpy as np

from ecg_lightning.arrays import AnyArray, AnyFloats, Flags, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.text import as_cell

_DECIMALS = {"seconds": 4, "quality": 3}
_DECIMALS_OF_PROBABILITY = 6
_ROWS = 4096  # of a block


def beat_columns(
    records: Names,
    samples: Integers,
    symbols: Names,
    probabilities: Floats32,
    quality: Floats32,
    *,
    fs_hz: float | None = None,
    labels: Integers | None = None,
    p_beat: AnyFloats | None = None,
    unsure: Flags | None = None,
) -> dict[str, AnyArray]:
    """Return the columns of the table of N beats, name to (N,) values.

    Args:
        records: (N,) the record of each beat.
        samples: (N,) its position, in samples of the record.
        symbols: (N,) its annotation.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.
        quality: (N,) the share of the beat's window that holds valid samples.
        fs_hz: The rate of the samples, for a column with the time in seconds.
        labels: (N,) true classes, indices into `CLASS_NAMES`, where they are known.
        p_beat: (N,) the probability of a beat, where the beats were found.
        unsure: (N,) whether the class is unsure, where that was asked; 0 or 1 in the table.

    Raises:
        ValueError: The arrays differ in length.
    """
    names = np.array(CLASS_NAMES)
    columns: dict[str, AnyArray] = {"record": records, "sample": samples}
    if fs_hz is not None:
        columns["seconds"] = samples / fs_hz
    columns["symbol"] = symbols
    if labels is not None:
        columns["class"] = names[labels]
    columns["predicted"] = names[probabilities.argmax(axis=1)]
    columns |= {f"p_{name}": probabilities[:, k] for k, name in enumerate(CLASS_NAMES)}
    columns["quality"] = quality
    if p_beat is not None:
        columns["p_beat"] = p_beat
    if unsure is not None:
        columns["unsure"] = unsure.astype(np.uint8)
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("a column of the table of beats is shorter than another")
    return columns


def beat_table_csv(columns: dict[str, AnyArray], head: bool = True) -> bytes:
    """Return columns as a CSV file.

    A name that a spreadsheet would take for a formula has an apostrophe before it, see `as_cell`.
    Probabilities have six decimals, times in seconds four, the quality three.

    Args:
        columns: As `beat_columns` returns them.
        head: Whether the first line has the names of the columns.
    """
    n_beats = max(map(len, columns.values()), default=0)
    starts = range(0, n_beats, _ROWS)
    blocks = (_rows(columns, slice(start, start + _ROWS)) for start in starts)
    return b"".join([*([_csv([list(columns)])] if head else []), *blocks])


def _rows(columns: dict[str, AnyArray], rows: slice) -> bytes:
    """Some rows of the table: the cells of all of them would take ten times the table's memory."""
    cells = (_cells(name, column[rows]) for name, column in columns.items())
    return _csv(zip(*cells, strict=True))


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")  # a file name may be invalid Unicode


def _cells(name: str, column: AnyArray) -> list[str]:
    if column.dtype.kind == "U":
        return [as_cell(text) for text in column.tolist()]
    if column.dtype.kind == "f":
        decimals = _DECIMALS.get(name, _DECIMALS_OF_PROBABILITY)
        return [f"{number:.{decimals}f}" for number in column.tolist()]
    return [str(number) for number in column.tolist()]
