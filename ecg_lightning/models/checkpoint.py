"""The network of a checkpoint file, without Lightning."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.models import entries
from ecg_lightning.models.checkpoint_file import (
    EXPECTED,
    HINT,
    OWN_HINT,
    CheckpointError,
    read_content,
)
from ecg_lightning.text import escaped

DESCRIPTION = "ecg_lightning"  # a checkpoint's entry about itself
MOST_SAMPLES = 1 << 16  # of a beat; a larger number comes from a broken file
CAUSAL_SEGMENTATION = "context-causal"  # the setting of beats that causal weights are trained on
VERSION = "pytorch-lightning_version"
_SUMS, _HEAD_BIAS = "scaling.sums", re.compile(r"(members\.\d+\.)?head\.(\d+\.)?bias")
# Lightning rewrites the files of version 1; this program never wrote any.
_KNOWN_VERSION = re.compile(r"[2-9]\.\d{1,4}(\.\d{1,4})?([-+.\w]{0,40})")


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
    names, n_classes = description["classes"], _n_classes(_network_weights(content["state_dict"]))
    if len(names) != n_classes:
        expected = f"the names of {n_classes} classes"
        raise InputError(str(path), expected=expected, found=escaped(repr(names), 100), hint=HINT)
    return network.eval(), description


def read_checkpoint(source: Path | IO[bytes], hint: str = HINT) -> dict[str, Any]:
    """Read a checkpoint's plain values and tensors, onto the CPU, and check what all readers use.

    That is the weights, the description and the version of Lightning; see `check_weights_entry`.

    Args:
        source: A path or an open file.
        hint: The next step where it is refused.

    Raises:
        InputError: There is no such file, it is damaged, or it is no checkpoint of this program.
    """
    content = read_content(source, hint)
    try:
        check_description(content)
        check_weights_entry(entries.entry(content, "state_dict"))
    except CheckpointError as error:
        subject = str(source) if isinstance(source, Path) else "checkpoint"
        raise InputError(subject, expected=EXPECTED, found=str(error), hint=hint) from error
    return content


def check_description(content: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another program, and a description of unknown kinds.

    Raises:
        CheckpointError: What is wrong with it.
    """
    if DESCRIPTION not in content:
        raise CheckpointError("one of another program")
    kinds = {"version": entries.text, "network": entries.text, "config": _is_config}
    for name, kind in kinds.items():
        place = f"{DESCRIPTION}.{name}"
        entries.check(entries.entry(content, DESCRIPTION, name), kind, place)
    classes = entries.entry(content, DESCRIPTION, "classes")
    entries.check(classes, [entries.text], f"{DESCRIPTION}.classes")
    version = entries.entry(content, VERSION)
    if not entries.text(version) or not _KNOWN_VERSION.fullmatch(version):
        raise entries.refused(VERSION, version)


def _is_config(value: Any) -> bool:
    """Settings: sections of plain values."""
    sections = ("model", "data", "trainer", "beats", "imported")
    return (
        isinstance(value, dict)
        and entries.plain(value)
        and all(isinstance(value.get(name, {}), dict) for name in sections)
    )


def check_weights_entry(state: Any) -> None:
    """Refuse weights that are no dense tensors, not finite, or real numbers of several types.

    The sums of `MeasuredScaling` are of another type than weights.

    Raises:
        CheckpointError: What is wrong with them.
    """
    if not isinstance(state, dict):
        raise entries.refused("state_dict", state)
    for name, value in state.items():
        if type(name) is not str or not isinstance(value, Tensor):
            raise entries.refused(f"state_dict.{escaped(str(name), 60)}", value)
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"weights that are not finite ({escaped(name, 60)})")
    types = {
        value.dtype
        for name, value in state.items()
        if value.is_floating_point() and not name.endswith(_SUMS)
    }
    if len(types) > 1:
        raise CheckpointError(f"weights of several types ({', '.join(sorted(map(str, types)))})")


def network_of(content: Mapping[str, Any], source: str, own_hint: str = OWN_HINT) -> nn.Module:
    """Build the network of a checkpoint's content, with its weights.

    The class comes from a fixed table. The sizes are those of the weights that are there: the
    network is built without memory, and takes the weights only if each one has its shape.

    Args:
        content: From `read_checkpoint`.
        source: The file, for messages.
        own_hint: The next step where the network is not one of this package's.

    Raises:
        InputError: The network is not one of this package's, or its weights are missing or others.
    """

    def refusal(expected: str, found: str, hint: str = HINT) -> InputError:
        return InputError(source, expected=expected, found=found, hint=hint)

    name, samples = (content[DESCRIPTION].get(key) for key in ("network", "input_length"))
    if name not in models.NETWORKS:
        found = f"one of {escaped(repr(name), 60)}"
        raise refusal(f"a checkpoint of {', '.join(models.NETWORKS)}", found, own_hint)
    if type(samples) is not int or not 0 < samples <= MOST_SAMPLES:
        raise refusal(f"an input length up to {MOST_SAMPLES}", f"{samples!r:.60}")
    try:
        weights = _network_weights(content["state_dict"])
        with torch.device("meta"):  # shapes without memory
            arguments = network_arguments(content[DESCRIPTION])
            network: nn.Module = getattr(models, name)(samples, _n_classes(weights), **arguments)
        _check_types(weights, network.state_dict())
        network.load_state_dict(weights, assign=True)
    except (InputError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        problem = escaped(" ".join(str(error).split()))
        raise refusal(f"the weights of {name}", f"others: {problem}") from error
    return network


def network_arguments(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a network besides the sizes: those that its weights do not show.

    Args:
        description: What a checkpoint, or a file of shipped weights, says about itself.

    Example:
        >>> network_arguments({"network": "PatientContext", "causal": True})
        {'causal': True}
    """
    if description["network"] != "PatientContext":
        return {}
    beats = description["config"].get("beats", {}) if "config" in description else {}
    is_causal = description.get("causal", beats.get("segmentation") == CAUSAL_SEGMENTATION)
    return {"causal": bool(is_causal)}


def _n_classes(weights: Mapping[str, Tensor]) -> int:
    """The number of classes: the length of the last bias of the head."""
    biases = [weights[key] for key in weights if _HEAD_BIAS.fullmatch(key)]
    if not biases:
        raise KeyError("head.bias")
    return len(biases[-1])


def _check_types(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Refuse whole numbers where real ones are expected; weights of a bfloat16 run are real."""
    for name, value in weights.items():
        if name in own and value.is_floating_point() != own[name].is_floating_point():
            raise TypeError(f"{name} is {value.dtype}, expected {own[name].dtype}")


def _network_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a classifier's state dict that belong to its network."""
    prefix = "network."
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }
