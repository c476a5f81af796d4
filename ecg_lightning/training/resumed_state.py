"""The state of a training in a checkpoint, checked before a run resumes from it.

Lightning and torch copy most entries into their objects without a look at them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ecg_lightning.models import entries
from ecg_lightning.models.checkpoint_file import CheckpointError
from ecg_lightning.training.callbacks.batch_norm_statistics import MOVING
from ecg_lightning.training.callbacks.running_metrics import RUNNING

_COUNTS = {"ready": entries.count, "completed": entries.count}
_STARTED = {**_COUNTS, "started": entries.count}
_PROCESSED = {**_STARTED, "processed": entries.count}


def _progress(counts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"total": counts, "current": counts, **more}


_BATCHES = _progress(_PROCESSED, is_last_batch=entries.flag)
_OPTIMIZER = {"optimizer": {"step": _progress(_COUNTS), "zero_grad": _progress(_STARTED)}}
FIT_LOOP = {
    "epoch_progress": _progress(_PROCESSED),
    "epoch_loop.state_dict": {"_batches_that_stepped": entries.count},
    "epoch_loop.batch_progress": _BATCHES,
    "epoch_loop.scheduler_progress": _progress(_COUNTS),
    "epoch_loop.automatic_optimization.optim_progress": _OPTIMIZER,
    "epoch_loop.manual_optimization.optim_step_progress": _progress(_COUNTS),
    "epoch_loop.val_loop.batch_progress": _BATCHES,
}
LOADER = {
    **dict.fromkeys(("batches", "of", "beats", "batch_size", "devices"), entries.count),
    "seed": entries.whole,
}


def _score(value: Any) -> bool:
    return value is None or entries.scalar(value)


_BEST_FILES = {
    "best_model_score": _score,
    "best_model_path": entries.text,
    "current_score": _score,
    "dirpath": entries.optional(entries.text),
    "best_k_models": lambda value: (
        isinstance(value, dict)
        and all(entries.text(path) and entries.scalar(score) for path, score in value.items())
    ),
    "kth_best_model_path": entries.text,
    "kth_value": entries.scalar,
    "last_model_path": entries.text,
    "monitor": entries.optional(entries.text),
}
_EARLY_STOPPING = {
    "wait_count": entries.count,
    "stopped_epoch": entries.count,
    "best_score": entries.scalar,
    "patience": entries.count,
    "stopping_reason": lambda value: type(value) is int and 0 <= value <= 4,
    "stopping_reason_message": entries.optional(entries.text),
}
CALLBACKS = {  # by the beginning of their keys
    "BestCheckpoint": _BEST_FILES,
    "ModelCheckpoint": _BEST_FILES,
    "EarlyStopping": _EARLY_STOPPING,
}
OWN_CALLBACKS = {*CALLBACKS, "RunFolder"}
FLAGS = ("amsgrad", "capturable", "differentiable", "maximize")  # of optimisers: other rules
ADAM = {"step", "exp_avg", "exp_avg_sq"}  # what it keeps of each parameter
_SCALER = {
    "scale": entries.number,
    "growth_factor": entries.number,
    "backoff_factor": entries.number,
    "growth_interval": entries.count,
    "_growth_tracker": entries.count,
}


def check_state(content: Mapping[str, Any]) -> None:
    """Refuse the checkpoint of a training whose state is of unknown kinds.

    Args:
        content: From `read_checkpoint`.

    Raises:
        CheckpointError: What is wrong with it.
    """
    for name in ("epoch", "global_step"):
        entries.check(entries.entry(content, name), entries.count, name)
    for name, kind in FIT_LOOP.items():
        place = f"loops.fit_loop.{name}"
        entries.check(entries.entry(content, "loops", "fit_loop", name), kind, place)
    for loader in _loaders(content):
        known = {key: value for key, value in loader.items() if key != "epoch"}
        entries.check(known, LOADER, "combined_loader")
        entries.check(loader.get("epoch", 0), entries.count, "combined_loader.epoch")
    _check_callbacks(content.get("callbacks", {}))
    _check_running(content.get(RUNNING))
    _check_moving(content)
    _check_optimizers(content)
    if content.get("MixedPrecision"):
        entries.check(content["MixedPrecision"], _SCALER, "MixedPrecision")


def loaded_epochs(content: Mapping[str, Any]) -> int | None:
    """Return for how many epochs a checkpoint's weights were trained; None before any.

    Raises:
        CheckpointError: The file does not say so.
    """
    place = ("loops", "fit_loop", "epoch_progress", "current", "processed")
    epochs, steps = entries.entry(content, *place), entries.entry(content, "global_step")
    entries.check(epochs, entries.count, ".".join(place))
    entries.check(steps, entries.count, "global_step")
    return epochs if steps else None


def _loaders(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    state = content["loops"]["fit_loop"].get("state_dict", {})
    if not isinstance(state, dict):
        raise entries.refused("loops.fit_loop.state_dict", state)
    loaders = state.get("combined_loader", [])
    if not isinstance(loaders, list) or not all(isinstance(one, dict) for one in loaders):
        raise entries.refused("combined_loader", loaders)
    return loaders


def _check_callbacks(callbacks: Any) -> None:
    """The states of this program's callbacks; those of others are their own matter."""
    if not isinstance(callbacks, dict):
        raise entries.refused("callbacks", callbacks)
    for key, state in callbacks.items():
        name = str(key).partition("{")[0]
        if name in CALLBACKS:
            entries.check(state, CALLBACKS[name], f"callbacks.{name}")
        elif name == "RunFolder":
            _check_history(entries.entry(state, "history"))


