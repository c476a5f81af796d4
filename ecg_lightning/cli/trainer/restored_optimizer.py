"""The optimiser of a new run that begins with a checkpoint: the command wins over the file."""

from collections.abc import Mapping
from typing import Any

from ecg_lightning.cli.named_settings import Named
from ecg_lightning.cli.trainer.trained_settings import ADAM, TrainedSettings
from ecg_lightning.errors import InputError
from ecg_lightning.nested import value_at
from ecg_lightning.training.callbacks.changed_optimizer import ChangedOptimizer

OURS = "KerasAdam"
IN_GROUP = {"learning_rate": "lr"}  # names of BeatClassifier's settings in a parameter group
HINT = {
    "optimizer": "name the checkpoint's optimizer, or begin without the checkpoint (--optimizer)",
    "lr_scheduler": "name the checkpoint's schedule, or begin without the checkpoint "
    "(--lr_scheduler)",
}


def changed_optimizer(
    trained: TrainedSettings, content: Mapping[str, Any], settings: Any, named: Named
) -> ChangedOptimizer:
    """Return what the command changes of the optimiser and the schedule of a checkpoint.

    Settings that are those of the checkpoint's own run stay as the checkpoint has them, which a
    schedule may have changed.

    Args:
        trained: What the checkpoint says about its training.
        content: The checkpoint.
        settings: Of the command.
        named: The settings that it names.

    Raises:
        InputError: The checkpoint is of another optimiser or schedule.
    """
    theirs = {**_optimizer(trained.config, content), **_schedule(trained.config)}
    ours = {name: _class(_plain(settings.get(name))) for name in ("optimizer", "lr_scheduler")}
    ours["optimizer"] = ours["optimizer"] or OURS
    for name, value in theirs.items():
        new_schedule = name == "lr_scheduler" and value is None
        if value != ours[name] and not new_schedule:
            raise InputError(
                f"ckpt_path {trained.checkpoint}",
                expected=f"the state of {ours[name] or 'no schedule'}",
                found=f"that of {value or 'another optimizer'}",
                hint=HINT[name],
            )
    if ours["optimizer"] == OURS:
        before, now = value_at(trained.config, "model") or {}, _plain(settings.model)
        values = {name: now[name] for name in ADAM if named.has(f"model.{name}")}
    else:
        before, values = _arguments(trained.config, settings, named, "optimizer")
    return ChangedOptimizer(
        {IN_GROUP.get(name, name): _plain(value) for name, value in _new(values, before).items()},
        _new(*reversed(_arguments(trained.config, settings, named, "lr_scheduler"))),
    )


def _optimizer(config: Any, content: Mapping[str, Any]) -> dict[str, str | None]:
    """The class of the checkpoint's optimiser, None for one that is not known; {} without one."""
    states = content.get("optimizer_states")
    if not isinstance(states, list) or not states:
        return {}
    groups = value_at(states[0], "param_groups") or [{}]
    ours = OURS if {"epsilon", "steps"} <= groups[0].keys() else None
    return {"optimizer": _class(value_at(config, "optimizer")) or ours}


def _schedule(config: Any) -> dict[str, str | None]:
    """The class of the checkpoint's schedule, where the checkpoint tells."""
    known = isinstance(config, Mapping) and "lr_scheduler" in config
    return {"lr_scheduler": _class(config["lr_scheduler"])} if known else {}


def _class(settings: Any) -> str | None:
    path = value_at(settings, "class_path")
    return path.rpartition(".")[2] if isinstance(path, str) else None


def _arguments(
    config: Any, settings: Any, named: Named, name: str
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The arguments of the checkpoint's class, and those that the command names."""
    before = value_at(config, name, "init_args") or {}
    now = value_at(_plain(settings.get(name)), "init_args") or {}
    return before, {
        key: value
        for key, value in now.items()
        if named.has(f"{name}.{key}") or named.has(f"{name}.init_args.{key}")
    }


def _new(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the run of the checkpoint did not have."""
    return {
        name: value
        for name, value in values.items()
        if name not in before or _comparable(before[name]) != _comparable(value)
    }


def _comparable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """A namespace of jsonargparse as a dictionary."""
    return value.as_dict() if hasattr(value, "as_dict") else value
