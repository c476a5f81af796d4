"""What a run leaves behind: its figures as JSON and its pictures, beside what Lightning writes.

The callback computes nothing: the module brings the confusion matrix and the mean loss of each part, the datamodule
its counts of beats. Every file is written whole or not at all, and by rank zero only.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from ecg_lightning.evaluation.confusion import part_metrics
from ecg_lightning.figures.classes import classes_figure
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.figures.curves import curves_figure
from ecg_lightning.figures.style import png_bytes
from ecg_lightning.system.atomic_files import write_output

SCHEMA = 1
METRICS, MATRIX, CURVES, CLASSES = (
    "metrics.json",
    "confusion_matrix.png",
    "curves.png",
    "classes.png",
)
CURVES_EVERY = 10  # epochs; a picture takes about 0.2 s on one core
HISTORY_KEYS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Evaluated(Protocol):
    """What the callback reads of a module after a validation or test epoch, keyed by "validation" and "test"."""

    confusion: Mapping[str, Tensor]  # (K, K) int64, rows the true class
    mean_loss: Mapping[str, float]


class Counted(Protocol):
    """What the callback reads of a datamodule."""

    def class_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Part -> class -> beats, the classes in the order of their indices."""


class RunFolder(Callback):
    """Writes metrics.json, confusion_matrix.png, curves.png and classes.png into a run's folder.

    metrics.json holds `{"schema", "classes", "checkpoint", "train": {...}, "validation": {...}, "test": {...},
    "last_epoch": {"validation": {...}, "test": {...}}}`, each part as `metrics.PartMetrics`; the tested part
    also has `measures`, see `measures.Summary`. The training part's figures are those of the last epoch's balanced
    draws while it trained; its `beats` are those of the part itself. The top level speaks of one checkpoint: a part
    evaluated with another one takes the place of all of them, and a new fit starts the file afresh.

    Args:
        section: The key below which evaluated parts go, such as "last_epoch"; None is the top level. May be set
            between runs.
        folder: Where the files go; None means the trainer's `log_dir`. May be set before a run.

    Attributes:
        logs: What a resumed run writes its earlier epochs to, as they were written first.
        history: Rows of `epoch`, `step` and, as far as logged by epoch, `train_loss`, `train_accuracy`, `val_loss`,
            `val_accuracy`. Kept in checkpoints, so that a resumed run keeps its curve.

    Example:
        >>> RunFolder().section is None
        True
    """

    def __init__(self, section: str | None = None, folder: Path | None = None) -> None:
        """See the class."""
        self.section = section
        self.folder = folder
        self.logs: list[Logger] = []
        self._epochs: dict[int, dict[str, float]] = {}

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch, in order."""
        return [{"epoch": epoch, **values} for epoch, values in sorted(self._epochs.items())]

    def state_dict(self) -> dict[str, Any]:
        """The history, for a checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the history over from a checkpoint."""
        rows = state_dict["history"]
        self._epochs = {
            int(row["epoch"]): {key: row[key] for key in ("step", *HISTORY_KEYS) if key in row}
            for row in rows
        }

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epochs that a checkpoint remembers to the logs, which begin anew."""
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
        """Keeps the epoch's figures within a fit; writes the part's results after `trainer.validate`."""
        if trainer.sanity_checking:
            return
        if trainer.state.fn == "validate":
            self._write_part(trainer, pl_module, "validation")
        else:
            self._remember(trainer, "val_")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the test part's results."""
        self._write_part(trainer, pl_module, "test")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the epoch's figures and draws the curves now and then."""
        self._remember(trainer, "train_")
        folder = self._folder(trainer)
        if trainer.is_global_zero and (trainer.current_epoch + 1) % CURVES_EVERY == 0:
            write_output(folder / CURVES, png_bytes(curves_figure(self.history)))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the curves and the classes, and starts metrics.json with the training part's beats."""
        folder = self._folder(trainer)
        if not trainer.is_global_zero:
            return
        counts, evaluated = _class_counts(trainer), cast(Evaluated, pl_module)
        write_output(folder / CURVES, png_bytes(curves_figure(self.history)))
        write_output(folder / CLASSES, png_bytes(classes_figure(counts)))
        metrics = _head(counts, None)
        if "training" in evaluated.confusion:
            running = part_metrics(
                evaluated.confusion["training"].tolist(),
                evaluated.mean_loss["training"],
                metrics["classes"],
            )
            metrics["train"] = {**running, "beats": metrics["train"]["beats"]}
        _write_metrics(folder, metrics)

    def add_measures(self, folder: Path, part: str, measures: Mapping[str, Any]) -> None:
        """Puts the figures of an evaluated part beside its accuracy in metrics.json.

        Args:
            folder: The run's folder.
            part: Such as "test".
            measures: `measures.Summary`.
        """
        metrics = _read_metrics(folder)
        metrics[part] = {**metrics.get(part, {}), "measures": dict(measures)}
        _write_metrics(folder, metrics)

    def _folder(self, trainer: Trainer) -> Path:
        """The run's folder; all ranks have to ask, because `log_dir` is a broadcast."""
        log_dir = trainer.log_dir  # None under fast_dev_run, whose stand-in logger saves nowhere
        return self.folder or Path(log_dir or trainer.default_root_dir)

    def _remember(self, trainer: Trainer, prefix: str) -> None:
        # Of validation's and training's figures only the side that has just ended is this epoch's.
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

    def _write_part(self, trainer: Trainer, pl_module: LightningModule, part: str) -> None:
        folder = self._folder(trainer)
        if not trainer.is_global_zero:
            return
        counts, evaluated = _class_counts(trainer), cast(Evaluated, pl_module)
        head = _head(counts, str(trainer.ckpt_path) if trainer.ckpt_path else None)
        results = part_metrics(
            evaluated.confusion[part].tolist(), evaluated.mean_loss[part], head["classes"]
        )
        metrics = _merged(_read_metrics(folder), head, part, dict(results), self.section)
        _write_metrics(folder, metrics)
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


