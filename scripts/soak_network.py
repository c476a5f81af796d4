"""A network that trains in a fraction of a second, for soak.py."""

import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """Means over eighths of a beat, a hidden layer and the logits of five classes.

    Args:
        input_length: Samples of a beat, 8 or more.
        classes: Number of classes.
    """

    def __init__(self, input_length: int = 256, classes: int = 5) -> None:
        super().__init__()
        self.input_length = input_length
        self.hidden, self.head = nn.Linear(8, 16), nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of beats (B, 1, T)."""
        means = torch.stack([part.mean(-1) for part in x[:, 0].chunk(8, dim=-1)], dim=-1)
        logits: Tensor = self.head(torch.relu(self.hidden(means)))
        return logits
