"""Weights from a Keras network to ours and back, with the names of layers and the order of axes.

A Keras layer has the name of our module with underscores for dots: `blocks.2.conv1` becomes
`blocks_2_conv1`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.models.layers import BatchNorm

Array = npt.NDArray[np.floating]

# Keras has (kernel…, in, out), torch (out, in, kernel…). By rank: the axes to transpose.
_TO_TORCH = {2: (1, 0), 3: (2, 1, 0), 4: (3, 2, 0, 1)}
_TO_KERAS = {2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0)}
# Keras: gamma, beta, moving_mean, moving_variance.
_NORM = ("weight", "bias", "running_mean", "running_var")
_DENSE = ("weight", "bias")  # Keras: kernel, bias


def layer_names(network: nn.Module) -> dict[str, str]:
    """Keras layer name -> module path, for every layer with weights, in the order of definition."""
    classes = (nn.Conv1d, nn.Conv2d, nn.Linear, BatchNorm)
    return {
        path.replace(".", "_"): path
        for path, module in network.named_modules()
        if isinstance(module, classes)
    }


def state_dict_from_keras(
    network: nn.Module, weights: Mapping[str, Sequence[Array]]
) -> dict[str, Tensor]:
    """Return the state dict with which a network computes what the Keras network computes.

    Args:
        network: One of this package's networks, which defines the layers and shapes. It is not
            changed.
        weights: Keras layer name -> what its `get_weights()` returns.

    Raises:
        InputError: A layer is missing or unknown, or an array has another shape.
    """
    names = layer_names(network)
    if set(weights) != set(names):
        missing, unknown = sorted(set(names) - set(weights)), sorted(set(weights) - set(names))
        raise InputError(
            "Keras weights",
            expected=f"the layers of {type(network).__name__}",
            found=f"{missing or 'none'} missing and {unknown or 'none'} that it does not have",
            hint="choose the network that the file was trained with",
        )
    state = network.state_dict()
    for name, path in names.items():
        entries, arrays = _entries(network, path), weights[name]
        if len(arrays) != len(entries):
            raise InputError(
                f"Keras weights: layer {name}",
                expected=f"{len(entries)} arrays",
                found=str(len(arrays)),
                hint="check the network",
            )
        for entry, array in zip(entries, arrays, strict=True):
            state[entry] = _to_torch(name, entry, np.asarray(array), state[entry])
    return state


def keras_shapes(network: nn.Module) -> dict[str, list[tuple[int, ...]]]:
    """Return Keras layer name -> the shapes of what its `get_weights()` returns.

    The network may be on the meta device.
    """
    state = network.state_dict()
    return {
        name: [_keras_shape(state[entry].shape) for entry in _entries(network, path)]
        for name, path in layer_names(network).items()
    }


def keras_from_state_dict(
    network: nn.Module, state: Mapping[str, Tensor]
) -> dict[str, list[Array]]:
    """Return Keras layer name -> the list for its `set_weights()`.

    This is the inverse of `state_dict_from_keras`.
    """
    return {
        name: [_to_keras(state[entry]) for entry in _entries(network, path)]
        for name, path in layer_names(network).items()
    }


def _entries(network: nn.Module, path: str) -> list[str]:
    """The state dict's keys of a layer, in the order of Keras's `get_weights()`."""
    entries = _NORM if isinstance(network.get_submodule(path), BatchNorm) else _DENSE
    return [f"{path}.{entry}" for entry in entries]


def _keras_shape(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in _TO_KERAS.get(len(shape), range(len(shape))))


def _to_torch(name: str, entry: str, array: Array, like: Tensor) -> Tensor:
    moved = array.transpose(_TO_TORCH[array.ndim]) if array.ndim in _TO_TORCH else array
    if moved.shape != tuple(like.shape):
        raise InputError(
            f"Keras weights: layer {name}",
            expected=f"the shape {tuple(like.shape)} for {entry}",
            found=f"{moved.shape} (in torch's axis order)",
            hint="check the network and its input length",
        )
    # A copy: TensorFlow's arrays are read-only.
    return torch.from_numpy(np.array(moved, order="C")).to(like.dtype)


def _to_keras(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    if array.ndim == 1:
        return array.copy()
    return np.ascontiguousarray(array.transpose(_TO_KERAS[array.ndim]))
