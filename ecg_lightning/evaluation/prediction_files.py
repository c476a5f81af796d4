"""The table of predictions as a file: CSV or Parquet, written block by block."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ecg_lightning.arrays import AnyArray
from ecg_lightning.beat_table import beat_table_csv
from ecg_lightning.errors import InputError
from ecg_lightning.system.atomic_files import opened_atomically
from ecg_lightning.system.packages import import_optional
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import mebibytes

CSV, PARQUET = ".csv", ".parquet"
BLOCK = 1 << 16  # beats that are written at a time
Columns = dict[str, AnyArray]


class Writable(Protocol):
    """A stream that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""


def check_table_file(path: Path) -> None:
    """Refuse a file of another ending, and Parquet where its package is missing.

    Raises:
        InputError: The ending is unknown, or pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending not in (CSV, PARQUET):
        raise InputError(
            f"output {path}",
            expected=f"a name that ends in {CSV} or {PARQUET}, or - for standard output",
            found=f"the ending {ending}" if ending else "a name without an ending",
            hint="change the name",
            setting="output",
        )
    if ending == PARQUET:
        _parquet()


def write_table_file(
    path: Path, blocks: Iterable[Columns], place: str = "file", setting: str = "output"
) -> None:
    """Write a table, whole or not at all.

    Args:
        path: A file that `check_table_file` accepts.
        blocks: The columns of some rows at a time, as `beat_columns` returns them; at least one.
        place: What the user may choose instead, for the hint of an error.
        setting: The argument that the hint is about.

    Raises:
        InputError: The file cannot be written, or the disk is full.
    """
    write, size = write_parquet if path.suffix.lower() == PARQUET else write_csv, 0

    def sized() -> Iterable[Columns]:
        nonlocal size
        for columns in blocks:
            size += sum(column.nbytes for column in columns.values())
            yield columns

    try:
        with opened_atomically(path) as file:
            write(file, sized())
    except OSError as error:
        content = mebibytes(size)
        raise cannot_write(path, error, content=content, place=place, setting=setting) from error


def write_csv(file: Writable, blocks: Iterable[Columns]) -> None:
    """Write a table as CSV, see `beat_table_csv`."""
    for number, columns in enumerate(blocks):
        file.write(beat_table_csv(columns, head=number == 0))


def write_parquet(file: Writable, blocks: Iterable[Columns]) -> None:
    """Write a table as Parquet, with a group of rows for each block.

    Numbers are as they are; names that are no Unicode have escapes, as in CSV.
    """
    arrow, parquet = _parquet()
    writer = None
    for columns in blocks:
        table = arrow.table({name: _plain(column) for name, column in columns.items()})
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _plain(column: AnyArray) -> AnyArray:
    if column.dtype.kind != "U":
        return column
    names, rows = np.unique(column, return_inverse=True)
    texts = [name.encode(errors="backslashreplace").decode() for name in names.tolist()]
    return np.array(texts, np.str_)[rows]


def _parquet() -> tuple[Any, Any]:
    """The packages `pyarrow` and `pyarrow.parquet`."""
    return (
        import_optional("pyarrow", "parquet"),
        import_optional("pyarrow.parquet", "parquet"),
    )
