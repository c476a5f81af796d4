"""The ranges of the Trainer's settings that Lightning itself does not check."""

import math
import os
from collections.abc import Callable
from typing import Any

from ecg_lightning.errors import InputError

MOST_DEVICES = max(64, os.cpu_count() or 1)


def _at_least(least: float) -> Callable[[Any], bool]:
    return lambda value: math.isfinite(value) and value >= least


def _devices(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        value = int(value) if len(value) < 20 else 0
    return not isinstance(value, int) or value == -1 or 0 < value <= MOST_DEVICES


def _limit(value: Any) -> bool:
    return bool(value == -1 or value >= 1)


def _interval(value: Any) -> bool:
    return not isinstance(value, int | float) or (math.isfinite(value) and value > 0)


TRAINER: dict[str, tuple[Callable[[Any], bool], str]] = {
    "accumulate_grad_batches": (_at_least(1), "at least 1"),
    "gradient_clip_val": (_at_least(0), "0 or a positive number"),
    "check_val_every_n_epoch": (_at_least(1), "at least 1"),
    "val_check_interval": (_interval, "a positive number"),
    "limit_train_batches": (_interval, "a positive number"),
    "devices": (_devices, f"1 to {MOST_DEVICES}"),
    "num_nodes": (_at_least(1), "at least 1"),
    "log_every_n_steps": (_at_least(0), "at least 0"),
    "num_sanity_val_steps": (_at_least(-1), "at least -1"),
    "max_epochs": (_limit, "at least 1, or -1 for no limit"),
    "max_steps": (_limit, "at least 1, or -1 for no limit"),
}
EARLY_STOPPING: dict[str, tuple[Callable[[Any], bool], str]] = {
    "patience": (_at_least(0), "at least 0"),
    "min_delta": (_at_least(0), "at least 0"),
    "stopping_threshold": (math.isfinite, "a finite number"),
    "divergence_threshold": (math.isfinite, "a finite number"),
}


def check_trainer(settings: Any) -> None:
    """Refuse settings of the Trainer that make no training, or a worthless one.

    Args:
        settings: The parsed `trainer` section.

    Raises:
        InputError: A setting is out of its range.
    """
    _check("trainer", settings, TRAINER)


def check_callbacks(settings: Any) -> None:
    """Refuse settings of the early stopping that nothing can meet.

    Args:
        settings: The parsed `early_stopping` section.

    Raises:
        InputError: A setting is out of its range.
    """
    _check("early_stopping", settings, EARLY_STOPPING)


def _check(
    section: str, settings: Any, ranges: dict[str, tuple[Callable[[Any], bool], str]]
) -> None:
    for name, (allowed, expected) in ranges.items():
        value = settings.get(name)
        if value is not None and not _allowed(allowed, value):
            raise InputError(
                f"{section}.{name}",
                expected=expected,
                found=str(value)[:60],
                hint=f"change --{section}.{name}",
            )


def _allowed(allowed: Callable[[Any], bool], value: Any) -> bool:
    try:
        return allowed(value)
    except (TypeError, OverflowError):  # a list of devices; a number of 400 digits
        return isinstance(value, list | str)  # for Lightning to check
