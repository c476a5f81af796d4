"""What the command line's arguments name: shipped configs, networks and checkpoints, found and checked before anything is begun."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import yaml

from ecg_lightning import models
from ecg_lightning.errors import InputError
from ecg_lightning.training.checkpoints import checkpoint_path


def config_names() -> list[str]:
    """The configs inside the package."""
    return sorted(
        path.name
        for path in resources.files("ecg_lightning").joinpath("configs").iterdir()
        if path.name.endswith(".yaml")
    )


def resolved(args: Sequence[str]) -> list[str]:
    """The arguments with paths for the names of shipped configs and weights, and import paths for our networks' names."""
    networks = {"--model.network": _network, "--model.network.class_path": _network}
    resolve = {
        "--config": _config,
        "-c": _config,
        **networks,
        "--ckpt_path": lambda name: str(checkpoint_path(name)),
    }
    found = list(args)
    for i, word in enumerate(found):
        flag, equals, value = word.partition("=")
        if flag not in resolve:
            continue
        place, prefix = (i, f"{flag}=") if equals else (i + 1, "")
        if place >= len(found):
            raise InputError(
                f"{flag}: expected a value behind it, found the end of the command; name one"
            )
        found[place] = prefix + resolve[flag](value if equals else found[place])
    return found


def _network(name: str) -> str:
    """Torch has a Conv2d too."""
    return f"ecg_lightning.models.{name}" if name in models.NETWORKS else name


def _config(name: str) -> str:
    packaged = resources.files("ecg_lightning").joinpath("configs", name)
    if Path(name).name == name and not Path(name).is_file() and packaged.is_file():
        return str(packaged)
    if not Path(name).is_file():
        raise InputError(
            f"config {name}: no such file, and no shipped config of that name; shipped are {', '.join(config_names())}"
        )
    try:
        settings = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"config {name}: expected a YAML file, found: {' '.join(str(error).split())}; correct the file"
        ) from error
    if not isinstance(settings, dict):
        raise InputError(
            f"config {name}: expected settings such as `data:`, found {type(settings).__name__}; start from a shipped config"
        )
    return name
