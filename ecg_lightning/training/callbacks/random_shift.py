"""Training beats that lie a little to the left or to the right, as found beats do."""

import torch
from torch import Generator, Tensor

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import BatchTransform


class RandomShift(BatchTransform):
    """Shift each training beat by a random number of samples, in place. Templates stay.

    The marks of experts lie at one place of a beat, those of a detector some samples away from it.
    A network that was trained at the marks alone takes a shifted beat for one of another class.
    `fit` takes the callback by its name:

        --trainer.callbacks+=ecg_lightning.training.callbacks.RandomShift
        --trainer.callbacks.most_samples=12

    Args:
        most_samples: The largest shift in samples of the beat, to either side; all are as likely.
        seed: Of the shifts.

    Raises:
        InputError: `most_samples` is below 1.
    """

    def __init__(self, most_samples: int, seed: int = 0) -> None:
        super().__init__(seed)
        if most_samples < 1:
            raise InputError("most_samples", expected="1 or more", found=str(most_samples))
        self.most_samples = most_samples

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Shift beats, all leads of a beat alike."""
        leads = beats.leads.flatten(0, 1)
        bounds = -self.most_samples, self.most_samples + 1
        shifts = torch.randint(*bounds, (len(leads),), generator=generator).to(leads.device)
        beats.leads.copy_(shifted(leads, shifts).view(beats.leads.shape))

    def _salt(self) -> int:
        """0: the shipped weights were trained with these draws."""
        return 0


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
