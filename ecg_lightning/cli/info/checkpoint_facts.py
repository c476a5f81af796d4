"""What `info` tells of a checkpoint: its network, its beats and how it was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecg_lightning.annotation.classifying.known_beats import checked, known_beats
from ecg_lightning.cli.text_table import wrapped
from ecg_lightning.models import entries
from ecg_lightning.models.checkpoint import DESCRIPTION, read_checkpoint
from ecg_lightning.models.checkpoint_file import CheckpointError
from ecg_lightning.nested import value_at
from ecg_lightning.text import counted, escaped, printed_path

_LABEL = 13  # cells of the longest label and the gap after it
_EPOCHS = ("loops", "fit_loop", "epoch_progress", "current", "processed")
_NOT_SHOWN = (None, False)  # values of arguments that change nothing


def checkpoint_json(path: str) -> dict[str, Any]:
    """Return what a checkpoint says about itself, for programs.

    Returns:
        `path`, `format`, `parameters`, `epochs` and `steps` of its training, and its description:
        `version`, `network`, `input_length`, `classes` and `config`, the settings.

    Raises:
        InputError: It is no checkpoint of this program.
    """
    content = read_checkpoint(Path(path))
    return {
        "path": path,
        "format": "checkpoint",
        "parameters": sum(
            value.numel()
            for name, value in content["state_dict"].items()
            if name.startswith("network.") and value.is_floating_point()
        ),
        "epochs": _count(content, *_EPOCHS),
        "steps": _count(content, "global_step"),
        **content[DESCRIPTION],
    }


def checkpoint_block(facts: Mapping[str, Any], width: int) -> list[str]:
    """Return the lines about one checkpoint.

    Args:
        facts: From `checkpoint_json`.
        width: The cells of the terminal.

    Raises:
        InputError: Its settings of beats are none of this program.
    """
    lines = [printed_path(facts["path"])]
    for label, value in _rows(facts).items():
        text = wrapped(escaped(value, 2000), max(1, width - _LABEL)) if value else []
        labels = [label, *[""] * len(text)]
        lines += [f"{name:{_LABEL}}{line}" for name, line in zip(labels, text, strict=False)]
    return lines


def _rows(facts: Mapping[str, Any]) -> dict[str, str]:
    """Label -> text; an empty text is not shown."""
    config = facts["config"]
    beats = checked(known_beats(config), facts["path"])
    samples = facts.get("input_length")
    return {
        "format": f"checkpoint of ecg-lightning {facts['version']}",
        "network": f"{facts['network']} ({counted(facts['parameters'], 'parameter')}"
        f"{f', input length {samples}' if isinstance(samples, int) else ''})",
        "classes": " ".join(facts["classes"]),
        "trained": f"{counted(facts['epochs'], 'epoch')}, {counted(facts['steps'], 'step')}",
        "beats": _named(beats),
        "loss": _class(value_at(config, "model", "loss")) or "cross-entropy",
        "optimizer": _class(value_at(config, "optimizer")) or _adam(config),
        "schedule": _schedule(config),
        "trainer": _named(value_at(config, "trainer")),
        "seeds": _seeds(config),
    }


def _count(content: Mapping[str, Any], *names: str) -> int:
    try:
        value = entries.entry(content, *names)
    except CheckpointError:
        return 0
    return value if entries.count(value) else 0


def _named(values: Any) -> str:
    """Settings as `name value, name value`, without those that change nothing."""
    if not isinstance(values, Mapping):
        return ""
    shown = {name: value for name, value in values.items() if value not in _NOT_SHOWN}
    return ", ".join(f"{name} {_text(value)}" for name, value in shown.items())


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _class(settings: Any) -> str:
    """A class and its arguments, such as `AdamW (lr 0.001)`; empty without one."""
    path = value_at(settings, "class_path")
    if not isinstance(path, str):
        return ""
    arguments = _named(value_at(settings, "init_args"))
    name = path.rpartition(".")[2] if path.startswith(("torch.", "lightning.", "ecg_l")) else path
    return f"{name} ({arguments})" if arguments else name


def _adam(config: Any) -> str:
    names = {"learning_rate": "lr", "betas": "betas", "epsilon": "epsilon"}
    values = {names[name]: value_at(config, "model", name) for name in names}
    text = _named(values)
    return f"Keras's Adam ({text})" if text else ""


def _schedule(config: Any) -> str:
    schedule = _class(value_at(config, "lr_scheduler"))
    return f"{schedule}, by {value_at(config, 'lr_interval') or 'epoch'}" if schedule else ""


def _seeds(config: Any) -> str:
    seeds = {
        "weights": value_at(config, "seed_everything"),
        "draws": value_at(config, "data", "seed"),
        "split": value_at(config, "data", "split_seed"),
    }
    return ", ".join(f"{name} {value}" for name, value in seeds.items() if value is not None)
