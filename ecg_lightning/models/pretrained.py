"""Weights that come with the package: trained by the shipped configs on MIT-BIH's records; see weights/README.md beside them."""

import json
from importlib import resources
from typing import Any

from safetensors import safe_open
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.models.names import SHIPPED


def shipped_weights(network: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A network's state dict, and what the file says about itself: see `BeatClassifier.on_save_checkpoint`.

    Args:
        network: `DeepConv1d` or `TimeDepends`.

    Raises:
        InputError: no weights of that name are shipped.
    """
    if network not in SHIPPED:
        raise InputError(
            f"pretrained weights: expected one of {', '.join(SHIPPED)}, found {network!r:.60}; train it, or import a Keras file"
        )
    with (
        resources.as_file(
            resources.files("ecg_lightning").joinpath("weights", SHIPPED[network])
        ) as path,
        safe_open(path, "pt") as file,
    ):
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(
            file.metadata()["ecg_lightning"]
        )  # noqa: SIM118


def load_shipped(network: nn.Module) -> None:
    """Puts the shipped weights into a network and sets it to evaluation mode.

    Raises:
        InputError: it has another input length or other classes than the shipped weights.
    """
    state, description = shipped_weights(type(network).__name__)
    if network.input_length != description["input_length"]:
        expected = f"expected an input length of {description['input_length']}, which they were trained for"
        raise InputError(
            f"pretrained weights: {expected}, found {network.input_length}; cut the beats to that length"
        )
    network.load_state_dict(state)
    network.eval()
