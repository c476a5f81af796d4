"""Early stopping that a resumed run remembers."""

from typing import Any

import lightning
from lightning.pytorch import callbacks
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason


class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's, whose resumed runs train one more epoch after they have stopped, and cannot be given more patience.

    Of Lightning's name, because checkpoints keep its state under that.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the state over, but for the patience, which is a setting."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        if (
            self.stopping_reason is EarlyStoppingReason.PATIENCE_EXHAUSTED
            and self.wait_count < self.patience
        ):
            self.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Goes on stopping."""
        if self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True
