"""Weights that come with the package, trained with its configs on MIT-BIH's records.

See weights/README.md.
"""

import json
from importlib import resources
from typing import Any, TypeVar

from safetensors import safe_open
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import network_arguments
from ecg_lightning.models.names import CAUSAL_WEIGHTS, SHIPPED

Network = TypeVar("Network", bound=nn.Module)


def shipped_weights(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a network's state dict, and what the file says about itself.

    For the latter see `BeatClassifier.on_save_checkpoint`.

    Args:
        name: One of `SHIPPED`.

    Raises:
        InputError: No weights of that name come with the package.
    """
    if name not in SHIPPED:
        raise InputError(
            "pretrained weights",
            expected=f"one of {', '.join(SHIPPED)}",
            found=f"{name!r:.60}",
            hint="train it, or import a Keras file",
        )
    weights = resources.files("ecg_lightning").joinpath("weights", SHIPPED[name])
    with resources.as_file(weights) as path, safe_open(path, "pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return state, json.loads(file.metadata()["ecg_lightning"])


def shipped_network(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network with shipped weights, in evaluation mode, and what they say.

    Args:
        name: One of `SHIPPED`.

    Raises:
        InputError: No weights of that name come with the package.
    """
    state, description = shipped_weights(name)
    arguments = network_arguments(description)
    network: nn.Module = getattr(models, description["network"])(
        description["input_length"], **arguments
    )
    network.load_state_dict(state)
    return network.eval(), description


def load_shipped(network: Network) -> Network:
    """Load the weights that come with the package, and switch to evaluation mode.

    Args:
        network: A `DeepConv1d` or `TimeDepends` of 256 samples and 5 classes, or a
            `PatientContext`; a causal one takes the causal weights.

    Returns:
        The same network.

    Raises:
        InputError: Its input length is another one.
    """
    name = type(network).__name__
    is_causal = getattr(network, "causal", False)
    state, description = shipped_weights(CAUSAL_WEIGHTS[name] if is_causal else name)
    if network.input_length != description["input_length"]:
        samples = description["input_length"]
        raise InputError(
            "pretrained weights",
            expected=f"an input length of {samples}, which they were trained for",
            found=str(network.input_length),
            hint=f"cut beats of {samples} samples",
            setting="window_samples",
        )
    network.load_state_dict(state)
    return network.eval()