def _check_history(rows: Any) -> None:
    if not isinstance(rows, list):
        raise entries.refused("history", rows)
    for row in rows:
        entries.check(entries.entry(row, "epoch"), entries.count, "history.epoch")
        for key, value in row.items():
            entries.check(value, entries.number, f"history.{key}"[:60])


def _check_running(running: Any) -> None:
    """The counts of the training part: a number and a matrix of each rank."""
    if running is None:
        return
    states, result = (
        entries.entry({RUNNING: running}, RUNNING, key) for key in ("states", "result")
    )
    kinds = {"loss.sum_value": (1, True), "matrix.confmat": (3, False)}  # dimensions, real numbers
    for name, (dimensions, real) in kinds.items():
        value = entries.entry({RUNNING: states}, RUNNING, name)
        shape = value.shape[1:] if isinstance(value, Tensor) else None
        square = shape is not None and len(set(shape)) <= 1
        if not square or value.dim() != dimensions or value.is_floating_point() != real:
            raise entries.refused(f"{RUNNING}.{name}", value)
    if set(states) != set(kinds):
        raise entries.refused(f"{RUNNING}.states", states)
    if result is None:
        return
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise entries.refused(f"{RUNNING}.result", result)
    confusion, loss = result
    matrix = states["matrix.confmat"]
    if not isinstance(confusion, Tensor) or confusion.shape != matrix.shape[1:]:
        raise entries.refused(f"{RUNNING}.result", confusion)
    entries.check(loss, entries.number, f"{RUNNING}.result")


def _check_moving(content: Mapping[str, Any]) -> None:
    """The moving statistics of the training: real numbers instead of the measured ones."""
    moving = content.get(MOVING, {})
    if not isinstance(moving, dict):
        raise entries.refused(MOVING, moving)
    for name, value in moving.items():
        place, measured = f"{MOVING}.{name}"[:60], content["state_dict"].get(name)
        real = isinstance(value, Tensor) and value.is_floating_point()
        if not real or measured is None or value.shape != measured.shape:
            raise entries.refused(place, value)
        low = "var" in str(name) and bool((value < 0).any())
        if low or not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{place} with numbers that are no statistics")


def _check_optimizers(content: Mapping[str, Any]) -> None:
    states, schedules = content.get("optimizer_states"), content.get("lr_schedulers")
    for name, value in (("optimizer_states", states), ("lr_schedulers", schedules)):
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise entries.refused(name, value)
    for state in states or ():
        groups = entries.entry(state, "param_groups")
        if not isinstance(groups, list):
            raise entries.refused("optimizer_states.param_groups", groups)
        for group in groups:
            _check_group(group)
        _check_moments(entries.entry(state, "state"))


