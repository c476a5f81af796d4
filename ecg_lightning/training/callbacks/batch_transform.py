"""What all random changes of training beats have in common: when, with which draws, of what."""

import math
import zlib
from abc import ABC, abstractmethod
from dataclasses import FrozenInstanceError
from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks
from torch import Generator, Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.batch_beats import BatchBeats


class BatchTransform(callbacks.Callback, ABC):
    """Change each training batch in place, on its device.

    `fit` takes a transform by its name, and several in the order in which they are named:

        --trainer.callbacks+=ecg_lightning.training.callbacks.RandomNoise
        --trainer.callbacks.share=0.5

    What is drawn depends on the seed, the step, the rank and the class of the transform alone, so a
    resumed run draws the same, and a GPU draws what a CPU draws.

    Args:
        seed: Of what is drawn.

    Raises:
        InputError: The seed is negative.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        if seed < 0:
            raise InputError("seed", expected="0 or more", found=str(seed))
        self.seed = seed

    @property
    def name(self) -> str:
        """Its class, for messages."""
        return type(self).__name__

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Refuse a view without samples, such as a spectrum."""
        view = getattr(_data_module(trainer), "view", None)
        if not getattr(view, "is_signal", True):
            expected, found = "the view signal", type(view).__name__
            hint = "choose this view, or remove the callback"
            raise InputError(self.name, expected=expected, found=found, hint=hint, setting="view")

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Change the beats of a batch (signals, labels)."""
        beats = BatchBeats.of(batch[0], self.name)
        with torch.no_grad():
            try:
                result: object = self.change(beats, self._generator(trainer, batch_idx))
            except FrozenInstanceError as error:
                raise self._not_in_place("an assignment to beats.leads or another part") from error
        if result is not None:
            found = f"a result ({type(result).__name__}), which nothing uses"
            raise self._not_in_place(found)

    def _not_in_place(self, found: str) -> InputError:
        return InputError(
            f"{self.name}.change",
            expected="a change of beats.leads in place, and no result",
            found=found,
            hint="write beats.leads.mul_(…), beats.leads.add_(…) or beats.leads[…] = …",
        )

    @abstractmethod
    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Change beats in place.

        Args:
            beats: Those of a batch.
            generator: Draws on the CPU.
        """

    def _generator(self, trainer: lightning.Trainer, batch_idx: int) -> Generator:
        """A generator for a batch; several batches of one step have one each."""
        in_step = batch_idx % trainer.accumulate_grad_batches
        # Torch keeps 32 bits of a seed: large odd numbers spread the counts over them.
        mixed = trainer.global_step + 0x9E3779B1 * self.seed + 0x85EBCA77 * trainer.global_rank
        mixed += 0xC2B2AE3D * in_step + self._salt()
        return torch.Generator().manual_seed(mixed % (1 << 32))

    def _salt(self) -> int:
        """Tells transforms with the same seed apart."""
        return zlib.crc32(self.name.encode())


def drawn_between(low: float, high: float, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Draw numbers of which all in a range are as likely, on the CPU."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def check_share(name: str, value: float) -> None:
    """Refuse a share that is not between 0 and 1.

    Raises:
        InputError: It is not.
    """
    if not 0 <= value <= 1:
        raise InputError(name, expected="a number from 0 to 1", found=f"{value:g}")


def check_range(name: str, values: tuple[float, float]) -> None:
    """Refuse a range whose lowest number is above its highest, or not finite.

    Raises:
        InputError: It is such a range.
    """
    low, high = values
    if not -math.inf < low <= high < math.inf:
        expected, found = "two finite numbers, the lower one first", f"{low:g}, {high:g}"
        raise InputError(name, expected=expected, found=found)


def check_positive(name: str, value: float) -> None:
    """Refuse a number that is not positive and finite.

    Raises:
        InputError: It is not.
    """
    if not 0 < value < math.inf:
        raise InputError(name, expected="a positive number", found=f"{value:g}")


def _data_module(trainer: lightning.Trainer) -> Any:
    return getattr(trainer, "datamodule", None)
