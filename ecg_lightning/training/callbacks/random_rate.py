"""Training beats of a faster or a slower heart."""

import math

import torch
from torch import Generator, Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.batch_beats import ABSOLUTE, LOG_RANGE, BatchBeats
from ecg_lightning.training.callbacks.batch_transform import BatchTransform, drawn_between


class RandomRate(BatchTransform):
    """Change the heart rate of training sequences, or the speed of plain beats, in place.

    In a sequence all RR intervals become longer or shorter by one factor, so the number that holds
    an interval in seconds changes; ratios of intervals do not. The waves stay as they are: a QRS is
    hardly wider in a slower heart, and a stretched one would look like that of another class.
    A plain beat has no such number: it is stretched about its middle, where its R peak lies
    (Kaggle's beats have it elsewhere). Where the window had to be longer, its edge is repeated.

    Args:
        largest_factor: Of the intervals or of time; all logarithms from 1 / it to it are as likely.
        seed: Of what is drawn.

    Raises:
        InputError: The factor is not above 1.
    """

    def __init__(self, largest_factor: float = 1.2, seed: int = 0) -> None:
        super().__init__(seed)
        if not 1 < largest_factor < math.inf:
            found = f"{largest_factor:g}"
            raise InputError("largest_factor", expected="a number above 1", found=found)
        self.largest_factor = largest_factor

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Change rates."""
        most = math.log(self.largest_factor)
        logs = drawn_between(-most, most, (beats.shape[0],), generator).to(beats.leads)
        if beats.numbers is None:
            beats.leads.copy_(stretched(beats.leads[:, 0], logs.exp())[:, None])
            return
        is_beat = beats.numbers[..., 0]
        for column in ABSOLUTE:
            moved = (beats.numbers[..., column] + logs[:, None]).clamp(*LOG_RANGE)
            beats.numbers[..., column] = moved * is_beat


def stretched(signals: Tensor, factors: Tensor) -> Tensor:
    """Return beats that last longer by a factor, stretched about the middle sample.

    Args:
        signals: (B, L, T).
        factors: (B,) below 1: shorter; the samples at the edges are then repeated.

    Example:
        >>> stretched(torch.tensor([[[0.0, 1.0, 2.0, 3.0, 4.0]]]), torch.tensor([2.0]))
        tensor([[[1.0000, 1.5000, 2.0000, 2.5000, 3.0000]]])
    """
    n_samples = signals.shape[-1]
    middle = n_samples // 2
    exact = torch.promote_types(signals.dtype, torch.float32)  # half holds no place above 2,048
    offsets = torch.arange(n_samples, device=signals.device, dtype=exact) - middle
    places = (middle + offsets / factors[:, None]).clamp(0, n_samples - 1)[:, None]  # (B, 1, T)
    before = places.floor().clamp(max=max(n_samples - 2, 0))
    indices = before.long().expand_as(signals)
    left, right = signals.gather(-1, indices), signals.gather(-1, (indices + 1) % n_samples)
    return left + (right - left) * (places - before)
