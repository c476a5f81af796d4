"""One line for each epoch, on a terminal and in the log of a job."""

import math
import time
from collections.abc import Sequence

import lightning
from lightning.pytorch.callbacks import Checkpoint

from ecg_lightning.text import duration
from ecg_lightning.training.callbacks.best_checkpoint import BestCheckpoint
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.metrics_file import HISTORY_KEYS

WIDTHS = (9, 12, 11, 10, 11, 9)  # of the columns of the table
HEADER = ("epoch", "train loss", "accuracy", "val loss", "accuracy", "time")
NOTHING = "\N{EN DASH}"


class EpochLines(Checkpoint):  # so that Lightning calls it after the checkpoints
    """Print one line for each epoch: its metrics, its time, and whether it is the best so far.

    In the list of callbacks it has to come after `BestCheckpoint`.

    Args:
        table: Whether the lines are rows of a table, for a terminal. Default: each line names its
            numbers, for the log of a job.
    """

    def __init__(self, table: bool = False) -> None:
        """See the class."""
        self.table, self._headed, self._begin_s = table, False, 0.0

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Take the time: an epoch that is resumed in its middle does not start."""
        self._begin_s = time.monotonic()

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Take the time."""
        self._begin_s = time.monotonic()

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Print `epoch 3/70  train_loss 0.2110 …`, or a row, from the first rank.

        Only metrics of this epoch are printed. An epoch that was ended early says so.
        """
        if not is_first_rank():
            return
        passed = duration(round(time.monotonic() - self._begin_s, 1))
        if not self.table:
            print(_log_line(trainer, passed), flush=True)
            return
        if not self._headed:
            print(_row(HEADER), flush=True)
        self._headed = True
        print(_table_line(trainer, passed), flush=True)


def shown_epoch(trainer: lightning.Trainer) -> str:
    """Return the number of the epoch that runs, as people count: `3/70`, or `3` without a limit."""
    limit = f"/{trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
    return f"{trainer.current_epoch + 1}{limit}"


def _log_line(trainer: lightning.Trainer, passed: str) -> str:
    part = _ended_early(trainer)
    numbers = [f"{name} {value:.4f}" for name, value in _metrics(trainer).items()]
    epoch = f"epoch {shown_epoch(trainer)}{f' ({part})' if part else ''}"
    return "  ".join([epoch, *numbers, passed, *_best(trainer)])


def _table_line(trainer: lightning.Trainer, passed: str) -> str:
    metrics, cells = _metrics(trainer), [shown_epoch(trainer)]
    for name in HISTORY_KEYS:
        value = metrics.get(name)
        cells.append(NOTHING if value is None else _cell(name, value))
    part = _ended_early(trainer)
    return "  ".join([_row([*cells, passed]), *([part] if part else []), *_best(trainer)])


def _cell(name: str, value: float) -> str:
    return f"{value:.4f}" if name.endswith("loss") else f"{100 * value:.2f} %"


def _row(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _metrics(trainer: lightning.Trainer) -> dict[str, float]:
    """The metrics of this epoch."""
    logged = trainer.callback_metrics
    return {
        name: float(logged[name])
        for name in HISTORY_KEYS
        if name in logged and RunningMetrics.measured(trainer, name)
    }


def _best(trainer: lightning.Trainer) -> list[str]:
    checkpoint = BestCheckpoint.of(trainer)
    best = checkpoint and checkpoint.best_at
    return ["best"] if best and best[0] == trainer.current_epoch else []


def _ended_early(trainer: lightning.Trainer) -> str:
    """Such as `8 of 32 steps`; empty for a whole epoch."""
    steps, batches = trainer.fit_loop.batch_idx + 1, trainer.num_training_batches
    return f"{steps} of {batches} steps" if steps < batches < math.inf else ""
