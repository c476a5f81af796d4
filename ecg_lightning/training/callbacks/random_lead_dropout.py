"""Training beats of two leads of which one is missing, so that one lead is enough."""

import torch
from torch import Generator

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.batch_beats import BatchBeats
from ecg_lightning.training.callbacks.batch_transform import BatchTransform, check_share


class RandomLeadDropout(BatchTransform):
    """Take one of two leads away from whole sequences, in place.

    Either the second lead becomes 0, with its template, as in a recording that has only one. Or the
    first does, and the second takes its place. The numbers stay: those about shapes are still the
    ones of both leads. A sequence of which a lead is missing already stays as it is.

    Args:
        second: The share of the sequences that lose their second lead.
        first: The share of those that lose their first.
        seed: Of what is drawn.

    Raises:
        InputError: A share is not between 0 and 1, or both together are above 1. A batch does not
            have two leads.
    """

    def __init__(self, second: float = 0.3, first: float = 0.1, seed: int = 0) -> None:
        super().__init__(seed)
        check_share("second", second)
        check_share("first", first)
        if second + first > 1:
            expected, found = "shares whose sum is at most 1", f"{second:g} and {first:g}"
            raise InputError("second and first", expected=expected, found=found)
        self.second, self.first = second, first

    def change(self, beats: BatchBeats, generator: Generator) -> None:
        """Take leads away."""
        n_sequences, _, n_leads = beats.shape
        if n_leads != 2:
            hint = "remove it from the callbacks"
            raise InputError(self.name, expected="beats of 2 leads", found=str(n_leads), hint=hint)
        drawn = torch.rand(n_sequences, generator=generator).to(beats.leads.device)
        both = beats.present().all(1)
        moves = (both & (drawn < self.first)).to(beats.leads)[:, None, None]
        stays = 1 - (both & (drawn < self.first + self.second)).to(beats.leads)[:, None, None]
        for part in (beats.leads, beats.templates):
            if part is not None:
                part[:, :, 0].mul_(1 - moves).addcmul_(part[:, :, 1], moves)
                part[:, :, 1].mul_(stays)
