"""The results of a run in its folder: metrics.json and the figures.

The callback computes nothing: `RunningMetrics` has the confusion and the mean loss of each part,
the data module its counts of beats. Every file is written whole or not at all, by the first rank.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from ecg_lightning.evaluation.confusion import part_metrics
from ecg_lightning.figures.classes import classes_figure
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.figures.curves import curves_figure
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.metrics_file import (
    HISTORY_KEYS,
    head,
    merged,
    read_metrics,
    shown_checkpoint,
    write_metrics,
)

MATRIX, CURVES, CLASSES = "confusion_matrix.png", "curves.png", "classes.png"
CURVES_EVERY = 10  # epochs; a figure takes about 0.2 s on one core
FILE_KEYS = {"val": "validation", "test": "test"}  # a part's key in metrics.json


class Counted(Protocol):
    """What the callback reads of a data module."""

    def class_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Part -> class -> number of beats, the classes in the order of their indices."""


class RunResults(Callback):
    """Write metrics.json, confusion_matrix.png, curves.png and classes.png into a run folder.

    metrics.json holds `{"schema", "classes", "checkpoint", "train": {...}, "validation": {...},
    "test": {...}, "last_epoch": {"validation": {...}, "test": {...}}}`, each part as
    `confusion.PartMetrics`. The test part also has `measures`, see `summary.Summary`. The training
    part's metrics are those of the last epoch's balanced draws while it trained; its `beats` are
    those of the part itself. The top level is about one checkpoint: a part evaluated with another
    checkpoint replaces all of them, and a new fit starts the file again. The parts of a last epoch
    whose weights are not finite are None.

    Args:
        section: The key below which evaluated parts go, such as "last_epoch"; None is the top
            level. May be set between runs.
        folder: Where the files go; None means the Trainer's `log_dir`. May be set before a run.

    Attributes:
        logs: The loggers to which a resumed run writes its earlier epochs again.
        history: Rows of `epoch`, `step` and, if logged in that epoch, `train_loss`,
            `train_accuracy`, `val_loss`, `val_accuracy`. Kept in checkpoints, so that a resumed
            run keeps its curves.

    Example:
        >>> RunResults().section is None
        True
    """

    def __init__(self, section: str | None = None, folder: Path | None = None) -> None:
        """See the class."""
        self.section = section
        self.folder = folder
        self.logs: list[Logger] = []
        self._epochs: dict[int, dict[str, float]] = {}

    @property
    def state_key(self) -> str:
        """The key of this callback in checkpoints: its name in version 0.1.0."""
        return "RunFolder"

    @property
    def history(self) -> list[dict[str, float]]:
        """One row per epoch, in order."""
        return [{"epoch": epoch, **values} for epoch, values in sorted(self._epochs.items())]

    def state_dict(self) -> dict[str, Any]:
        """Return the history, for a checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the history from a checkpoint."""
        rows = state_dict["history"]
        self._epochs = {
            int(row["epoch"]): {key: row[key] for key in ("step", *HISTORY_KEYS) if key in row}
            for row in rows
        }

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epochs of a checkpoint to the logs, which a resumed run starts again."""
        for row in self.history:
            for prefix in ("val_", "train_"):  # in Lightning's order
                values = {
                    key: value
                    for key, value in row.items()
                    if key == "epoch" or key.startswith(prefix)
                }
                for logger in self.logs if len(values) > 1 else ():  # not every epoch was validated
                    logger.log_metrics(values, step=int(row.get("step", row["epoch"])))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch's metrics within a fit; write the part after `trainer.validate`."""
        if trainer.sanity_checking:
            return
        if trainer.state.fn == "validate":
            self._write_part(trainer, "val")
        else:
            self._remember(trainer, "val_")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the test part's results."""
        self._write_part(trainer, "test")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch's metrics, and draw the curves every tenth epoch."""
        self._remember(trainer, "train_")
        folder = self._folder(trainer)
        if is_first_rank() and (trainer.current_epoch + 1) % CURVES_EVERY == 0:
            write_output(folder / CURVES, png_bytes(curves_figure(self.history)))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves and the classes, and start metrics.json with the training part."""
        folder = self._folder(trainer)
        if not is_first_rank():
            return
        counts, running = _class_counts(trainer), RunningMetrics.of(trainer)
        write_output(folder / CURVES, png_bytes(curves_figure(self.history)))
        write_output(folder / CLASSES, png_bytes(classes_figure(counts)))
        metrics = head(counts, None)
        if running and "train" in running.confusion:
            results = part_metrics(
                running.confusion["train"].tolist(), running.mean_loss["train"], metrics["classes"]
            )
            metrics["train"] = {**results, "beats": metrics["train"]["beats"]}
        write_metrics(folder, metrics)

    def add_measures(self, folder: Path, part: str, measures: Mapping[str, Any]) -> None:
        """Add the summary of an evaluated part to metrics.json.

        Args:
            folder: The run folder.
            part: Such as "test".
            measures: A `summary.Summary`.
        """
        metrics = read_metrics(folder)
        metrics[part] = {**metrics.get(part, {}), "measures": dict(measures)}
        write_metrics(folder, metrics)

    def add_diverged(self, folder: Path) -> None:
        """Note in metrics.json that the last epoch's weights are not finite and have no metrics."""
        section = {"validation": None, "test": None}
        write_metrics(folder, {**read_metrics(folder), "last_epoch": section})

    def finish(self, folder: Path, tested: bool) -> None:
        """Note in metrics.json that a fit has come to its end.

        Args:
            folder: The run folder.
            tested: Whether its test part was evaluated too.
        """
        write_metrics(folder, {**read_metrics(folder), "finished": {"tested": tested}})

    def _folder(self, trainer: Trainer) -> Path:
        """The run folder; all ranks have to ask, because `log_dir` is a broadcast."""
        log_dir = trainer.log_dir  # None under fast_dev_run, whose logger saves nowhere
        return self.folder or Path(log_dir or trainer.default_root_dir)

    def _remember(self, trainer: Trainer, prefix: str) -> None:
        # Only the metrics of the part that has just ended are this epoch's.
        logged = trainer.callback_metrics
        values = {
            key: float(logged[key])
            for key in HISTORY_KEYS
            if key.startswith(prefix) and key in logged
        }
        # Lightning's own logs count steps from 0.
        self._epochs.setdefault(trainer.current_epoch, {}).update(
            values, step=trainer.global_step - 1
        )

    def _write_part(self, trainer: Trainer, part: str) -> None:
        folder, running = self._folder(trainer), RunningMetrics.of(trainer)
        if not is_first_rank() or running is None or part not in running.confusion:
            return
        if not running.is_finite(part):  # no results; `RunEvaluation` refuses them
            return
        counts = _class_counts(trainer)
        new_head = head(counts, shown_checkpoint(trainer.ckpt_path, folder))
        results = part_metrics(
            running.confusion[part].tolist(), running.mean_loss[part], new_head["classes"]
        )
        metrics = merged(
            read_metrics(folder), new_head, FILE_KEYS[part], dict(results), self.section
        )
        write_metrics(folder, metrics)
        self._draw_part(folder, metrics, counts)

    def _draw_part(
        self, folder: Path, metrics: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]
    ) -> None:
        if not (folder / CLASSES).exists():
            write_output(folder / CLASSES, png_bytes(classes_figure(counts)))
        shown = metrics.get("test") or metrics.get("validation")
        if self.section is None and shown:
            figure = confusion_matrix_figure(shown["confusion_matrix"], metrics["classes"])
            write_output(folder / MATRIX, png_bytes(figure))


def _class_counts(trainer: Trainer) -> Mapping[str, Mapping[str, int]]:
    return cast(Counted, cast(Any, trainer).datamodule).class_counts()
