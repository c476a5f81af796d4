"""`last.ckpt`, saved after every epoch, and within an epoch where a signal asks for it."""

import atexit
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint

from ecg_lightning.system.preemption import PreemptedError, Preemption
from ecg_lightning.text import counted
from ecg_lightning.training.callbacks.batch_norm_statistics import BatchNormStatistics
from ecg_lightning.training.callbacks.best_checkpoint import named


class LastCheckpoint(ModelCheckpoint):
    """Keep the latest epoch, and end the run where a signal asks for it.

    Args:
        folder: Where `last.ckpt` goes.
        preemption: Notes the signals.
        hint: What to do after the run has ended.

    Raises:
        PreemptedError: After a signal, with the checkpoint saved. Under DDP all ranks raise it
            after the same step.
    """

    def __init__(self, folder: Path, preemption: Preemption, hint: str) -> None:
        super().__init__(
            str(folder), filename="last", enable_version_counter=False, save_on_train_epoch_end=True
        )
        self.preemption, self.hint, self.agreed = preemption, hint, False

    @property
    def state_key(self) -> str:
        """The key of earlier versions, so that their checkpoints are read without a warning."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with names of files instead of paths."""
        return named(super().state_dict())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take nothing from a checkpoint: the file is always `last.ckpt` of this run."""

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Let signals wait for the end of the step from here on."""
        super().on_train_start(trainer, pl_module)
        self.preemption.install()
        self.preemption.waits = True

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """End the run between two epochs: the last one is saved and logged."""
        if self._asked(trainer):
            epochs = counted(trainer.current_epoch, "epoch")
            raise self._ended(f"saved {epochs} in {self.path}")

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save and end the run within an epoch.

        Not before the epoch's end or a validation: a resumed run would skip what comes next.
        """
        steps, every = batch_idx + 1, trainer.val_check_batch
        by_all_epochs = trainer.check_val_every_n_epoch is None
        done = trainer.fit_loop.total_batch_idx + 1 if by_all_epochs else steps  # Lightning's count
        unfinished = (
            trainer.is_last_batch
            or (every and done % every == 0)
            or steps % trainer.accumulate_grad_batches
        )
        if self._asked(trainer) and not unfinished:
            self._save_in_time(trainer)
            progress = f"{steps} of {trainer.num_training_batches} steps"
            place = f"epoch {trainer.current_epoch + 1} after {progress}"
            raise self._ended(f"saved {self.path} in {place}")

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """End the run after its last epoch: that is saved, and what follows can be repeated."""
        super().on_train_end(trainer, pl_module)
        self.preemption.waits = False
        if self._asked(trainer):
            raise self._ended(f"the last epoch is saved in {self.path}")

    def on_exception(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        exception: BaseException,
    ) -> None:
        """End the processes that this one started for other devices: they would wait for it."""
        self.preemption.waits = False
        launcher = trainer.strategy.launcher
        if launcher is not None and not self.agreed:
            # At exit, because Lightning kills this process when a child was killed.
            # Windows has no SIGKILL.
            atexit.register(launcher.kill, getattr(signal, "SIGKILL", signal.SIGTERM))

    @property
    def path(self) -> str:
        """The path of `last.ckpt`."""
        return self.format_checkpoint_name({})

    def _save_in_time(self, trainer: lightning.Trainer) -> None:
        """Save at once, and again with BatchNorm's statistics measured.

        To measure them can take longer than a cluster waits before it kills the process. The run
        can be resumed from either checkpoint.
        """
        if statistics := BatchNormStatistics.of(trainer):
            with statistics.without_measuring() as shorter:
                if shorter:
                    trainer.save_checkpoint(self.path)
        self._save_checkpoint(trainer, self.path)

    def _ended(self, saved: str) -> PreemptedError:
        name = self.preemption.received or "a signal to another process"
        return PreemptedError(f"{name}: {saved}; {self.hint}", self.preemption.status)

    def _asked(self, trainer: lightning.Trainer) -> bool:
        """Whether any process has got a signal; all processes agree."""
        self.agreed = bool(
            trainer.strategy.reduce_boolean_decision(bool(self.preemption.received), all=False)
        )
        return self.agreed


def progress(checkpoint: Mapping[str, Any]) -> str:
    """Return how far a checkpoint's training had come, such as "3 epochs and 5 steps"."""
    loop = checkpoint["loops"]["fit_loop"]
    epochs = loop["epoch_progress"]["current"]["processed"]
    steps = loop["epoch_loop.batch_progress"]["current"]["processed"]
    middle = loop["epoch_progress"]["current"]["started"] > epochs
    done = counted(epochs, "epoch")
    return f"{done} and {counted(steps, 'step')}" if middle else done
