"""The progress bar of a terminal: the epoch, its loss and accuracy so far, and the time left."""

import time
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.callbacks.progress.rich_progress import (
    BatchesProcessedColumn,
    CustomBarColumn,
    CustomTimeColumn,
)
from rich.progress import ProgressColumn, TextColumn
from rich.table import Column

from ecg_lightning.training.callbacks.epoch_lines import shown_epoch
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics

REFRESHES = 10  # a second
METRICS_EVERY_S = 0.25  # reading them waits for the device
LONG_VALIDATION_S = 1.0  # a shorter one is not shown


class EpochBar(RichProgressBar):
    """Show one bar for an epoch, which disappears at the end of the training.

    Lightning's bar counts epochs from 0, shows no metric of an epoch that runs, and adds a bar for
    each validation. This one counts from 1 and shows the mean loss and the accuracy of the epoch so
    far (under DDP: of the first process). A long validation changes the words before the bar.
    """

    def __init__(self) -> None:
        """See the class."""
        super().__init__(refresh_rate=REFRESHES)
        self._metrics: dict[str, Any] = {}
        self._read_again_s = self._validation_s = 0.0

    def configure_columns(self, trainer: Trainer) -> list[Any]:
        """Return Lightning's columns, with a bar that fills the line, and without the speed."""
        bar = CustomBarColumn(
            bar_width=None,
            complete_style=self.theme.progress_bar,
            finished_style=self.theme.progress_bar_finished,
            pulse_style=self.theme.progress_bar_pulse,
        )
        batches = BatchesProcessedColumn(style=self.theme.batch_progress)
        return [
            TextColumn("{task.description}"),
            bar,
            batches,
            CustomTimeColumn(style=self.theme.time),
        ]

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return loss and accuracy of the epoch so far, and what the module logs for the bar."""
        now_s = time.monotonic()
        if now_s < self._read_again_s:
            return self._metrics
        self._read_again_s = now_s + METRICS_EVERY_S
        running = RunningMetrics.of(trainer)
        so_far = running and running.so_far()
        if so_far:
            own = {"loss": f"{so_far[0]:.4f}", "accuracy": f"{100 * so_far[1]:.1f} %"}
            logged = super().get_metrics(trainer, pl_module)
            logged.pop("v_num", None)  # the version of a logger
            self._metrics = {**own, **logged}
        return self._metrics

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the time."""
        super().on_validation_start(trainer, pl_module)
        self._validation_s = time.monotonic()

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add a bar where nothing is trained."""
        if trainer.state.fn != "fit":
            place = batch_idx, dataloader_idx
            super().on_validation_batch_start(trainer, pl_module, batch, *place)
        else:
            self.has_dataloader_changed(dataloader_idx)  # it notes which one it is

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Advance that bar, or say how far a long validation of a training is."""
        if trainer.state.fn != "fit":
            place = batch_idx, dataloader_idx
            super().on_validation_batch_end(trainer, pl_module, outputs, batch, *place)
        elif time.monotonic() - self._validation_s > LONG_VALIDATION_S:
            total = self.total_val_batches_current_dataloader
            self._describe(trainer, f"Validation {batch_idx + 1}/{total}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the words of a long validation away."""
        super().on_validation_end(trainer, pl_module)
        self._describe(trainer, "")

    def _describe(self, trainer: Trainer, validation: str) -> None:
        """Change the words before the bar of a training."""
        task, fits = self.train_progress_bar_id, trainer.state.fn == "fit"
        if fits and self.progress is not None and task is not None:
            words = validation or self._get_train_description(trainer.current_epoch)
            self.progress.update(task, description=words)
            self.refresh()

    def _get_train_description(self, current_epoch: int) -> str:
        return f"Epoch {shown_epoch(self.trainer)}"

    def _init_progress(self, trainer: Trainer) -> None:
        super()._init_progress(trainer)
        if self.progress is None:
            return
        self.progress.live.transient = True
        for column in self.progress.columns:  # only the bar gives way in a narrow terminal
            if isinstance(column, ProgressColumn) and not isinstance(column, CustomBarColumn):
                column._table_column = Column(no_wrap=True)
