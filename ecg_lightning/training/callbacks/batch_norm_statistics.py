"""BatchNorm's statistics for evaluations, measured over training batches."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from ecg_lightning.errors import InputError, SettingsWarning
from ecg_lightning.training.batch_norms import (
    Buffers,
    batch_norms,
    buffers_of,
    estimated,
    named_values,
    set_buffers,
    set_named,
)
from ecg_lightning.training.callbacks.of_trainer import OfTrainer
from ecg_lightning.training.random_state import unchanged_generators

MOVING = "ecg_lightning_moving_statistics"  # a checkpoint's entry: those of the training


class BatchNormStatistics(OfTrainer):
    """Measure BatchNorm's statistics over training batches before each evaluation.

    In training BatchNorm normalises a batch by its own mean and variance, and in an evaluation by
    moving averages of them. With Keras's momentum of 0.99 these need some thousand steps, and until
    then they are those of earlier weights: a network that is good tests badly.

    With this callback every evaluation of a fit uses the mean and variance over the same training
    batches, with the present weights. Checkpoints have these statistics as the network's, so
    `test`, `predict`, `export` and `annotate` use them too. The training itself is not changed by
    a single bit: its own averages, which it does not use, are in the checkpoint as well, for a
    resumed run.

    The batches are the first of the draws of epoch 0, so that all epochs and evaluations use the
    same. The network sees them as in an evaluation: without dropout, and without transforms. Of
    several devices each measures its share, and all get the statistics of the whole. A network
    without BatchNorm needs no time.

    In `validate`, `test` and `predict` it measures before the evaluation, for a checkpoint that was
    saved without this callback.

    Args:
        batches: Batches to measure BatchNorm's statistics; 0: none. They are training batches. With
            0, evaluations use the moving averages, as Keras does.

    Raises:
        InputError: The number is negative, or the Trainer has no `BeatDataModule`.
    """

    def __init__(self, batches: int = 100) -> None:
        super().__init__()
        if batches < 0:
            raise InputError("batches", expected="0 or more", found=str(batches))
        self.batches = batches
        self._forget()

    def _forget(self) -> None:
        self._layers: list[torch.nn.Module] = []  # those in training mode
        self._rows: list[Tensor] = []
        self._measured: Buffers = {}
        self._step: int | None = None  # of the fit, when they were measured
        self._moving: Buffers = {}  # those of the training, while the others are in their place
        self._waits = False  # whether checkpoints keep the moving statistics

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Forget an earlier fit; refuse a Trainer without the data module or with averages."""
        self._forget()
        _warn_of_rounding(trainer)
        self._refuse_averages(trainer)
        if self.batches and batch_norms(pl_module):
            self._data(trainer)

    def _refuse_averages(self, trainer: lightning.Trainer) -> None:
        """Refuse callbacks that average weights where results would be of other weights.

        Raises:
            InputError: The average would have the statistics of the weights before it, or reaches
                no checkpoint.
        """
        kinds = {kind.__name__ for one in trainer.callbacks for kind in type(one).__mro__}  # type: ignore[attr-defined]
        if "StochasticWeightAveraging" in kinds:
            raise InputError(
                "callback StochasticWeightAveraging",
                expected="an average that checkpoints hold, because all results are read from them",
                found="one that they do not hold",
                hint="take EMAWeightAveraging with --batch_norm.batches 0",
            )
        if self.batches and "WeightAveraging" in kinds:
            raise InputError(
                "batches",
                expected="0 beside averaged weights, whose statistics are averaged too",
                found=str(self.batches),
                hint="set it to 0",
                setting="--batch_norm.batches",
            )

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Note the layers whose statistics move; frozen ones keep theirs."""
        self._layers = [layer for layer in batch_norms(pl_module) if layer.training]

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Note them again: another callback may have frozen some."""
        self.on_train_start(trainer, pl_module)

    def on_validation_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Let the network use the measured statistics."""
        if not trainer.sanity_checking:
            self._use(trainer, pl_module)

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Put the network's own back."""
        self._put_back()

    def on_test_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Let the network use the measured statistics."""
        self._use(trainer, pl_module)

    def on_test_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Put the network's own back."""
        self._put_back()

    def on_predict_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Let the network use the measured statistics."""
        self._use(trainer, pl_module)

    def on_predict_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Put the network's own back."""
        self._put_back()

    def on_exception(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        exception: BaseException,
    ) -> None:
        """Put the network's own back."""
        self._put_back()

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Leave the trained network with the measured statistics, as its checkpoint has them."""
        self._use(trainer, pl_module)

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Let the weights have the measured statistics, and keep those of the training apart."""
        if trainer.state.fn != TrainerFn.FITTING or not self._active() or self._waits:
            return
        moving = self._moving or buffers_of(self._layers)
        self._measure(trainer, pl_module)
        state = checkpoint["state_dict"]
        for name, value in named_values(pl_module, self._measured).items():
            state[name] = value.to(state[name])
        checkpoint[MOVING] = {
            name: value
            for name, value in named_values(pl_module, moving).items()
            if value.is_floating_point()  # not the number of batches, which stays
        }

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Resume with the moving statistics of the training."""
        if trainer.state.fn == TrainerFn.FITTING:
            set_named(pl_module, checkpoint.get(MOVING) or {})

    @contextmanager
    def without_measuring(self) -> Iterator[bool]:
        """Let checkpoints have the moving statistics: a measurement may take too long.

        Yields:
            Whether a checkpoint would be measured otherwise.
        """
        self._waits = True
        try:
            yield self._active()
        finally:
            self._waits = False

    def _active(self) -> bool:
        return bool(self.batches and self._layers)

    def _use(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Put the measured statistics into the layers."""
        if trainer.state.fn != TrainerFn.FITTING:
            self._forget()
            self._layers = batch_norms(module)
        if self._active() and not self._moving:
            self._measure(trainer, module)
            self._moving = buffers_of(self._layers)
            set_buffers(self._measured)

    def _put_back(self) -> None:
        set_buffers(self._moving)
        self._moving = {}

    def _measure(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Measure the statistics, unless they are those of the present weights."""
        if self._step == trainer.global_step:
            return
        data, device = self._data(trainer), module.device
        if not self._rows:
            self._rows = data.training_rows(min(self.batches, trainer.num_training_batches))

        def predict(rows: Tensor) -> None:
            with trainer.precision_plugin.forward_context():
                module(data.training_beats(rows, device)[0])

        world_size = trainer.world_size
        with unchanged_generators(device):
            self._measured = estimated(
                module, self._layers, self._rows, predict, world_size, device
            )
        self._step = trainer.global_step

    def _data(self, trainer: lightning.Trainer) -> Any:
        """The data module, which has the training batches."""
        data = getattr(trainer, "datamodule", None)
        if not hasattr(data, "training_rows"):
            found = "none" if data is None else type(data).__name__
            name = type(self).__name__
            raise InputError(name, expected="the data module BeatDataModule", found=found)
        return data


def _warn_of_rounding(trainer: lightning.Trainer) -> None:
    if trainer.precision in ("bf16-true", "16-true"):
        warnings.warn(
            f"the precision {trainer.precision} rounds the sums over the training from which "
            "BatchNorm and PatientContext scale numbers: take bf16-mixed",
            SettingsWarning,
            stacklevel=2,
        )
