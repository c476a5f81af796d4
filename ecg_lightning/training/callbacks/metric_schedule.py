"""Schedules that look at a metric, stepped before an epoch is saved."""

from typing import Any

import lightning

from ecg_lightning.training.callbacks.running_metrics import RunningMetrics

NEVER = 1 << 62  # epochs between Lightning's own steps


class MetricSchedule(lightning.Callback):
    """Step each schedule that looks at a metric, such as ReduceLROnPlateau, at the end of an epoch.

    Lightning steps them after the epoch's checkpoint is saved, so that a resumed run would lack a
    step. Their `frequency` has to be `NEVER`. An epoch without the metric, as one that is not
    validated, has no step.
    """

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Step them; callbacks that save checkpoints come later."""
        for config in trainer.lr_scheduler_configs:
            if config.reduce_on_plateau and RunningMetrics.measured(trainer, config.monitor):
                metric: Any = trainer.callback_metrics[str(config.monitor)]  # torch takes numbers
                config.scheduler.step(metric.item())