def _check_group(group: Any) -> None:
    place = "optimizer_states.param_groups"
    entries.check(entries.entry(group, "params"), [entries.count], f"{place}.params")
    for key, value in group.items():
        if not entries.plain(value) and not entries.scalar(value):
            raise entries.refused(f"{place}.{key}"[:60], value)
    entries.check(group.get("steps", 0), entries.count, f"{place}.steps")


def _check_moments(moments: Any) -> None:
    """What an optimiser keeps of each parameter, by the parameter's number."""
    if not isinstance(moments, dict):
        raise entries.refused("optimizer_states.state", moments)
    for number, values in moments.items():
        place = f"optimizer_states.state.{number}"[:60]
        if not entries.count(number) or not isinstance(values, dict):
            raise entries.refused(place, values)
        for key, value in values.items():
            real = isinstance(value, Tensor) and value.is_floating_point()
            if real and not bool(torch.isfinite(value).all()):
                raise CheckpointError(f"{place}.{key} with numbers that are not finite")
            if (
                key in ("step", "exp_avg_sq")
                and isinstance(value, Tensor)
                and bool((value < 0).any())
            ):
                raise CheckpointError(f"{place}.{key} with numbers below 0")


def check_optimizer(
    content: Mapping[str, Any], optimizers: list[Any], schedulers: list[Any]
) -> None:
    """Refuse the state of another optimiser or schedule than the run's.

    Args:
        content: A checked checkpoint.
        optimizers: The run's optimisers.
        schedulers: The run's learning rate schedules.

    Raises:
        CheckpointError: What differs.
    """
    saved = content["optimizer_states"]
    if len(saved) != len(optimizers):
        raise CheckpointError("the state of another number of optimisers")
    for state, optimizer in zip(saved, optimizers, strict=True):
        _check_groups(state, optimizer)
    for state, scheduler in zip(content["lr_schedulers"], schedulers, strict=False):
        own = scheduler.state_dict()
        if state.keys() != own.keys() or any(_other(key, state[key], own[key]) for key in own):
            raise CheckpointError("the state of another learning rate schedule")


def _check_groups(state: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> None:
    groups, own = state["param_groups"], optimizer.param_groups
    if len(groups) != len(own):
        raise CheckpointError(f"the state of an optimiser of {len(groups)} groups of parameters")
    parameters: list[Tensor] = []
    for saved, group in zip(groups, own, strict=True):
        if len(saved["params"]) != len(group["params"]):
            raise CheckpointError("the state of an optimiser of other parameters")
        if group.keys() - saved.keys() or any(
            _other(key, saved[key], group[key]) for key in group if key != "params"
        ):
            raise CheckpointError("the state of another optimiser")
        parameters += group["params"]
    numbers = [number for group in groups for number in group["params"]]
    if len(set(numbers)) < len(numbers):
        raise CheckpointError("the state of an optimiser of other parameters")
    needed = ADAM if isinstance(optimizer, torch.optim.Adam) else set()
    for number, parameter in zip(numbers, parameters, strict=True):
        values = state["state"].get(number, {})
        if values and needed - values.keys():
            raise CheckpointError("the state of another optimiser")
        for key, value in values.items():
            if isinstance(value, Tensor) and not _fits(value, key, parameter, optimizer):
                raise entries.refused(f"optimizer_states.state.{number}.{key}"[:60], value)


def _fits(value: Tensor, key: str, parameter: Tensor, optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimiser can keep a tensor of this shape of a parameter."""
    if key in ADAM - {"step"}:
        return value.shape == parameter.shape
    if isinstance(optimizer, torch.optim.LBFGS):  # it keeps all parameters as one row
        return True
    # Adafactor keeps sums over rows and columns.
    sizes = zip(value.shape, parameter.shape, strict=False)
    is_part = value.dim() == parameter.dim() and all(own in (1, size) for own, size in sizes)
    return value.dim() == 0 or is_part


def _other(key: str, saved: Any, own: Any) -> bool:
    """Whether a saved value cannot replace the optimiser's own."""
    if key in FLAGS:
        return saved is not own
    if own is None or saved is None:
        return False
    if isinstance(own, bool | str):
        return type(saved) is not type(own)
    if isinstance(own, int | float):
        return isinstance(saved, bool) or not isinstance(saved, int | float | Tensor)
    if isinstance(own, tuple | list):
        return not isinstance(saved, tuple | list) or len(saved) != len(own)
    return False
