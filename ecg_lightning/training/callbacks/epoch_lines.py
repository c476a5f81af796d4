"""One line for each epoch, in logs without a progress bar."""

import lightning
from lightning.pytorch.callbacks import Callback

from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.metrics_file import HISTORY_KEYS


class EpochLines(Callback):
    """Print one line for each epoch, in logs without a progress bar."""

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Print `epoch 3/70  train_loss 0.2110 …`, from the first rank."""
        if not is_first_rank():
            return
        metrics = [
            f"{name} {float(trainer.callback_metrics[name]):.4f}"
            for name in HISTORY_KEYS
            if name in trainer.callback_metrics
        ]
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        print(f"{epoch}  {'  '.join(metrics)}", flush=True)
