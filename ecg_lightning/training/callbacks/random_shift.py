"""Training beats that lie a little to the left or to the right, as found beats do."""

from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks
from torch import Tensor

from ecg_lightning.errors import InputError


class RandomShift(callbacks.Callback):
    """Shift each training beat by a random number of samples, in place.

    The marks of experts lie at one place of a beat, those of a detector some samples away from it.
    A network that was trained at the marks alone takes a shifted beat for one of another class.
    `fit` takes the callback by its name:

        --trainer.callbacks+=ecg_lightning.training.callbacks.RandomShift
        --trainer.callbacks.most_samples=12

    The shifts depend on the seed and the step alone, so a resumed run draws the same ones.

    Args:
        most_samples: The largest shift in samples of the beat, to either side; all are as likely.
        seed: Of the shifts.

    Raises:
        InputError: `most_samples` is below 1.
    """

    def __init__(self, most_samples: int, seed: int = 0) -> None:
        super().__init__()
        if most_samples < 1:
            raise InputError("most_samples", expected="1 or more", found=str(most_samples))
        self.most_samples, self.seed = most_samples, seed

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Shift the beats of a batch (signals, labels)."""
        signals = batch[0]
        # Torch keeps 32 bits of a seed: large odd numbers spread the counts over them.
        mixed = trainer.global_step + 0x9E3779B1 * self.seed + 0x85EBCA77 * trainer.global_rank
        generator = torch.Generator().manual_seed(mixed % (1 << 32))
        bounds = -self.most_samples, self.most_samples + 1
        shifts = torch.randint(*bounds, (len(signals),), generator=generator)
        signals.copy_(shifted(signals, shifts.to(signals.device)))


def shifted(signals: Tensor, shifts: Tensor) -> Tensor:
    """Return beats later by some samples; what the shift uncovers repeats the sample at the edge.

    Args:
        signals: (B, C, T).
        shifts: (B,) in samples; below 0: earlier.

    Example:
        >>> shifted(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([1]))
        tensor([[[1., 1., 2.]]])
    """
    n_samples = signals.shape[-1]
    places = torch.arange(n_samples, device=signals.device) - shifts[:, None]  # (B, T)
    places = places.clamp(0, n_samples - 1)[:, None].expand_as(signals)
    return signals.gather(-1, places)
