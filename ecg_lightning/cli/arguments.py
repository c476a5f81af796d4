"""What arguments name: shipped configs, networks and checkpoints, checked before a run begins."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from ecg_lightning import models
from ecg_lightning.cli.named_settings import CONFIGS
from ecg_lightning.cli.own_network import import_networks
from ecg_lightning.cli.yaml_values import check_words, load_yaml, read_config
from ecg_lightning.errors import InputError
from ecg_lightning.training.checkpoints import checkpoint_path
from ecg_lightning.training.run_settings import paths_in, working_folder


def config_names() -> list[str]:
    """Return the names of the configs in the package."""
    return sorted(
        path.name
        for path in resources.files("ecg_lightning").joinpath("configs").iterdir()
        if path.name.endswith(".yaml")
    )


def resolved(args: Sequence[str]) -> list[str]:
    """Return the arguments with full names, and import the networks that they name.

    A network of the user may lie in the current folder.

    Args:
        args: The command line, without the program's name.

    Raises:
        InputError: There is no such config, or a network cannot be imported.
    """
    result = with_full_names(args)
    import_networks(result)
    return result


def with_full_names(args: Sequence[str]) -> list[str]:
    """Return the arguments with full names.

    Names of shipped configs and weights become paths. Names of this package's networks become
    import paths. Relative paths of data in the config.yaml of a run, whose command was given in
    another folder, become arguments behind the config. Configs come first, so that what the command
    itself says counts, wherever it stands.

    Args:
        args: The command line, without the program's name.

    Raises:
        InputError: There is no such config.
    """
    resolve = {
        "--config": _config,
        "-c": _config,
        "--model.network": _network,
        "--model.network.class_path": _network,
        "--ckpt_path": lambda name: str(checkpoint_path(name, _cache_dir(args))),
    }
    check_words(args)
    result = list(args)
    for i, word in enumerate(result):
        flag, equals, value = word.partition("=")
        if flag not in resolve:
            continue
        place, prefix = (i, f"{flag}=") if equals else (i + 1, "")
        if place >= len(result):
            raise InputError(
                flag, expected="a value after it", found="the end of the command", hint="add one"
            )
        result[place] = prefix + resolve[flag](value if equals else result[place])
    return [part for word in _with_configs(_configs_first(result)) for part in word]


def _configs_first(args: Sequence[str]) -> list[str]:
    """The arguments with the configs behind the verb, in their order."""
    verb = list(args[:1]) if args and not args[0].startswith("-") else []
    configs, others, is_value = list[str](), list[str](), False
    for word in args[len(verb) :]:
        is_config = is_value or word.partition("=")[0] in CONFIGS
        (configs if is_config else others).append(word)
        is_value = not is_value and word in CONFIGS
    return [*verb, *configs, *others]


def _with_configs(args: Sequence[str]) -> Iterator[list[str]]:
    """Each word, with the places of its data behind a config of a run."""
    for before, word in zip(["", *args], args, strict=False):
        flag, equals, value = word.partition("=")
        config = value if equals and flag in CONFIGS else word if before in CONFIGS else ""
        yield [word, *(_places_of_run(Path(config)) if config else [])]


def _places_of_run(config: Path) -> list[str]:
    """Arguments for the relative paths of a run's config.yaml that lie below another folder.

    They are relative to the folder of the run's command, which the file notes.
    """
    text = config.read_text(encoding="utf-8")
    start, data = working_folder(text), load_yaml(text).get("data")
    if start in (None, Path.cwd()) or not isinstance(data, Mapping):
        return []
    words = []
    for name, paths in paths_in(data).items():
        places = [path and _below(start, path) for path in paths]
        if places != paths:
            value = places[0] if len(places) == 1 else json.dumps(places)
            words.append(f"--data.{name}={value}")
    return words


def _below(start: Path | None, path: str) -> str:
    """A relative path of a run below the folder of its command, where it exists there."""
    if start is None or Path(path).is_absolute() or not (start / path).exists():
        return path
    return str(start / path)


def _cache_dir(args: Sequence[str]) -> Path | None:
    """The cache that the command names."""
    words = [part for word in args for part in word.split("=", 1)]
    flag = "--data.cache_dir"
    after = words.index(flag) + 1 if flag in words else len(words)
    return Path(words[after]) if after < len(words) else None


def plain_values(settings: Namespace | None) -> dict[str, Any]:
    """Return the arguments of a class without jsonargparse's notes.

    Such a note is the file that `--data FILE` was read from.

    Args:
        settings: The parsed arguments of the class; None for a section without values.
    """
    values = settings.items() if settings is not None else ()
    return {name: value for name, value in values if not name.startswith("__")}


def _network(name: str) -> str:
    """The import path of a network of this package; torch has a Conv2d too."""
    return f"ecg_lightning.models.{name}" if name in models.NETWORKS else name


def _config(name: str) -> str:
    packaged = resources.files("ecg_lightning").joinpath("configs", name)
    if Path(name).name == name and not Path(name).is_file() and packaged.is_file():
        return str(packaged)
    if not os.path.lexists(name):
        raise InputError(
            f"config {name}",
            expected="a file, or the name of a shipped config",
            found="no such file",
            hint=f"shipped are {', '.join(config_names())}",
            setting="config",
        )
    read_config(Path(name))
    return name
