"""Conv2d, the original's `model_2d`: small kernels on a picture of the beat."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models.checks import check_length, check_pictures
from ecg_lightning.models.layers import BatchNorm, Dense, flatten
from ecg_lightning.models.layers import Conv2d as KerasConv2d

FILTERS = 32
STEM_KERNEL = 7
KERNELS = (5, 3, 3, 3)
# Pictures at once, without gradients on a CPU. One picture's output of a layer takes 2 MB; those of
# more than 8 do not stay in the caches.
AT_ONCE = 8


class PictureBlock(nn.Module):
    """Two branches that are added, then a 2x2 max pool.

    One branch is two convolutions with ReLU and a BatchNorm, the other a 1x1 convolution with ReLU.
    """

    def __init__(self, kernel_pixels: int) -> None:
        super().__init__()
        self.conv1 = KerasConv2d(FILTERS, FILTERS, kernel_pixels)
        self.conv2 = KerasConv2d(FILTERS, FILTERS, kernel_pixels)
        self.norm = BatchNorm(FILTERS)
        self.shortcut = KerasConv2d(FILTERS, FILTERS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 32, H, W) to (B, 32, H // 2, W // 2)."""
        y = self.norm(F.relu(self.conv2(F.relu(self.conv1(x), inplace=True)), inplace=True))
        shortcut = F.relu(self.shortcut(x), inplace=True)
        return F.max_pool2d(y + shortcut if torch.is_grad_enabled() else shortcut.add_(y), 2)


class Conv2d(nn.Module):
    """A 7x7 convolution and four blocks, 163,589 parameters at 128 x 128 pixels and 5 classes.

    Args:
        input_length: Height and width of the picture in pixels; 22 is the smallest that leaves a
            pixel after the last pool.
        classes: Number of classes.

    Raises:
        InputError: The picture is too small; the message gives the sizes after each layer.

    Source: the 2020 course project "ECG Classification". Its pixels are in [0, 1].

    Example:
        >>> Conv2d(input_length=128)(torch.zeros(2, 1, 128, 128)).shape
        torch.Size([2, 5])
    """

    def __init__(self, input_length: int = 128, classes: int = 5) -> None:
        super().__init__()
        pixels = check_length(
            "Conv2d", input_length, [("valid", STEM_KERNEL, 1), *[("valid", 2, 2)] * len(KERNELS)]
        )
        self.input_length = input_length
        self.stem = KerasConv2d(1, FILTERS, STEM_KERNEL, "valid")
        self.stem_norm = BatchNorm(FILTERS)
        self.blocks = nn.Sequential(*(PictureBlock(kernel) for kernel in KERNELS))
        self.dense = Dense(pixels * pixels * FILTERS, 32)
        self.head = Dense(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of pictures x: (B, 1, H, W)."""
        check_pictures("Conv2d", x, self.input_length)
        eager = not torch.compiler.is_compiling()
        independent = eager and not (
            torch.is_grad_enabled() or any(part.training for part in self.modules())
        )
        if independent and x.device.type == "cpu" and len(x) > AT_ONCE:
            return torch.cat([self.forward(part) for part in x.split(AT_ONCE)])
        if eager:
            # channels_last, which .contiguous() does not make of one channel
            x = x[:, 0, :, :, None].permute(0, 3, 1, 2)
        x = self.blocks(self.stem_norm(F.relu(self.stem(x), inplace=True)))
        return self.head(F.relu(self.dense(flatten(x))))
