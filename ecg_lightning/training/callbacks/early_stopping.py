"""Early stopping that a resumed run remembers."""

from typing import Any

import lightning
from lightning.pytorch import callbacks
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason


class EarlyStopping(callbacks.EarlyStopping):
    """Stop early, also in a resumed run, and accept more patience there.

    With Lightning's EarlyStopping a stopped run trains one more epoch when it is resumed, and keeps
    its old patience. The name is Lightning's, because checkpoints keep the state under it.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state from a checkpoint, except the patience, which is a setting."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        if (
            self.stopping_reason is EarlyStoppingReason.PATIENCE_EXHAUSTED
            and self.wait_count < self.patience
        ):
            self.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Keep a stopped run stopped."""
        if self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True
