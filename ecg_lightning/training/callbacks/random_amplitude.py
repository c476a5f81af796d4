"""Training beats that are larger or smaller from beat to beat, as with breathing."""

import math

import torch
from torch import Generator

from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import (
    BatchTransform,
    check_positive,
    check_share,
    drawn_between,
)

WAVES = 3
PERIODS_BEATS = 3.0, 100.0  # from a breath to a slow drift; all their logarithms are as likely


class RandomAmplitude(BatchTransform):
    """Multiply training beats by a gain that changes smoothly from beat to beat, in place.

    Templates stay. The logarithm of the gain of a lead is a sum of slow waves. A plain beat has a
    gain of its own, about its median.

    Args:
        spread: The standard deviation of the natural logarithm of the gain.
        share: The share of the sequences (plain beats: of the beats) that are changed.
        seed: Of what is drawn.

    Raises:
        InputError: A setting is not allowed.
    """

    def __init__(self, spread: float = 0.1, share: float = 1.0, seed: int = 0) -> None:
        super().__init__(seed)
        check_positive("spread", spread)
        check_share("share", share)
        self.spread, self.share = spread, share

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Multiply beats."""
        n_sequences, n_beats, n_leads = beats.shape
        shape = n_sequences, 1, n_leads, WAVES
        shortest, longest = map(math.log, PERIODS_BEATS)
        periods = drawn_between(shortest, longest, shape, generator).exp()
        phases = drawn_between(0, 2 * math.pi, shape, generator)
        chosen = torch.rand(n_sequences, 1, 1, generator=generator) < self.share
        places = 2 * math.pi * torch.arange(n_beats)[:, None, None]
        waves = torch.cos(places / periods + phases).sum(-1)  # (S, K, L)
        gains = (self.spread * math.sqrt(2 / WAVES) * waves * chosen).exp()
        gains = gains.to(beats.leads)[..., None]
        if beats.templates is None:
            half = (beats.leads.shape[-1] - 1) // 2
            middle = beats.leads.sort(-1).values[..., half, None]  # `median` varies on GPUs
            beats.leads.sub_(middle).mul_(gains).add_(middle)
        else:
            beats.leads.mul_(gains)
