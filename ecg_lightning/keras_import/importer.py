"""A Keras file's weights in one of our networks, once the file is seen to hold that network."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.file import KerasFile, inspect_keras, read_arrays
from ecg_lightning.keras_import.graph import Mismatch, input_shape, match
from ecg_lightning.keras_import.weights import keras_shapes, state_dict_from_keras

Shapes = Sequence[tuple[int, ...]]
MOST_SAMPLES = {
    2: 1 << 16,
    3: 1 << 10,
}  # of an input (T, 1) or (H, W, 1); a longer one comes from a broken file


def network_from_keras(
    path: str | os.PathLike[str], network: str | None = None, input_length: int | None = None
) -> nn.Module:
    """Reads a Keras file: `.h5` of TF 1 (2.2.4-tf), Keras 2 or 3, `.keras`, or weights alone (`.weights.h5`, `.h5`).

    No code from the file is run, and nothing of its weights is read before its graph and its shapes are those of a network of ours.

    Args:
        path: The file.
        network: `DeepConv1d`, `TimeDepends` or `Conv2d`; left out, the stored graph decides. Needed for weights alone.
        input_length: For weights alone: samples of a beat, or height and width of a picture. Left out: the network's own default.

    Returns:
        The network with the file's weights, in evaluation mode.

    Raises:
        InputError: not a Keras file, broken or hostile, or another network.

    Example:
        >>> network_from_keras("model_linear_256.h5")  # doctest: +SKIP
    """
    if network is not None and network not in models.NETWORKS:
        raise InputError(
            f"network: expected one of {', '.join(models.NETWORKS)}, found {network!r:.60}; change --network"
        )
    file = inspect_keras(path)
    found, names = (
        _by_shapes(file, network, input_length) if file.layers is None else _by_graph(file, network)
    )
    wanted = {names[module]: shapes for module, shapes in keras_shapes(found).items()}
    _check_shapes(file, wanted, type(found).__name__)
    arrays = read_arrays(file, wanted)
    broken = [
        layer
        for layer, of_layer in arrays.items()
        if not all(np.isfinite(array).all() for array in of_layer)
    ]
    if broken:
        raise InputError(
            f"{file.path}: layer {broken[0]!r:.60}: expected finite weights, found NaN or infinity; take an earlier file"
        )
    found.load_state_dict(
        state_dict_from_keras(found, {module: arrays[layer] for module, layer in names.items()}),
        assign=True,
    )
    return found.eval()


def _by_graph(file: KerasFile, network: str | None) -> tuple[nn.Module, dict[str, str]]:
    """The network whose graph the file holds, without weights, and its modules' Keras names to the file's layers."""
    layers, refusals = file.layers or (), []
    try:
        shape = input_shape(layers)
        length = _checked_length(shape)
        for name in [network] if network else models.NETWORKS:
            if (name == "Conv2d") != (len(shape) == 3):
                refusals.append(
                    Mismatch(
                        f"expected {'pictures' if name == 'Conv2d' else 'signals'} as input, found the shape {shape}",
                        -1,
                    )
                )
                continue
            try:
                found = _without_weights(name, length)
                return found, {
                    path.replace(".", "_"): layer
                    for path, layer in match(layers, file.output, found).items()
                }
            except Mismatch as refusal:
                refusals.append(refusal)
    except InputError as error:
        raise InputError(
            f"{file.path}: {error}; choose a file of {', '.join(models.NETWORKS)}"
        ) from error
    nearest = max(range(len(refusals)), key=lambda i: refusals[i].agreed)
    name = network or models.NETWORKS[nearest]
    which = name if network else f"{', '.join(models.NETWORKS)}; nearest is {name}"
    raise InputError(
        f"{file.path}: expected the graph of {which}: {refusals[nearest]}; check the file, or --network"
    )


def _by_shapes(
    file: KerasFile, network: str | None, input_length: int | None
) -> tuple[nn.Module, dict[str, str]]:
    """For weights alone: layers by our own names, or else the k-th convolution, BatchNorm and dense layer of the file."""
    if network is None:
        what = "expected a graph beside the weights, found weights alone"
        raise InputError(
            f"{file.path}: {what}; say which network they belong to with --network, one of {', '.join(models.NETWORKS)}"
        )
    cls = getattr(models, network)
    length = (
        _checked_length(
            [input_length, input_length, 1] if network == "Conv2d" else [input_length, 1]
        )
        if input_length
        else None
    )
    found = _without_weights(network, length or cls().input_length)
    modules, theirs = (
        keras_shapes(found),
        {name: [array.shape for array in arrays] for name, arrays in file.arrays.items()},
    )
    if set(theirs) == set(modules):
        return found, {name: name for name in modules}
    by_kind: dict[str, list[str]] = {}
    for name, shapes in theirs.items():
        by_kind.setdefault(_kind(shapes), []).append(name)
    names = {}
    for module, shapes in modules.items():
        left = by_kind.get(_kind(shapes), [])
        if not left:
            raise InputError(
                f"{file.path}: expected the {len(modules)} layers of {network}, found {len(theirs)}: no {_kind(shapes)} for {module}"
            )
        names[module] = left.pop(0)
    too_many = [name for left in by_kind.values() for name in left]
    if too_many:
        raise InputError(
            f"{file.path}: expected the {len(modules)} layers of {network}, found {len(theirs)}: {too_many[0]!r:.60} is one too many"
        )
    return found, names


def _kind(shapes: Shapes) -> str:
    return (
        "BatchNormalization"
        if len(shapes) == 4
        else {2: "Dense", 3: "Conv1D", 4: "Conv2D"}.get(len(shapes[0]), "layer of another kind")
    )


def _without_weights(name: str, length: int) -> nn.Module:
    with torch.device("meta"):  # shapes only, whatever length the file claims
        return getattr(models, name)(length)  # type: ignore[no-any-return]


def _checked_length(shape: Sequence[int | None]) -> int:
    length, most = shape[0], MOST_SAMPLES[len(shape)]
    if (
        not isinstance(length, int)
        or not 0 < length <= most
        or shape[-1] != 1
        or (len(shape) == 3 and shape[1] != length)
    ):
        raise InputError(
            f"expected an input of shape (T, 1) or (H, H, 1) with up to {most} samples a side, found {tuple(shape)}"
        )
    return length


def _check_shapes(file: KerasFile, wanted: Mapping[str, Shapes], network: str) -> None:
    """Says which layer differs; the reader refuses it too, but knows nothing of networks."""
    for layer, shapes in wanted.items():
        found = [array.shape for array in file.arrays.get(layer, ())]
        if found != list(shapes):
            raise InputError(
                f"{file.path}: layer {layer!r:.60}: expected arrays of the shapes {list(shapes)} for {network}, found {found or 'none'}; "
                "check the network and its input length"
            )
