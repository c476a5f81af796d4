"""Keras model files: the structure of a file, and its arrays once their shapes are agreed.

A child process reads the file; its answer is checked here.
"""

import os
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
from ecg_lightning.keras_import.reader import ask, unreadable

STRUCTURE_BYTES = 64 << 20
_ARRAY_BYTES = 256 << 20  # the biggest of our networks has 1.3 MB
# Errors in the child's answer: an attacker controls the child, or it has another version.
_INVALID = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a stored graph.

    Args:
        name: The layer's own name.
        class_name: Keras's class name as stored, such as `"BatchNormalizationV1"` or `"Lambda"`. A
            class from outside Keras follows its module, where the file tells (`"my>Conv1D"`).
        settings: The settings that decide what the layer computes, as scalars or flat lists of
            scalars; `"<object>"` stands for anything else.
        inputs: Names of the layers whose outputs it takes, in order.
    """

    name: str
    class_name: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class KerasArray:
    """An array of weights: its path inside the HDF5 file and its shape."""

    path: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class KerasFile:
    """What a Keras file says about itself, checked, without the values of its arrays.

    Args:
        path: The file.
        keras_version: As stored; "" where the file does not say.
        layers: The graph, each layer after those whose outputs it takes; None for a file of
            weights alone. A Sequential model is a chain and always starts with an InputLayer.
        output: Name of the one output layer; "" for weights alone.
        arrays: Layer name to its arrays in the order of Keras's `get_weights()`, for the layers
            that have arrays, in the order of `layers`, or else of the file.
    """

    path: Path
    keras_version: str
    layers: tuple[KerasLayer, ...] | None
    output: str
    arrays: Mapping[str, tuple[KerasArray, ...]]


def inspect_keras(path: str | os.PathLike[str]) -> KerasFile:
    """Read the structure of a Keras file.

    Args:
        path: A file `.h5` of TF 1, Keras 2 or Keras 3, `.weights.h5`, or `.keras`. Its content
            decides which of these it is, not its name.

    Returns:
        Its layers, and the shapes of their arrays.

    Raises:
        InputError: No such file, another type of file, a broken or a hostile one, or a model that
            is more than one chain or graph of layers from its inputs to one output.

    Example:
        >>> inspect_keras("model.h5").layers[1].class_name  # doctest: +SKIP
        'Conv1D'
    """
    file = Path(path)
    header, _ = ask(file, {}, STRUCTURE_BYTES)
    try:
        return _keras_file(file, header["file"])
    except _INVALID:
        raise unreadable(file, "its reader gave an invalid answer") from None


def read_arrays(
    file: KerasFile, wanted: Mapping[str, Sequence[tuple[int, ...]]]
) -> dict[str, list[np.ndarray]]:
    """Read the arrays of some layers.

    Args:
        file: As `inspect_keras` returned it.
        wanted: Layer name to the shapes of its arrays, in Keras's order. They are compared with
            the shapes that the file declares before a value is read.

    Returns:
        Layer name to its arrays, float32 or float64 (as stored; float16 becomes float32).

    Raises:
        InputError: The file has no such layers, other shapes, or has changed since, or for the
            reasons of `inspect_keras`.

    Example:
        >>> read_arrays(inspect_keras("model.h5"), {"dense": [(256, 32), (32,)]})  # doctest: +SKIP
    """
    arrays = [array for name, shapes in wanted.items() for array in _agreed(file, name, shapes)]
    size = sum(8 * prod(array.shape) for array in arrays)
    if size > _ARRAY_BYTES:
        raise InputError(
            str(file.path),
            expected=f"at most {_ARRAY_BYTES >> 20} MiB of weights",
            found=f"up to {size >> 20} MiB",
            hint="check the file",
        )
    request = {"arrays": [[array.path, array.shape] for array in arrays]}
    _, body = ask(file.path, request, size + (1 << 16) + 200 * len(arrays))
    values = iter(_values(file.path, body, arrays))
    return {name: [next(values) for _ in shapes] for name, shapes in wanted.items()}


def _agreed(
    file: KerasFile, name: str, shapes: Sequence[tuple[int, ...]]
) -> tuple[KerasArray, ...]:
    """The arrays of a layer, which must have these shapes."""
    arrays = file.arrays.get(name, ())
    stored = [array.shape for array in arrays]
    if stored != [tuple(shape) for shape in shapes]:
        raise InputError(
            f"{file.path}: layer {shown(name)}",
            expected=_listed(shapes),
            found=_listed(stored)[:200],
            hint="choose the network of this file",
        )
    return arrays


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes)) or "no arrays"


def _values(path: Path, body: bytes, arrays: Sequence[KerasArray]) -> list[np.ndarray]:
    """The child's arrays, which must be the requested ones."""
    try:
        loaded = load(body)
        values = [loaded[str(index)] for index in range(len(arrays))]
    except (SafetensorError, *_INVALID):
        raise unreadable(path, "its reader gave no arrays") from None
    for value, array in zip(values, arrays, strict=True):
        if value.shape != array.shape or value.dtype not in (np.float32, np.float64):
            raise unreadable(path, "its reader gave other arrays")
    return values


def _keras_file(path: Path, answer: Mapping[str, Any]) -> KerasFile:
    layers = None if answer["layers"] is None else tuple(map(_keras_layer, answer["layers"]))
    arrays = {
        _text(name): tuple(KerasArray(_text(where), _shape(shape)) for where, shape in stored)
        for name, stored in answer["arrays"].items()
    }
    return KerasFile(path, _text(answer["keras_version"]), layers, _text(answer["output"]), arrays)


def _keras_layer(layer: Mapping[str, Any]) -> KerasLayer:
    settings = {_text(key): _setting(value) for key, value in layer["settings"].items()}
    inputs = tuple(map(_text, layer["inputs"]))
    return KerasLayer(_text(layer["name"]), _text(layer["class_name"]), settings, inputs)


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
