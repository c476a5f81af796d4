"""Your own network, for own_network.yaml."""

from torch import Tensor, nn


class MyNet(nn.Module):
    """Two convolutions and the mean over time.

    Args:
        input_length: Samples of a beat; ecg-lightning gives it.
        width: Channels.
    """

    def __init__(self, input_length: int, width: int = 16) -> None:
        super().__init__()
        self.input_length = input_length
        self.layers = nn.Sequential(
            nn.Conv1d(1, width, 25, padding=12),
            nn.ReLU(),
            nn.MaxPool1d(4),
            nn.Conv1d(width, 2 * width, 15, padding=7),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(2 * width, 5),
        )

    def forward(self, beats: Tensor) -> Tensor:
        """Return the logits (B, 5) of beats (B, 1, T)."""
        logits: Tensor = self.layers(beats)
        return logits
