"""One line for each epoch, in logs without a progress bar."""

import lightning
from lightning.pytorch.callbacks import Callback

from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.metrics_file import HISTORY_KEYS


class EpochLines(Callback):
    """Print one line for each epoch, in logs without a progress bar."""

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Print `epoch 3/70  train_loss 0.2110 …`, from the first rank.

        Only metrics of this epoch are printed. An epoch that was ended early says so.
        """
        if not is_first_rank():
            return
        metrics = [
            f"{name} {float(trainer.callback_metrics[name]):.4f}"
            for name in HISTORY_KEYS
            if name in trainer.callback_metrics and RunningMetrics.measured(trainer, name)
        ]
        print("  ".join([_epoch(trainer), *metrics]), flush=True)


def _epoch(trainer: lightning.Trainer) -> str:
    """Such as `epoch 3/70`, or `epoch 3/70 (8 of 32 steps)`."""
    limit = f"/{trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
    steps, batches = trainer.fit_loop.batch_idx + 1, trainer.num_training_batches
    part = f" ({steps} of {batches} steps)" if steps < batches < float("inf") else ""
    return f"epoch {trainer.current_epoch + 1}{limit}{part}"
