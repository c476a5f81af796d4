"""Which settings a command names: on the command line, or in a config that it names."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.cli.verbs import TRAINER_VERBS
from ecg_lightning.system.input_files import read_input
from ecg_lightning.training.run_settings import MOST_BYTES, flat

CONFIGS = ("--config", "-c")
GROUPS = ("data", "model", "trainer", "optimizer", "lr_scheduler", "batch_norm")


class Named(NamedTuple):
    """The dotted names of the settings that a command names, such as `data.fs_hz`.

    Attributes:
        typed: Those on the command line.
        in_configs: Those in the configs that the command line names.
    """

    typed: frozenset[str]
    in_configs: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether a setting, or one below it, is named."""
        below = f"{name}."
        return any(key == name or key.startswith(below) for key in (*self.typed, *self.in_configs))


def named_settings(args: Sequence[str]) -> Named:
    """Return the names of the settings that a command names.

    Args:
        args: The command line, with paths for the names of configs.
    """
    typed, in_configs = set[str](), set[str]()
    for flag, value in flag_values(args):
        name = flag.lstrip("-").rstrip("+").replace("-", "_")
        if flag in CONFIGS:
            in_configs.update(_of_config(_content(value)))
        elif name in GROUPS and isinstance(settings := _content(value), Mapping):
            typed.update(f"{name}.{key}" for key in flat(settings, ()))
        else:
            typed.add(name)
    return Named(frozenset(typed), frozenset(in_configs))


def _of_config(content: Any) -> Iterator[str]:
    """The names in a config; those of a verb may lie below its name."""
    if isinstance(content, Mapping):
        yield from flat(content, ())
        for verb in TRAINER_VERBS:
            yield from _of_config(content.get(verb))


def _content(value: str) -> Any:
    """The content of a YAML file, or of a text that is YAML; None where it is neither."""
    try:
        text = read_input(Path(value), MOST_BYTES) if Path(value).is_file() else value
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
