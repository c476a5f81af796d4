"""One line for each epoch, on a terminal and in the log of a job."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightning
from lightning.pytorch.callbacks import Callback

from ecg_lightning.text import duration
from ecg_lightning.training.callbacks.best_checkpoint import BestCheckpoint
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.metrics_file import HISTORY_KEYS

WIDTHS = (9, 12, 11, 10, 11, 9)  # of the columns of the table
HEADER = ("epoch", "train loss", "accuracy", "val loss", "accuracy", "time")
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended.

    Attributes:
        index: From 0.
        shown: Its number, such as `3/70`.
        metrics: Those of this epoch.
        part: Such as `8 of 32 steps`; empty for a whole epoch.
    """

    index: int
    shown: str
    metrics: Mapping[str, float]
    part: str

    @classmethod
    def of(cls, trainer: lightning.Trainer) -> "Epoch":
        """Return the epoch that ends now."""
        logged = trainer.callback_metrics
        metrics = {
            name: float(logged[name])
            for name in HISTORY_KEYS
            if name in logged and RunningMetrics.measured(trainer, name)
        }
        steps, batches = trainer.fit_loop.batch_idx + 1, trainer.num_training_batches
        part = f"{steps} of {batches} steps" if steps < batches < math.inf else ""
        return cls(trainer.current_epoch, shown_epoch(trainer), metrics, part)

    def line(self, passed: str) -> list[str]:
        """Return the parts of a line that names its numbers."""
        numbers = [f"{name} {value:.4f}" for name, value in self.metrics.items()]
        part = f" ({self.part})" if self.part else ""
        return [f"epoch {self.shown}{part}", *numbers, passed]

    def row(self, passed: str) -> list[str]:
        """Return the parts of a row of the table."""
        cells = [_cell(name, self.metrics.get(name)) for name in HISTORY_KEYS]
        return [_row([self.shown, *cells, passed]), *([self.part] if self.part else [])]


class EpochLines(Callback):
    """Print one line for each epoch: its metrics, its time, and whether it is the best so far.

    The line appears when the next epoch starts or the training ends, because Lightning looks for
    the best epoch after all other callbacks. The first rank prints.

    Args:
        table: Whether the lines are rows of a table, for a terminal. Default: each line names its
            numbers, for the log of a job.
    """

    def __init__(self, table: bool = False) -> None:
        """See the class."""
        self.table, self._headed, self._begin_s = table, False, 0.0
        self._ended: Epoch | None = None

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Take the time: an epoch that is resumed in its middle does not start."""
        self._begin_s = time.monotonic()

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Print the epoch before, and take the time."""
        self._print(trainer)
        self._begin_s = time.monotonic()

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Keep the metrics of this epoch. Lightning keeps those of earlier ones as well."""
        self._ended = Epoch.of(trainer)

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Print the last epoch."""
        self._print(trainer)

    def _print(self, trainer: lightning.Trainer) -> None:
        epoch, self._ended = self._ended, None
        if epoch is None or not is_first_rank():
            return
        passed = duration(round(time.monotonic() - self._begin_s, 1))
        best = BestCheckpoint.found_best(trainer, epoch.index)
        if self.table and not self._headed:
            print(_row(HEADER), flush=True)
            self._headed = True
        parts = epoch.row(passed) if self.table else epoch.line(passed)
        print("  ".join([*parts, *(["best"] if best else [])]), flush=True)


def shown_epoch(trainer: lightning.Trainer) -> str:
    """Return the number of the epoch that runs, as people count: `3/70`, or `3` without a limit."""
    limit = f"/{trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
    return f"{trainer.current_epoch + 1}{limit}"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4f}" if name.endswith("loss") else f"{100 * value:.2f} %"


def _row(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
