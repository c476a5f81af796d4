"""What all views have in common."""

from torch import Tensor, nn


class View(nn.Module):
    """The signal as it is, and the base of the other views.

    A view is a module without weights. It works on the device of its batch.

    Args:
        shape: The shape that it returns for a beat: (1, T) or (1, H, W).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    @property
    def input_length(self) -> int:
        """The input length of a network: T, or H, which is W too."""
        return self.shape[1]

    @property
    def is_signal(self) -> bool:
        """Whether a network sees the samples of a beat as they are."""
        return type(self) is View

    def forward(self, beats: Tensor) -> Tensor:
        """`(B, 1, T) -> (B, *shape)`."""
        return beats
