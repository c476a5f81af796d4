"""The network that finds beats."""

from torch import Tensor, nn

FS_HZ = 120.0  # of its input


class BeatDetector(nn.Module):
    """Gives the probability of a beat at each sample, from one lead or several.

    Attributes:
        context_samples: How many samples on each side decide about a sample.
        threshold: The least probability of a beat, chosen on training records.
    """

    context_samples: int
    threshold: float

    def forward(self, leads: Tensor) -> Tensor:
        """Return logits (B, T) of leads (B, L, T) at 120 Hz, filtered and scaled."""
        raise NotImplementedError