def _head(counts: Mapping[str, Mapping[str, int]], checkpoint: str | None) -> dict[str, Any]:
    """The file without results: its version, the classes, the checkpoint, the training part's beats."""
    classes = list(next(iter(counts.values())))
    train = {"train": {"beats": dict(counts["train"])}} if "train" in counts else {}
    return {"schema": SCHEMA, "classes": classes, "checkpoint": checkpoint, **train}


def _merged(
    old: Mapping[str, Any],
    head: Mapping[str, Any],
    part: str,
    results: Mapping[str, Any],
    section: str | None,
) -> dict[str, Any]:
    """The old file with one more part: below `section`, or at the top level beside the same checkpoint's parts."""
    if section is not None:
        return {**head, **old, section: {**old.get(section, {}), part: results}}
    same = old.get("checkpoint") == head["checkpoint"]
    kept = {key: value for key, value in old.items() if same or key not in ("validation", "test")}
    return {**head, **kept, "checkpoint": head["checkpoint"], part: results}


def _read_metrics(folder: Path) -> dict[str, Any]:
    """The folder's metrics.json, empty when there is none; an unreadable one is put aside, never overwritten."""
    path = folder / METRICS
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(metrics, dict) and metrics.get("schema") == SCHEMA:
            return metrics
    except ValueError:
        pass
    aside = path.with_name(f"{METRICS}.unreadable")
    os.replace(path, aside)
    found = f"{path}: expected a JSON object with schema {SCHEMA}"
    rank_zero_warn(f"{found}; put aside as {aside.name}, a new one is begun")
    return {}


def _write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    text = json.dumps(metrics, indent=2, allow_nan=False)
    write_output(folder / METRICS, f"{text}\n".encode())
