"""`.npy` files of arrays that are longer than the memory, equal to those of `np.save`."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from ecg_lightning.arrays import AnyArray


def write_npy(folder: Path, tables: Iterable[Mapping[str, AnyArray]]) -> None:
    """Write tables, one below the other, as `FOLDER/NAME.npy`.

    Args:
        folder: Where the files go.
        tables: Column name to array (rows, ...). All tables have the same names, types and shapes
            except for the number of rows. One is in memory at a time.

    Raises:
        ValueError: The tables differ, or there is none.
        OSError: There is no space or no permission.

    Example:
        >>> write_npy(tmp_path, ({"x": np.full(2, n)} for n in range(3)))
        >>> np.load(tmp_path / "x.npy").tolist()
        [0, 0, 1, 1, 2, 2]
    """
    with contextlib.ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        forms: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        rows = 0
        for table in tables:
            if not files:
                forms = _forms(table)
                files = {
                    name: stack.enter_context(open(folder / f"{name}.npy", "wb")) for name in table
                }
                _write_headers(files, forms, 0)
            if _forms(table) != forms:
                raise ValueError(f"expected columns {forms}, found {_forms(table)}")
            for name, file in files.items():
                file.write(table[name].tobytes())
            rows += len(next(iter(table.values())))
        if not files:
            raise ValueError("expected one or more tables, found none")
        _write_headers(files, forms, rows)
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())


def _forms(table: Mapping[str, AnyArray]) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    return {name: (array.dtype, array.shape[1:]) for name, array in table.items()}


def _write_headers(
    files: Mapping[str, IO[bytes]],
    forms: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    rows: int,
) -> None:
    """Write the header of each file. Its length never changes: numpy pads it for 21 digits."""
    for name, file in files.items():
        dtype, rest = forms[name]
        file.seek(0)
        write_array_header_1_0(
            file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": (rows, *rest)}
        )
