"""Training beats with the noise of real recordings, or with a synthetic one."""

from typing import Any

import lightning
import torch
from torch import Generator, Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.added_noise import AddedNoise
from ecg_lightning.training.callbacks.batch_beats import BatchBeats


class RandomNoise(AddedNoise):
    """Add noise to training beats, in place. Templates stay.

    A sequence gets pieces of one kind of noise, another piece for each beat, at one signal-to-noise
    ratio. This is the ratio of WFDB's nst: that of a sine as high as the QRS of the template (a
    plain beat: as the beat) to the noise before any filter.

    Args:
        snr_db: The lowest and the highest ratio, in decibels; all between are as likely.
        share: The share of the sequences (plain beats: of the beats) that get noise.
        folder: The folder of NSTDB, with the records bw, em and ma. The first half of each is used,
            so that the second is left for tests. Default: synthetic noise, white and coloured.
        seed: Of what is drawn, and of the synthetic noise.

    Raises:
        InputError: A setting is not allowed, the records are missing, or the Trainer has no
            `BeatDataModule`, which prepares the noise.
    """

    def __init__(
        self,
        snr_db: tuple[float, float] = (0.0, 24.0),
        share: float = 0.5,
        folder: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(snr_db, share, seed)
        self.folder = folder
        self.noises = torch.zeros(0)

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Let the data module prepare the noise, and put it on the device."""
        super().on_fit_start(trainer, pl_module)
        data: Any = getattr(trainer, "datamodule", None)
        if not hasattr(data, "noises"):
            found = "none" if data is None else type(data).__name__
            raise InputError(self.name, expected="the data module BeatDataModule", found=found)
        self.noises = torch.from_numpy(data.noises(self.folder, self.seed))
        self.noises = self.noises.to(trainer.strategy.root_device)

    def pieces(self, beats: BatchBeats, generator: Generator) -> Tensor:
        """Return pieces of noise; those of plain beats have no mean, as nst measures them."""
        n_sequences, n_beats, n_leads = beats.shape
        samples = beats.leads.shape[-1]
        n_kinds, n_channels, length = self.noises.shape
        if length < samples:
            expected = f"noise of {samples:,} samples or more"
            raise InputError(self.name, expected=expected, found=f"{length:,}")
        kinds = torch.randint(n_kinds, (n_sequences, 1), generator=generator)
        starts = torch.randint(length - samples + 1, (n_sequences, n_beats), generator=generator)
        cut = self.noises.unfold(-1, samples, 1)  # (kinds, channels, starts, T), a view
        pieces = cut[kinds.to(cut.device), :, starts.to(cut.device)]
        if n_leads != n_channels:
            pieces = pieces[:, :, torch.arange(n_leads, device=pieces.device) % n_channels]
        return pieces - pieces.mean(-1, keepdim=True) if beats.templates is None else pieces
