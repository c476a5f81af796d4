"""The weights of a Keras file in one of this package's networks, if the file holds that network."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.file import KerasFile, inspect_keras, read_arrays
from ecg_lightning.keras_import.graph import Graph, Mismatch
from ecg_lightning.keras_import.matching import match
from ecg_lightning.keras_import.stored_graph import input_shape, stored_graph
from ecg_lightning.keras_import.weights import keras_shapes, state_dict_from_keras

Shapes = Sequence[tuple[int, ...]]
# Rank of an input (T, 1) or (H, W, 1) -> most samples of a side; only broken files declare more.
MOST_SAMPLES = {2: 1 << 16, 3: 1 << 10}


def network_from_keras(
    path: str | os.PathLike[str], network: str | None = None, input_length: int | None = None
) -> nn.Module:
    """Read a Keras file into one of this package's networks.

    No code of the file is run, and no weights are read before its graph and its shapes agree with
    those of the network.

    Args:
        path: A file `.h5` of TF 1 (2.2.4-tf), Keras 2 or 3, `.keras`, or weights alone
            (`.weights.h5`, `.h5`).
        network: `DeepConv1d`, `TimeDepends` or `Conv2d`; by default the stored graph decides.
            Required for weights alone.
        input_length: For weights alone: samples of a beat, or height and width of a picture
            (default: that of the network).

    Returns:
        The network with the file's weights, in evaluation mode.

    Raises:
        InputError: The file is no Keras file, is broken or hostile, or holds another network.

    Example:
        >>> network_from_keras("model_linear_256.h5")  # doctest: +SKIP
    """
    if network is not None and network not in models.KERAS_NETWORKS:
        raise InputError(
            "network",
            expected=f"one of {', '.join(models.KERAS_NETWORKS)}",
            found=f"{network!r:.60}",
            hint="correct it",
            setting="network",
        )
    file = inspect_keras(path)
    if file.layers is None:
        module, names = _by_shapes(file, network, input_length)
    else:
        module, names = _by_graph(file, network)
    wanted = {names[layer]: shapes for layer, shapes in keras_shapes(module).items()}
    _check_shapes(file, wanted, type(module).__name__)
    arrays = read_arrays(file, wanted)
    _check_finite(file, arrays)
    weights = {layer: arrays[stored] for layer, stored in names.items()}
    module.load_state_dict(state_dict_from_keras(module, weights), assign=True)
    return module.eval()


def _by_graph(file: KerasFile, network: str | None) -> tuple[nn.Module, dict[str, str]]:
    """The network of the file's graph, without weights, and our layer names -> the file's."""
    candidates = [network] if network else models.KERAS_NETWORKS
    try:
        shape = _checked_input(input_shape(file.layers or ()))
        stored = stored_graph(file.layers or (), file.output)
    except Mismatch as refusal:
        raise _another_network(file, candidates, f" ({refusal})") from None
    refusals: dict[str, Mismatch] = {}
    for name in candidates:
        try:
            return _matched(stored, shape, name)
        except Mismatch as refusal:
            refusals[name] = refusal
    raise _another_network(file, candidates, _reason(refusals))


def _matched(stored: Graph, shape: Sequence[int], name: str) -> tuple[nn.Module, dict[str, str]]:
    """The network of this name, without weights, and its layer names -> the file's.

    Raises:
        Mismatch: The stored graph is not that of the network.
    """
    if (name == "Conv2d") != (len(shape) == 3):
        inputs = "pictures" if name == "Conv2d" else "signals"
        raise Mismatch(f"expected {inputs} as input, found the shape {shape}")
    try:
        network = _without_weights(name, shape[0])
    except InputError as error:  # too short for its pools
        problem = InputError(error.subject, expected=error.expected, found=error.found)
        raise Mismatch(str(problem)) from error
    pairs = match(stored, network)
    return network, {path.replace(".", "_"): layer for path, layer in pairs.items()}


def _reason(refusals: Mapping[str, Mismatch]) -> str:
    """The difference from the nearest network, and the networks that need a longer input."""
    nearest = max(refusals, key=lambda name: refusals[name].agreed)
    reason = f" ({refusals[nearest]})"
    if len(refusals) > 1:
        reason = f", nearest to {nearest}{reason}"
    too_short = [
        f"; {refusal}"
        for name, refusal in refusals.items()
        if name != nearest and isinstance(refusal.__cause__, InputError)
    ]
    return reason + "".join(too_short)


def _another_network(file: KerasFile, candidates: Sequence[str], reason: str) -> InputError:
    one = len(candidates) == 1
    *others, last = candidates
    names = last if one else f"{', '.join(others)} or {last}"
    return InputError(
        str(file.path),
        expected=f"the graph of {names}",
        found=f"another network{reason}",
        hint="choose another file, or another network" if one else "choose another file",
        setting="network" if one else "",
    )


def _by_shapes(
    file: KerasFile, network: str | None, input_length: int | None
) -> tuple[nn.Module, dict[str, str]]:
    """For weights alone: the network, and our layer names -> the file's.

    Layers pair by our own names, or else the k-th convolution, BatchNorm and dense layer of the
    network with the k-th of the file.
    """
    if network is None:
        raise InputError(
            str(file.path),
            expected="a graph and weights",
            found="weights alone",
            hint=f"name their network, one of {', '.join(models.KERAS_NETWORKS)}",
            setting="network",
        )
    module = _of_length(network, input_length)
    return module, _paired_by_shapes(file, keras_shapes(module), network)


def _paired_by_shapes(file: KerasFile, ours: Mapping[str, Shapes], network: str) -> dict[str, str]:
    if set(file.arrays) == set(ours):
        return {name: name for name in ours}
    by_class: dict[str, list[str]] = {}
    for name, arrays in file.arrays.items():
        by_class.setdefault(_layer_class([array.shape for array in arrays]), []).append(name)
    names = {}
    for name, shapes in ours.items():
        rest = by_class.get(_layer_class(shapes), [])
        if not rest:
            raise _other_layers(file, network, len(ours), f"no {_layer_class(shapes)} for {name}")
        names[name] = rest.pop(0)
    for rest in by_class.values():
        if rest:
            raise _other_layers(file, network, len(ours), f"{rest[0]!r:.60} is one too many")
    return names


def _of_length(network: str, input_length: int | None) -> nn.Module:
    """A network without weights, of the given or its default input length."""
    if not input_length:
        return _without_weights(network, getattr(models, network)().input_length)
    most = MOST_SAMPLES[3 if network == "Conv2d" else 2]
    if not 0 < input_length <= most:
        raise InputError(
            "input_length",
            expected=f"1 to {most}",
            found=str(input_length),
            hint="correct it",
            setting="input_length",
        )
    return _without_weights(network, input_length)


def _other_layers(file: KerasFile, network: str, count: int, problem: str) -> InputError:
    return InputError(
        str(file.path),
        expected=f"the {count} layers of {network}",
        found=f"{len(file.arrays)}: {problem}",
        hint="choose the network of this file",
        setting="network",
    )


def _layer_class(shapes: Shapes) -> str:
    """The class of a layer with arrays of these shapes."""
    if len(shapes) == 4:
        return "BatchNormalization"
    classes = {2: "Dense", 3: "Conv1D", 4: "Conv2D"}
    return classes.get(len(shapes[0]), "layer of another class")


def _without_weights(name: str, length: int) -> nn.Module:
    with torch.device("meta"):  # shapes only, whatever length the file declares
        return getattr(models, name)(length)  # type: ignore[no-any-return]


def _checked_input(shape: list[int]) -> list[int]:
    most = MOST_SAMPLES[len(shape)]
    square = len(shape) == 2 or shape[1] == shape[0]
    if not (shape[0] <= most and shape[-1] == 1 and square):
        expected = f"an input of shape (T, 1) or (H, H, 1) with up to {most} samples a side"
        raise Mismatch(f"expected {expected}, found {tuple(shape)}")
    return shape


def _check_shapes(file: KerasFile, wanted: Mapping[str, Shapes], network: str) -> None:
    """Name the layer that differs; the reader refuses it too, but does not know the network."""
    for layer, shapes in wanted.items():
        stored = [array.shape for array in file.arrays.get(layer, ())]
        if stored != list(shapes):
            raise InputError(
                f"{file.path}: layer {layer!r:.60}",
                expected=f"arrays of the shapes {list(shapes)} for {network}",
                found=str(stored or "none"),
                hint="check the network and its input length",
                setting="input_length",
            )


def _check_finite(file: KerasFile, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    for layer, layer_arrays in arrays.items():
        if not all(np.isfinite(array).all() for array in layer_arrays):
            raise InputError(
                f"{file.path}: layer {layer!r:.60}",
                expected="finite weights",
                found="NaN or infinity",
                hint="choose an earlier file",
            )
