"""One line for each epoch, for logs without a progress bar."""

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only


class EpochLines(Callback):
    """Prints one line for each epoch, for logs without a progress bar."""

    @rank_zero_only
    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """`epoch 3/70  train_loss 0.2110 …`."""
        wanted = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        figures = [
            f"{name} {float(trainer.callback_metrics[name]):.4f}"
            for name in wanted
            if name in trainer.callback_metrics
        ]
        print(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {'  '.join(figures)}",
            flush=True,
        )
