"""Training beats whose baseline moves slowly, as with breathing and motion."""

import math

import torch
from torch import Generator, Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.added_noise import AddedNoise
from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import check_range, drawn_between


class RandomWander(AddedNoise):
    """Add a slow sine to each training beat, in place. Templates stay.

    Each beat of each lead has a phase of its own; all beats of a sequence have one frequency.

    Args:
        snr_db: The lowest and the highest signal-to-noise ratio, in decibels, as of `RandomNoise`.
        share: The share of the sequences (plain beats: of the beats) whose baseline moves.
        periods: The lowest and the highest number of periods in a window. A window of a sequence is
            1 s long, and nothing below 0.5 Hz passes its filter.
        seed: Of what is drawn.

    Raises:
        InputError: A setting is not allowed.
    """

    def __init__(
        self,
        snr_db: tuple[float, float] = (0.0, 24.0),
        share: float = 0.5,
        periods: tuple[float, float] = (0.5, 1.0),
        seed: int = 0,
    ) -> None:
        super().__init__(snr_db, share, seed)
        check_range("periods", periods)
        if periods[0] < 0:
            raise InputError("periods", expected="0 or more", found=f"{periods[0]:g}")
        self.periods = periods

    def pieces(self, beats: BatchBeats, generator: Generator) -> Tensor:
        """Return sines."""
        samples = beats.leads.shape[-1]
        periods = drawn_between(*self.periods, (beats.shape[0], 1, 1, 1), generator)
        phases = drawn_between(0, 2 * math.pi, (*beats.shape, 1), generator).to(beats.leads)
        angles = (2 * math.pi / samples * periods).to(beats.leads)
        times = torch.arange(samples, dtype=beats.leads.dtype, device=beats.leads.device)
        return math.sqrt(2) * torch.cos(times * angles + phases)
