"""Early stopping that a resumed run remembers."""

from typing import Any

import lightning
from lightning.pytorch import callbacks
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from ecg_lightning.training.callbacks.running_metrics import RunningMetrics


class EarlyStopping(callbacks.EarlyStopping):
    """Stop early, also in a resumed run, and accept more patience there.

    With Lightning's EarlyStopping a stopped run trains one more epoch when it is resumed, and keeps
    its old patience. An epoch without the metric, such as one without a validation, does not count.
    The name is Lightning's, because checkpoints keep the state under it.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state from a checkpoint, except the patience, which is a setting."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        if (
            self.stopping_reason is EarlyStoppingReason.PATIENCE_EXHAUSTED
            and self.wait_count < self.patience
        ):
            self.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def _run_early_stopping_check(self, trainer: lightning.Trainer) -> None:
        """Check an epoch in which the metric was measured."""
        if self.monitor in trainer.callback_metrics and RunningMetrics.measured(
            trainer, self.monitor
        ):
            super()._run_early_stopping_check(trainer)

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Keep a stopped run stopped."""
        if self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True
