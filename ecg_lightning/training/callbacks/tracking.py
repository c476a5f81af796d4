"""What the loggers of a fit get: settings, loss and learning rate at steps, pictures, results."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from ecg_lightning.arrays import Bytes
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.confusion import confusion_matrix_figure
from ecg_lightning.training.callbacks.best_checkpoint import BestCheckpoint
from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.distributed import is_first_rank
from ecg_lightning.training.run import EVENTS
from ecg_lightning.training.trackers import note_trackers

PICTURE_DPI = 75  # 660 x 363 pixels, about 45 kB
RESULTS = ("accuracy", "loss")


class Tracking(Callback):
    """Give the loggers of a fit what Lightning does not give them.

    Settings as hyperparameters; every `log_every_n_steps` the loss of the batch
    (`train_loss_step`) and `learning_rate`; the confusion matrix of the validation part, as a
    picture, for each epoch that is the best so far; at the end the metrics of the best and the last
    weights, and the test part's picture. metrics.csv gets none of it: its rows are epochs.

    Loggers stay open after the fit, for the results; `ended` closes them.

    Args:
        settings: Names and values, see `hyperparameters`.
        folder: The run folder.
    """

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        """See the class."""
        self.settings, self.folder = dict(settings), folder
        self._loggers: list[Logger] = []
        self._steps = 0  # the last step that was logged
        self._drawn: tuple[int, int] | None = None  # the last best epoch that was drawn

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Log the settings, and note which runs of trackers these are."""
        self._loggers = list(trainer.loggers)
        for logger in self._loggers:
            logger.log_hyperparams(self.settings)
        if is_first_rank():
            note_trackers(self.folder, self._loggers)

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Note where a resumed run begins: the process before has logged that step."""
        self._steps = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Log loss and learning rate now and then."""
        steps, every = trainer.global_step, trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not every or steps % every or steps == self._steps:
            return
        self._steps, running = steps, RunningMetrics.of(trainer)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        loss = {"train_loss_step": float(running.step_loss)} if running else {}
        for logger in self._trackers():
            logger.log_metrics({**loss, "learning_rate": float(rate)}, steps - 1)
            logger.save()

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Draw what a validation within an epoch has found."""
        self._draw(trainer)

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Draw what the epoch before has found."""
        self._draw(trainer)

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Draw what the last epoch has found."""
        self._draw(trainer)

    def teardown(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        """Keep Lightning from closing the loggers: the results come later."""
        if stage == "fit":
            trainer.loggers = []

    def on_exception(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        exception: BaseException,
    ) -> None:
        """Keep Lightning from closing the loggers: an error there would hide this one."""
        if self._loggers:
            trainer.loggers = []

    @contextlib.contextmanager
    def ended(self) -> Iterator[None]:
        """Close the loggers at the end of the block, as failed after an error.

        Raises:
            OSError: A logger cannot write. One without a file's name comes from the thread of
                TensorBoard's log, and gets that name.
        """
        with _quiet_threads():
            try:
                yield
                self._close("success")
            except BaseException as error:
                with contextlib.suppress(Exception):  # the first error is the one to show
                    self._close("failed")
                if isinstance(error, OSError) and error.filename is None:
                    logs = sorted(self.folder.glob(EVENTS))
                    error.filename = str(logs[-1] if logs else self.folder)
                raise

    def log_results(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log the results of a fit.

        Args:
            metrics: The content of metrics.json.
            step: The number of steps that were trained.
        """
        values = results(metrics)
        for logger in self._trackers() if values else ():
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(self.settings, values, max(step - 1, 0))
            else:
                logger.log_metrics(values, max(step - 1, 0))
        test = metrics.get("test") or {}
        if test.get("confusion_matrix"):
            self._log_picture("test_confusion", test["confusion_matrix"], step)

    def _close(self, status: str) -> None:
        loggers, self._loggers = self._loggers, []
        for logger in loggers:
            logger.finalize(status)
            if is_first_rank() and hasattr(experiment := _experiment(logger), "finish"):
                experiment.finish(exit_code=int(status != "success"))  # W&B

    def _draw(self, trainer: lightning.Trainer) -> None:
        """Log the confusion matrix of the best weights once; Lightning finds them last."""
        best, running = BestCheckpoint.of(trainer), RunningMetrics.of(trainer)
        if not (is_first_rank() and best and running) or best.best_at in (None, self._drawn):
            return
        self._drawn = best.best_at
        if self._drawn and "val" in running.confusion:  # else the training's metrics choose
            confusion = running.confusion["val"].tolist()
            self._log_picture("val_confusion", confusion, self._drawn[1])

    def _log_picture(self, name: str, confusion: Any, steps: int) -> None:
        takers = [logger for logger in self._trackers() if takes_pictures(logger)]
        pixels = _pixels(confusion) if takers else None
        for logger in takers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(name, pixels, max(steps - 1, 0), dataformats="HWC")
            else:
                logger.log_image(name, [pixels], max(steps - 1, 0))  # type: ignore[attr-defined]

    def _trackers(self) -> list[Logger]:
        return [logger for logger in self._loggers if not isinstance(logger, CSVLogger)]


def takes_pictures(logger: Logger) -> bool:
    """Whether a logger takes pictures: TensorBoard's, and those with W&B's `log_image`."""
    return isinstance(logger, TensorBoardLogger) or hasattr(logger, "log_image")


def results(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the results in metrics.json by names such as `best/test_accuracy`.

    Args:
        metrics: The content of metrics.json.
    """
    top = Path(str(metrics.get("checkpoint") or "best")).stem
    values: dict[str, float] = {}
    for weights, section in ((top, metrics), ("last", metrics.get("last_epoch") or {})):
        for part, key in (("val", "validation"), ("test", "test")):
            measured = section.get(key) or {}
            values |= {
                f"{weights}/{part}_{name}": measured[name]
                for name in RESULTS
                if measured.get(name) is not None
            }
    return values


def _experiment(logger: Logger) -> Any:
    return getattr(logger, "experiment", None)


def _pixels(confusion: Any) -> Bytes:
    """A picture of a confusion matrix, (H, W, 3)."""
    figure = confusion_matrix_figure(confusion, CLASS_NAMES)
    figure.set_dpi(PICTURE_DPI)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _quiet_threads() -> Iterator[None]:
    """Print no traceback of a logger's thread that cannot write: its next call raises the error."""
    hook = threading.excepthook

    def quiet(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, OSError):
            hook(args)

    threading.excepthook = quiet
    try:
        yield
    finally:
        threading.excepthook = hook
