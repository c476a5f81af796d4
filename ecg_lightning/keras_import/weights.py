"""Weights between a Keras network and ours: an explicit name for each layer, an explicit axis order for each kind.

A Keras layer carries the name of our module with its dots turned into underscores: `blocks.2.conv1` is `blocks_2_conv1`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.models.layers import BatchNorm

Array = npt.NDArray[np.floating]

# Keras keeps (kernel…, in, out), torch (out, in, kernel…): axes of the torch array in terms of Keras's, and back.
_TO_TORCH = {2: (1, 0), 3: (2, 1, 0), 4: (3, 2, 0, 1)}
_TO_KERAS = {2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0)}
_NORM = (
    "weight",
    "bias",
    "running_mean",
    "running_var",
)  # gamma, beta, moving_mean, moving_variance
_DENSE = ("weight", "bias")  # kernel, bias


def layer_names(network: nn.Module) -> dict[str, str]:
    """Keras layer name to module path, for every layer of `network` that has weights, in the order of definition."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear, BatchNorm)
    return {
        path.replace(".", "_"): path
        for path, module in network.named_modules()
        if isinstance(module, kinds)
    }


def state_dict_from_keras(
    network: nn.Module, weights: Mapping[str, Sequence[Array]]
) -> dict[str, Tensor]:
    """The state dict that makes `network` compute what the Keras network computes.

    Args:
        network: One of our networks; it says which layers and shapes are expected, and is left as it is.
        weights: Keras layer name to what its `get_weights()` returns.

    Raises:
        InputError: a layer is missing or superfluous, or an array has another shape.
    """
    names = layer_names(network)
    if set(weights) != set(names):
        missing, superfluous = sorted(set(names) - set(weights)), sorted(set(weights) - set(names))
        raise InputError(
            f"Keras weights: expected the layers of {type(network).__name__}, found {missing or 'none'} missing and "
            f"{superfluous or 'none'} that it does not have; choose the network that the file was trained with"
        )
    state = network.state_dict()
    for name, path in names.items():
        entries, arrays = _entries(network, path), weights[name]
        if len(arrays) != len(entries):
            raise InputError(
                f"Keras weights: layer {name}: expected {len(entries)} arrays, found {len(arrays)}; check the network"
            )
        for entry, array in zip(entries, arrays, strict=True):
            state[entry] = _to_torch(name, entry, np.asarray(array), state[entry])
    return state


def keras_shapes(network: nn.Module) -> dict[str, list[tuple[int, ...]]]:
    """Keras layer name to the shapes of what its `get_weights()` returns; the network may be on the meta device."""
    state = network.state_dict()
    shapes = {}
    for name, path in layer_names(network).items():
        of_layer = [tuple(state[entry].shape) for entry in _entries(network, path)]
        shapes[name] = [
            tuple(shape[axis] for axis in _TO_KERAS[len(shape)]) if len(shape) > 1 else shape
            for shape in of_layer
        ]
    return shapes


def keras_from_state_dict(
    network: nn.Module, state: Mapping[str, Tensor]
) -> dict[str, list[Array]]:
    """Keras layer name to the list for its `set_weights()`: the inverse of `state_dict_from_keras`."""
    return {
        name: [_to_keras(state[entry]) for entry in _entries(network, path)]
        for name, path in layer_names(network).items()
    }


def _entries(network: nn.Module, path: str) -> list[str]:
    return [
        f"{path}.{entry}"
        for entry in (_NORM if isinstance(network.get_submodule(path), BatchNorm) else _DENSE)
    ]


def _to_torch(name: str, entry: str, array: Array, like: Tensor) -> Tensor:
    moved = array.transpose(_TO_TORCH[array.ndim]) if array.ndim in _TO_TORCH else array
    if moved.shape != tuple(like.shape):
        raise InputError(
            f"Keras weights: layer {name}: expected the shape {tuple(like.shape)} for {entry}, found {moved.shape} (in torch's axis "
            "order); check the network and its input length"
        )
    return torch.from_numpy(np.array(moved, order="C")).to(
        like.dtype
    )  # a copy: TensorFlow's arrays are read-only


def _to_keras(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return (
        np.ascontiguousarray(array.transpose(_TO_KERAS[array.ndim]))
        if array.ndim > 1
        else array.copy()
    )
