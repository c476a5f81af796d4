"""The network of a checkpoint file, without Lightning."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ecg_lightning import models
from ecg_lightning.errors import InputError

DESCRIPTION = "ecg_lightning"  # a checkpoint's entry about itself
MOST_SAMPLES = 1 << 16  # of a beat; a longer one comes from a broken file


def read_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a checkpoint with its weights, in evaluation mode, and what the checkpoint says about itself.

    Args:
        path: A checkpoint that this program wrote. Only plain numbers, texts and tensors are read from it, and no class is looked up by
            a name in it, apart from our own networks'.

    Raises:
        InputError: not such a checkpoint, of another network than ours, or damaged.
    """
    advice = "take RUN/checkpoints/best.ckpt of a run, or a file that import-keras wrote"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        description, state = content[DESCRIPTION], content["state_dict"]
        name, samples, classes = (
            description["network"],
            description["input_length"],
            len(description["classes"]),
        )
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        found = (
            "no such file"
            if not path.is_file()
            else f"a file that cannot be read as one ({type(error).__name__})"
        )
        raise InputError(
            f"{path}: expected a checkpoint of this program, found {found}; {advice}"
        ) from error
    if not isinstance(samples, int) or not 0 < samples <= MOST_SAMPLES:
        raise InputError(
            f"{path}: expected an input length up to {MOST_SAMPLES}, found {samples!r}; {advice}"
        )
    if name not in models.NETWORKS:
        raise InputError(
            f"{path}: expected a checkpoint of {', '.join(models.NETWORKS)}, found one of {name!r}; {advice}"
        )
    with torch.device(
        "meta"
    ):  # shapes only: memory is taken by the weights that are there, not by what the checkpoint claims
        network: nn.Module = getattr(models, name)(samples, classes)
    try:
        weights = {
            key.removeprefix("network."): value
            for key, value in state.items()
            if key.startswith("network.")
        }
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        found = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: expected the weights of {name}, found others: {found}; {advice}"
        ) from error
    return network.eval(), description
