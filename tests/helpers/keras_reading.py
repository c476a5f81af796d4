"""Read Keras files in tests: faster than in production, with the checks of every refusal."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import import reader
from ecg_lightning.keras_import.file import KerasFile, inspect_keras, read_arrays
from tests.helpers.keras_files import Made
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import fuzz_keras as fuzz_keras  # tests import it from here


def forked_reader() -> Iterator[None]:
    """Replace the reader by forks of one process; for a fixture.

    They have the same limits and save the start of Python.
    """
    server = fuzz_keras.Server(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "run_child", server.run)
        yield
    server.close()


def everything(path: Path) -> tuple[KerasFile, dict[str, list[np.ndarray]]]:
    """A file's structure and all its arrays."""
    file = inspect_keras(path)
    return file, read_arrays(
        file, {name: [array.shape for array in arrays] for name, arrays in file.arrays.items()}
    )


def refused(path: Path) -> str:
    """Read a file that must be refused; return what its line says was found."""
    with pytest.raises(InputError) as caught:
        everything(path)
    line, start = str(caught.value), f"{path}: expected a Keras model file, found "
    end = "; save the model again with Keras's model.save"
    assert "\n" not in line
    assert line.startswith(start)
    assert line.endswith(end)
    return line.removeprefix(start).removesuffix(end)


def check_arrays(found: dict[str, list[np.ndarray]], layers: list[Made]) -> None:
    expected = {layer.name: list(layer.arrays.values()) for layer in layers if layer.arrays}
    assert set(found) == set(expected)
    for name, arrays in expected.items():
        for array, other in zip(found[name], arrays, strict=True):
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, other)


def hdf5_bytes(change: Callable[[h5py.File], object], **options: Any) -> bytes:
    """The bytes of an HDF5 file that `change` fills."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        change(file)
    return stream.getvalue()
