"""TimeDepends, the original's `time_depends` ("kernel 40"): a convolution, then residual blocks."""

from typing import Self

from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models.checks import check_length, check_signals
from ecg_lightning.models.layers import Conv1d, Dense, MaxPool1d, flatten
from ecg_lightning.models.pretrained import load_shipped

FILTERS = 32
STEM_KERNEL = 40
# Kernel, pool and pool stride of the blocks in the graph that the original saved. Its source has
# seven blocks. By mistake the second block's last activation takes the first block's output there,
# so the first block's pool and the second block's convolutions are not connected.
BLOCKS = ((32, 15, 2), (32, 10, 2), (24, 10, 2), (24, 10, 1), (12, 5, 1), (12, 5, 1))


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, plus the block's input, ReLU, max pool."""

    def __init__(self, kernel_samples: int, pool_samples: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Conv1d(FILTERS, FILTERS, kernel_samples)
        self.conv2 = Conv1d(FILTERS, FILTERS, kernel_samples)
        self.pool = MaxPool1d(pool_samples, stride, "valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 32, T) to (B, 32, (T - pool) // stride + 1)."""
        return self.pool(F.relu(self.conv2(F.relu(self.conv1(x))) + x))


class TimeDepends(nn.Module):
    """A convolution of 40 samples and six residual blocks.

    The network has 280,549 parameters at 256 samples and 5 classes.

    Args:
        input_length: Samples of a beat; 244 is the shortest that leaves a sample after the last
            pool.
        classes: Number of classes.

    Raises:
        InputError: The input is too short; the message gives the lengths after each layer.

    Source: the 2020 course project "ECG Classification", the connected graph of its saved model;
    published validation accuracy 96.40 %, test 96.00 %.

    Example:
        >>> import torch
        >>> TimeDepends(input_length=256)(torch.zeros(2, 1, 256)).shape
        torch.Size([2, 5])
    """

    def __init__(self, input_length: int = 256, classes: int = 5) -> None:
        super().__init__()
        steps = [
            ("valid", STEM_KERNEL, 1),
            *(("valid", pool, stride) for _, pool, stride in BLOCKS),
        ]
        samples = check_length("TimeDepends", input_length, steps)
        self.input_length = input_length
        self.stem = Conv1d(1, FILTERS, STEM_KERNEL, "valid")
        self.blocks = nn.Sequential(*(ResidualBlock(*block) for block in BLOCKS))
        self.head = Dense(samples * FILTERS, classes)

    @classmethod
    def from_pretrained(cls) -> Self:
        """Return TimeDepends for 256 samples with the shipped weights, in evaluation mode.

        See weights/README.md.
        """
        return load_shipped(cls())

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of beats x: (B, 1, T)."""
        check_signals("TimeDepends", x, self.input_length)
        return self.head(flatten(self.blocks(self.stem(x))))
