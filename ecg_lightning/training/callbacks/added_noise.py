"""What noise and wander have in common: a signal-to-noise ratio, drawn for each sequence."""

import math
from abc import abstractmethod

import torch
from torch import Generator, Tensor

from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import (
    BatchTransform,
    check_range,
    check_share,
    drawn_between,
)


class AddedNoise(BatchTransform):
    """Add something to training beats, at the signal-to-noise ratio of WFDB's nst.

    The power of a signal is A² / 8, as of a sine with the peak-to-peak height A. A is the height of
    the template's QRS, or of the whole beat where there is no template. Templates, missing leads
    and the beats that fill up a sequence are not changed.

    Args:
        snr_db: The lowest and the highest ratio, in decibels; all between are as likely.
        share: The share of the sequences (plain beats: of the beats) that are changed.
        seed: Of what is drawn.

    Raises:
        InputError: A setting is not allowed.
    """

    def __init__(self, snr_db: tuple[float, float], share: float, seed: int) -> None:
        super().__init__(seed)
        check_range("snr_db", snr_db)
        check_share("share", share)
        self.snr_db, self.share = snr_db, share

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Add pieces of noise."""
        sizes = self._sizes(beats, generator)
        beats.leads.add_(self.pieces(beats, generator).to(beats.leads) * sizes[..., None])

    @abstractmethod
    def pieces(self, beats: BatchBeats, generator: Generator) -> Tensor:
        """Return a piece (S, K, L, T) for each lead of each beat, of a root mean square of 1.

        Args:
            beats: Those of a batch.
            generator: Draws on the CPU.
        """

    def _sizes(self, beats: BatchBeats, generator: Generator) -> Tensor:
        """The root mean square (S, K, L) of the noise on each lead of each beat."""
        n_sequences = beats.shape[0]
        noisy = torch.rand(n_sequences, generator=generator) < self.share
        ratios = 10 ** (drawn_between(*self.snr_db, (n_sequences,), generator) / 20) * math.sqrt(8)
        return beats.heights() * (noisy / ratios).to(beats.leads)[:, None, None]
