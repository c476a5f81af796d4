"""Training beats of leads whose electrodes were exchanged."""

from typing import Any

import lightning
import torch
from torch import Generator

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import BatchTransform, check_share

MIDDLE = {"record": 0.5, "window": 0.5, "robust": 0.0}  # of what a normalization scales beats to


class RandomInversion(BatchTransform):
    """Turn a lead of whole sequences upside down, with its template, in place.

    Plain beats are turned about the middle of the range that their normalization scales them to.

    Args:
        share: The share of the sequences (plain beats: of the beats) in which a lead is inverted;
            each lead for itself.
        seed: Of what is drawn.

    Raises:
        InputError: A setting is not allowed, or there are plain beats and the Trainer has no
            `BeatDataModule`, which knows their normalization.
    """

    def __init__(self, share: float = 0.2, seed: int = 0) -> None:
        super().__init__(seed)
        check_share("share", share)
        self.share = share
        self._middle: float | None = None

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Ask the data module for the normalization."""
        super().on_fit_start(trainer, pl_module)
        settings: Any = getattr(getattr(trainer, "datamodule", None), "settings", None)
        self._middle = MIDDLE.get(getattr(settings, "normalization", ""))

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Invert leads."""
        n_sequences, _, n_leads = beats.shape
        inverted = torch.rand(n_sequences, 1, n_leads, 1, generator=generator) < self.share
        inverted = inverted.to(beats.leads)
        beats.leads.mul_(1 - 2 * inverted)
        if beats.templates is None:
            beats.leads.add_(2 * self._middle_of_plain_beats() * inverted)
        else:
            beats.templates.mul_(1 - 2 * inverted)

    def _middle_of_plain_beats(self) -> float:
        if self._middle is None:
            expected = "the data module BeatDataModule, which knows how beats were scaled"
            raise InputError(self.name, expected=expected, found="another one or none")
        return self._middle
