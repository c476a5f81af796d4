"""The settings of an optimiser that a new run changes after it has restored a checkpoint."""

from collections.abc import Mapping
from typing import Any

import lightning


class ChangedOptimizer(lightning.Callback):
    """Let the settings of the command replace those of the restored optimiser and schedule.

    Moments and step counts stay as restored. Where there is a schedule, the learning rate is its
    base: the present rate changes by the same factor.

    Args:
        optimizer: Names in the optimiser's parameter groups, such as `lr`, and their values.
        scheduler: Attributes of the schedule, such as `T_max`, and their values.
    """

    def __init__(
        self,
        optimizer: Mapping[str, Any] | None = None,
        scheduler: Mapping[str, Any] | None = None,
    ) -> None:
        """See the class."""
        self.optimizer, self.scheduler = dict(optimizer or {}), dict(scheduler or {})

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Change them; Lightning has restored the checkpoint by now."""
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                self._change(group)
        for config in trainer.lr_scheduler_configs:
            self._change_schedule(config.scheduler)

    def _change(self, group: dict[str, Any]) -> None:
        for name, value in self.optimizer.items():
            if name == "lr" and group.get("initial_lr"):
                group["lr"] *= value / group["initial_lr"]
                group["initial_lr"] = value
            elif name in group:
                group[name] = value

    def _change_schedule(self, scheduler: Any) -> None:
        for name, value in self.scheduler.items():
            if name in vars(scheduler):
                setattr(scheduler, name, value)
        if "lr" in self.optimizer and "base_lrs" in vars(scheduler):
            scheduler.base_lrs = [self.optimizer["lr"]] * len(scheduler.base_lrs)
