"""Learning rate schedules that end before the training does."""

from typing import Any

import lightning

from ecg_lightning.errors import InputError


def check_schedules(trainer: lightning.Trainer) -> None:
    """Refuse a schedule with fewer steps than the training, such as a short OneCycleLR.

    It would fail after its last step, in the middle of the training.

    Args:
        trainer: A Trainer that is about to train.

    Raises:
        InputError: A schedule is too short.
    """
    for config in trainer.lr_scheduler_configs:
        total: Any = getattr(config.scheduler, "total_steps", None)
        if not isinstance(total, int):
            continue
        by_step = config.interval == "step"
        needed = trainer.estimated_stepping_batches if by_step else _epochs(trainer)
        if total < needed:
            raise InputError(
                f"total_steps of {type(config.scheduler).__name__}",
                expected=f"at least {needed:,}, the {config.interval}s of the training",
                found=f"{total:,}",
                hint="change it, or the number of epochs",
                setting="lr_scheduler",
            )


def _epochs(trainer: lightning.Trainer) -> float:
    """The epochs of a training; infinity without a limit."""
    limit = trainer.max_epochs
    return float("inf") if limit is None or limit < 0 else limit
