"""What the command line's arguments name: shipped configs, networks and checkpoints, found and checked before anything is begun."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml

from ecg_lightning import models
from ecg_lightning.checkpoints import checkpoint_path
from ecg_lightning.classifier import BeatClassifier
from ecg_lightning.errors import InputError


def config_names() -> list[str]:
    """The configs inside the package."""
    return sorted(path.name for path in resources.files("ecg_lightning").joinpath("configs").iterdir() if path.name.endswith(".yaml"))


def resolved(args: Sequence[str]) -> list[str]:
    """The arguments with paths for the names of shipped configs and weights, and import paths for our networks' names."""
    networks = {"--model.network": _network, "--model.network.class_path": _network}
    resolve = {"--config": _config, "-c": _config, **networks, "--ckpt_path": lambda name: str(checkpoint_path(name))}
    found = list(args)
    for i, word in enumerate(found):
        flag, equals, value = word.partition("=")
        if flag not in resolve:
            continue
        place, prefix = (i, f"{flag}=") if equals else (i + 1, "")
        if place >= len(found):
            raise InputError(f"{flag}: expected a value behind it, found the end of the command; name one")
        found[place] = prefix + resolve[flag](value if equals else found[place])
    return found


def _network(name: str) -> str:
    """Torch has a Conv2d too."""
    return f"{models.__name__}.{name}" if name in models.__all__ else name


def _config(name: str) -> str:
    packaged = resources.files("ecg_lightning").joinpath("configs", name)
    if Path(name).name == name and not Path(name).is_file() and packaged.is_file():
        return str(packaged)
    if not Path(name).is_file():
        raise InputError(f"config {name}: no such file, and no shipped config of that name; shipped are {', '.join(config_names())}")
    try:
        settings = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"config {name}: expected a YAML file, found: {' '.join(str(error).split())}; correct the file") from error
    if not isinstance(settings, dict):
        raise InputError(f"config {name}: expected settings such as `data:`, found {type(settings).__name__}; start from a shipped config")
    return name


KEPT = "a run keeps its checkpoints in RUN/checkpoints/best.ckpt and last.ckpt"


def checked_checkpoint(name: str | None, verb: str, advice: str = KEPT) -> dict[str, Any] | None:
    """The checkpoint's content, if one is named.

    Refuses one that is not there or not ours, and to judge a network that nobody has trained.
    """
    if verb in ("fit", "prepare") and name is None:
        return None
    if name is None:
        raise InputError(f"ckpt_path: expected the checkpoint to {verb}, found none; give --ckpt_path: {advice}")
    if not Path(name).is_file():
        raise InputError(f"ckpt_path {name}: expected a checkpoint, found no such file; {advice}")
    try:
        content: dict[str, Any] = torch.load(name, map_location="cpu", weights_only=True)
        content["state_dict"], content["pytorch-lightning_version"]
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        found = f"found a file that cannot be read as one ({type(error).__name__})"
        raise InputError(f"ckpt_path {name}: expected a checkpoint of this program, {found}; {advice}") from error
    return content


def check_weights(name: str, checkpoint: Mapping[str, Any], model: BeatClassifier) -> None:
    """Refuses the checkpoint of another network before anything is written."""
    states = checkpoint["state_dict"], model.state_dict()
    shapes, expected = ({key: tuple(tensor.shape) for key, tensor in of.items()} for of in states)
    if wrong := [key for key in {**expected, **shapes} if shapes.get(key) != expected.get(key)]:
        raise InputError(
            f"ckpt_path {name}: expected the weights of {type(model.network).__name__}, found others: {wrong[0]} is "
            f"{shapes.get(wrong[0], 'not there')}, expected {expected.get(wrong[0], 'none')}, and {len(wrong) - 1} more; use the "
            "config.yaml of the run that wrote it"
        )
