"""Keras model files from strangers: what a file holds, and its arrays once their shapes are agreed.

A child process does the reading (`keras_parser`); here its limits of time and length are kept and its answer is checked.
"""

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.config import shown
from ecg_lightning.system.processes import python_path

_READER = (
    "-P",
    "-m",
    "ecg_lightning.keras_import.child",
)  # -P: nothing is imported from the working folder
_SECONDS = 60.0
_FILE_BYTES = 2 << 30
_STRUCTURE_BYTES = 64 << 20
_ARRAY_BYTES = 256 << 20  # the biggest of our networks has 1.3 MB
_ADVICE = "save the model again with Keras's model.save"


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a stored graph.

    Args:
        name: The layer's own name.
        kind: Keras's class name as found, such as `"BatchNormalizationV1"` or `"Lambda"`; a class that is not Keras's own has
            its module before it where the file tells (`"my>Conv1D"`).
        settings: Those of its settings that decide what it computes, as scalars or flat lists of them; `"<object>"` stands
            for anything else.
        inputs: Names of the layers whose output it takes, in order.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class KerasArray:
    """An array of weights: its path inside the HDF5 file and its shape."""

    path: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class KerasFile:
    """What a Keras file says about itself, checked, without a value of its arrays.

    Args:
        path: The file.
        keras_version: As stored; "" where the file does not say.
        layers: The graph, each layer after those that feed it; None for a file of weights alone. A Sequential model is a
            chain and always starts with an InputLayer.
        output: Name of the one output layer; "" for weights alone.
        arrays: Layer name to its arrays in the order of Keras's `get_weights()`, for the layers that have some, in the
            order of `layers`, or else of the file.
    """

    path: Path
    keras_version: str
    layers: tuple[KerasLayer, ...] | None
    output: str
    arrays: Mapping[str, tuple[KerasArray, ...]]


def inspect_keras(path: str | os.PathLike[str]) -> KerasFile:
    """Read the structure of a Keras file: `.h5` of TF 1, Keras 2 or Keras 3, `.weights.h5`, or `.keras`.

    Args:
        path: The file. Its content decides which kind it is, not its name.

    Returns:
        Its layers, and the shapes of their arrays.

    Raises:
        InputError: No such file, another kind of file, a broken or a hostile one, or a model that is more than one chain or
            graph of layers from its inputs to one output.

    Example:
        >>> inspect_keras("model.h5").layers[1].kind  # doctest: +SKIP
        'Conv1D'
    """
    file = Path(path)
    header, _ = _ask(file, {}, _STRUCTURE_BYTES)
    try:
        return _keras_file(file, header["file"])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ):  # the child was taken over, or answers in another version's words
        raise _unreadable(file, "its reader gave no sense") from None


def read_arrays(
    file: KerasFile, wanted: Mapping[str, Sequence[tuple[int, ...]]]
) -> dict[str, list[np.ndarray]]:
    """Read the arrays of some layers.

    Args:
        file: As `inspect_keras` returned it.
        wanted: Layer name to the shapes of its arrays, in Keras's order. They are compared with what the file declares
            before a value is read.

    Returns:
        Layer name to its arrays, float32 or float64 (as stored; float16 becomes float32).

    Raises:
        InputError: The file has no such layers, other shapes, or has changed since; or for `inspect_keras`'s reasons.

    Example:
        >>> read_arrays(inspect_keras("model.h5"), {"dense": [(256, 32), (32,)]})  # doctest: +SKIP
    """
    arrays = [array for name, shapes in wanted.items() for array in _agreed(file, name, shapes)]
    size = sum(8 * prod(array.shape) for array in arrays)
    if size > _ARRAY_BYTES:
        raise InputError(
            f"{file.path}: expected at most {_ARRAY_BYTES >> 20} MiB of weights, found up to {size >> 20} MiB; check the file"
        )
    request = {"arrays": [[array.path, array.shape] for array in arrays]}
    _, body = _ask(file.path, request, size + (1 << 16) + 200 * len(arrays))
    values = iter(_values(file.path, body, arrays))
    return {name: [next(values) for _ in shapes] for name, shapes in wanted.items()}


def _agreed(
    file: KerasFile, name: str, shapes: Sequence[tuple[int, ...]]
) -> tuple[KerasArray, ...]:
    found = file.arrays.get(name, ())
    if [array.shape for array in found] != [tuple(shape) for shape in shapes]:
        expected, actual = (
            ", ".join(map(str, listed)) or "no arrays"
            for listed in (shapes, [array.shape for array in found])
        )
        raise InputError(
            f"{file.path}: layer {shown(name)}: expected {expected}, found {actual[:200]}; choose the network of this file"
        )
    return found


def _values(path: Path, body: bytes, arrays: Sequence[KerasArray]) -> list[np.ndarray]:
    """The child's arrays, which have to be those asked for."""
    try:
        loaded = load(body)
        values = [loaded[str(index)] for index in range(len(arrays))]
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise _unreadable(path, "its reader gave no arrays") from None
    if any(
        v.shape != array.shape or v.dtype not in (np.float32, np.float64)
        for v, array in zip(values, arrays, strict=True)
    ):
        raise _unreadable(path, "its reader gave other arrays")
    return values


def _ask(path: Path, request: dict[str, Any], most: int) -> tuple[dict[str, Any], bytes]:
    """The child's answer, as header and body."""
    _check_file(path)
    status, answer = _run_child(
        json.dumps({"path": os.path.abspath(path), **request}).encode(), most
    )
    line, _, body = answer.partition(b"\n")
    if status or len(answer) > most:
        raise _unreadable(
            path, f"its reader ended with status {status}" if status else "its reader gave too much"
        )
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise _unreadable(path, "its reader gave no answer")
    if "found" in header:
        raise InputError(
            f"{path}: expected a Keras model file, found {' '.join(str(header['found']).split())[:300]}; {_ADVICE}"
        )
    return header, body


def _check_file(path: Path) -> None:
    try:
        info = path.stat()
        path.open("rb").close() if stat.S_ISREG(info.st_mode) else None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path}: expected a Keras model file, found none that opens ({reason}); check the path"
        ) from None
    if not stat.S_ISREG(info.st_mode):
        kind = "a folder" if stat.S_ISDIR(info.st_mode) else "something that is no file"
        raise InputError(f"{path}: expected a Keras model file, found {kind}; give the file itself")
    if info.st_size > _FILE_BYTES:
        raise InputError(
            f"{path}: expected a Keras model file, found one of more than {_FILE_BYTES >> 30} GiB; {_ADVICE}"
        )


def _run_child(request: bytes, most: int) -> tuple[int, bytes]:
    """Exit status and output (cut after `most` bytes and one) of a child that is given the request."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, *_READER], env=_environment(), **pipes) as child:  # type: ignore[call-overload]
        clock = threading.Timer(_SECONDS, child.kill)
        clock.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(request)
                child.stdin.close()
            output = child.stdout.read(most + 1)
            if len(output) > most:
                child.kill()
            return child.wait(), output
        finally:
            clock.cancel()
            child.kill()  # nothing once it has ended


def _environment() -> dict[str, str]:
    """The child's: this very package first, one thread, none of HDF5's switches and no plugins for it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HDF5_")}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hdf5 = {
        "HDF5_PLUGIN_PRELOAD": "::",
        "HDF5_PLUGIN_PATH": "",
        "HDF5_USE_FILE_LOCKING": "FALSE",
    }  # some network drives cannot lock
    return {**kept, **threads, **hdf5, "PYTHONPATH": python_path()}


def _keras_file(path: Path, answer: Mapping[str, Any]) -> KerasFile:
    layers = None if answer["layers"] is None else tuple(map(_keras_layer, answer["layers"]))
    arrays = {
        _text(name): tuple(KerasArray(_text(where), _shape(shape)) for where, shape in found)
        for name, found in answer["arrays"].items()
    }
    return KerasFile(path, _text(answer["keras_version"]), layers, _text(answer["output"]), arrays)


def _keras_layer(layer: Mapping[str, Any]) -> KerasLayer:
    settings = {_text(key): _setting(value) for key, value in layer["settings"].items()}
    return KerasLayer(
        _text(layer["name"]), _text(layer["kind"]), settings, tuple(map(_text, layer["inputs"]))
    )


def _setting(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, str | int | float) for item in items):
        raise TypeError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _shape(value: Iterable[object]) -> tuple[int, ...]:
    shape = tuple(size for size in value if isinstance(size, int) and size >= 0)
    if len(shape) != len(tuple(value)):
        raise TypeError(value)
    return shape


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: expected a Keras model file, found one that cannot be read ({reason}); {_ADVICE}"
    )
