"""`.npy` files that grow: what `np.save` would write of a long array, without ever holding it."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from ecg_lightning.arrays import AnyArray


def write_npy(folder: Path, tables: Iterable[Mapping[str, AnyArray]]) -> None:
    """Writes the tables, one below the other, as `FOLDER/NAME.npy`, and has the disk keep them.

    Args:
        folder: Where the files go.
        tables: Column name to (rows, ...) array. All agree in names, types and in everything but the rows; one is held at a time.

    Raises:
        ValueError: they do not agree, or there is none.
        OSError: no space, or no permission.

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
    """At the start of each file; numpy leaves room for 21 digits of the first axis, so the length never changes."""
    for name, file in files.items():
        dtype, rest = forms[name]
        file.seek(0)
        write_array_header_1_0(
            file, {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": (rows, *rest)}
        )
