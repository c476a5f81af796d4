"""DeepConv1d, the original's `deep_conv1d` ("linear"): ten big-kernel convolutions.

A max pool follows each of them, and no activation.
"""

from typing import Self

from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models.checks import check_length, check_signals
from ecg_lightning.models.layers import BatchNorm, Conv1d, Dense, MaxPool1d, flatten
from ecg_lightning.models.pretrained import load_shipped

FILTERS = 32
KERNELS = (40, 40, 40, 40, 40, 33, 33, 25, 25, 25)
POOLS = (15, 15, 15, 15, 15, 15, 10, 10, 10, 10)
STRIDES = (2, 2, 2, 2, 2, 2, 2, 2, 1, 1)
FIRST_NORMED, LAST_NORMED = 5, 8  # counted from 0


class DeepConv1d(nn.Module):
    """Ten convolutions of 32 filters, each followed by a max pool, then two dense layers.

    BatchNorm follows the 6th to the 9th convolution. The network has 311,557 parameters at 256
    samples and 5 classes, with BatchNorm's moving statistics. Every layer pads, so every
    `input_length` is possible; the beats must then have that length.

    Args:
        input_length: Samples of a beat, 1 or more.
        classes: Number of classes.

    Raises:
        InputError: `input_length` is not positive.

    Source: the 2020 course project "ECG Classification", published validation accuracy 97.00 %,
    test 97.40 %.

    Example:
        >>> import torch
        >>> DeepConv1d(input_length=256)(torch.zeros(2, 1, 256)).shape
        torch.Size([2, 5])
    """

    def __init__(self, input_length: int = 256, classes: int = 5) -> None:
        super().__init__()
        check_length("DeepConv1d", input_length, [("same", 1, stride) for stride in STRIDES])
        self.input_length = input_length
        self.convs = nn.ModuleList(
            Conv1d(FILTERS if i else 1, FILTERS, kernel) for i, kernel in enumerate(KERNELS)
        )
        self.norms = nn.ModuleList(BatchNorm(FILTERS) for _ in range(FIRST_NORMED, LAST_NORMED + 1))
        self.pools = nn.ModuleList(
            MaxPool1d(*pool, "same") for pool in zip(POOLS, STRIDES, strict=True)
        )
        samples = input_length
        for stride in STRIDES:
            samples = -(-samples // stride)
        self.dense = Dense(samples * FILTERS, 32)
        self.head = Dense(32, classes)

    @classmethod
    def from_pretrained(cls) -> Self:
        """Return DeepConv1d for 256 samples with the shipped weights, in evaluation mode.

        See weights/README.md.
        """
        return load_shipped(cls())

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of beats x: (B, 1, T)."""
        check_signals("DeepConv1d", x, self.input_length)
        for i, (conv, pool) in enumerate(zip(self.convs, self.pools, strict=True)):
            x = conv(x)
            if FIRST_NORMED <= i <= LAST_NORMED:
                x = self.norms[i - FIRST_NORMED](x)
            x = pool(x)  # (B, 32, ceil(T / stride))
        return self.head(F.relu(self.dense(flatten(x))))
