"""The network of a checkpoint file, without Lightning."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.errors import InputError

DESCRIPTION = "ecg_lightning"  # a checkpoint's entry about itself
MOST_SAMPLES = 1 << 16  # of a beat; a larger number comes from a broken file
HINT = "take RUN/checkpoints/best.ckpt of a run, or a file that import-keras wrote"


def read_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read the network of a checkpoint, and what the checkpoint says about itself.

    Only plain numbers, texts and tensors are read from the file. No class is looked up by a name
    in it, except this package's own networks.

    Args:
        path: A checkpoint that this program wrote.

    Returns:
        The network with its weights, in evaluation mode, and the checkpoint's description.

    Raises:
        InputError: The file is no such checkpoint, is damaged, or holds another network.
    """
    content = read_checkpoint(path)
    network = network_of(content, str(path))
    description = content[DESCRIPTION]
    names, n_classes = description.get("classes"), len(content["state_dict"]["network.head.bias"])
    if not isinstance(names, list) or len(names) != n_classes:
        expected = f"the names of {n_classes} classes"
        raise InputError(str(path), expected=expected, found=f"{names!r:.100}", hint=HINT)
    return network.eval(), description


def read_checkpoint(source: Path | IO[bytes]) -> Any:
    """Read a checkpoint's plain numbers, texts and tensors, onto the CPU.

    Args:
        source: A path or an open file.

    Raises:
        InputError: There is no such file, or it is no checkpoint of this program.
    """
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
        content[DESCRIPTION]["network"], content["state_dict"]
    except Exception as error:  # torch raises half a dozen classes for a damaged file
        missing = isinstance(source, Path) and not source.is_file()
        raise InputError(
            str(source) if isinstance(source, Path) else "checkpoint",
            expected="a checkpoint of this program",
            found="no such file"
            if missing
            else f"a file that cannot be read as one ({type(error).__name__})",
            hint=HINT,
        ) from error
    return content


def network_of(content: Mapping[str, Any], source: str, hint: str = HINT) -> nn.Module:
    """Build the network of a checkpoint's content, with its weights.

    The class comes from a fixed table. The sizes are those of the weights that are there: the
    network is built without memory, and takes the weights only if each one has its shape.

    Args:
        content: From `read_checkpoint`.
        source: The file, for messages.
        hint: The next step where the network is not one of this package's.

    Raises:
        InputError: The network is not one of this package's, or its weights are missing or others.
    """

    def refusal(expected: str, found: str) -> InputError:
        return InputError(source, expected=expected, found=found, hint=hint)

    name, samples = (content[DESCRIPTION].get(key) for key in ("network", "input_length"))
    if name not in models.NETWORKS:
        raise refusal(f"a checkpoint of {', '.join(models.NETWORKS)}", f"one of {name!r:.60}")
    if type(samples) is not int or not 0 < samples <= MOST_SAMPLES:
        raise refusal(f"an input length up to {MOST_SAMPLES}", f"{samples!r:.60}")
    try:
        weights = _network_weights(content["state_dict"])
        with torch.device("meta"):  # shapes without memory
            network: nn.Module = getattr(models, name)(samples, len(weights["head.bias"]))
        network.load_state_dict(weights, assign=True)
    except (InputError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise refusal(f"the weights of {name}", f"others: {problem}") from error
    return network


def _network_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a classifier's state dict that belong to its network."""
    prefix = "network."
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }
