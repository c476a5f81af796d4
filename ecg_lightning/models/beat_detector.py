"""The network that finds beats.

It has no memory of time but a window of context: 2.2 s on each side. The leads are seen alone until
near the end, where those that look reliable at a time count most: the order of leads means nothing,
and one lead alone is seen as if there were no others.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

FS_HZ = 120.0  # of its input
STRIDE = 2  # blocks begin at multiples of it
DILATIONS = (1, 2, 4, 8, 15)
STEM_TAPS, TAPS, OUT_TAPS = 15, 9, 5


class ResidualBlock(nn.Module):
    """A dilated convolution over time and one over channels, added to the input (B, C, T).

    Args:
        channels: C.
        dilation: The distance of taps, in samples.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        padding = TAPS // 2 * dilation
        self.time = nn.Conv1d(
            channels, channels, TAPS, padding=padding, dilation=dilation, bias=False
        )
        self.time_norm = nn.BatchNorm1d(channels)
        self.mix = nn.Conv1d(channels, channels, 1, bias=False)
        self.mix_norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, T)."""
        y = self.time_norm(self.time(x)).relu_()
        return self.mix_norm(self.mix(y)).add_(x).relu_()


class ChannelsLastConv1d(nn.Module):
    """A convolution over time whose output (B, C, T) has the channels of a sample side by side.

    It gives what the `Conv1d` that it is made of gives, but for rounding. With few channels oneDNN
    takes half the time on such tensors.

    Args:
        conv: Zero-padded and of one group.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(_channels_last(conv.weight.detach()))
        self.bias = conv.bias
        self.stride, self.padding = (1, *conv.stride), (0, *conv.padding)
        self.dilation = (1, *conv.dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C', T') of (B, C, T)."""
        conv = F.conv2d(
            _channels_last(x), self.weight, self.bias, self.stride, self.padding, self.dilation
        )
        return conv[:, :, 0]


def _channels_last(x: Tensor) -> Tensor:
    """A tensor (…, C, T) as (…, C, 1, T), with the channels side by side in memory."""
    return x[:, :, None].contiguous(memory_format=torch.channels_last)


class BeatDetector(nn.Module):
    """Gives the probability of a beat at each sample, from one lead or several.

    Args:
        channels: The channels of the layers.
        threshold: The least probability of a beat.

    Attributes:
        context_samples: How many samples on each side decide about a sample, at most.
        threshold: The least probability of a beat, chosen on training records.
    """

    context_samples = STRIDE * (TAPS // 2) * (sum(DILATIONS) + 1) + STEM_TAPS // 2 + STRIDE + 3
    threshold: float

    def __init__(self, channels: int = 24, threshold: float = 0.5) -> None:
        super().__init__()
        self.channels, self.threshold = channels, threshold
        self.stem = nn.Conv1d(1, channels, STEM_TAPS, STRIDE, STEM_TAPS // 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(channels)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, d) for d in DILATIONS))
        self.trust = nn.Conv1d(channels, 1, 1)
        self.last = ResidualBlock(channels, 1)
        self.up = nn.ConvTranspose1d(channels, 8, 2 * STRIDE, STRIDE, STRIDE // 2)
        self.out = nn.Conv1d(8, 1, OUT_TAPS, padding=OUT_TAPS // 2)

    def forward(self, leads: Tensor) -> Tensor:
        """Return logits (B, T) of leads (B, L, T) at 120 Hz, filtered and scaled; T is even.

        The first and the last `context_samples` see zeros beyond the ends.
        """
        return self.joined(self.features(leads))

    def fused(self) -> Self:
        """Put each normalization into the convolution before it, and keep channels side by side.

        That is less work; the results are the same but for rounding.

        Returns:
            This detector, which must be in evaluation mode and cannot be trained any more.
        """
        for owner in list(self.modules()):
            for norm_name, norm in list(owner.named_children()):
                if isinstance(norm, nn.BatchNorm1d):
                    name = norm_name.removesuffix("_norm")
                    setattr(owner, name, fuse_conv_bn_eval(getattr(owner, name), norm))
                    setattr(owner, norm_name, nn.Identity())
            for name, conv in list(owner.named_children()):
                if isinstance(conv, nn.Conv1d):
                    setattr(owner, name, ChannelsLastConv1d(conv))
        return self

    def features(self, leads: Tensor) -> Tensor:
        """Return what is seen in each lead alone, (B, L, C, T / 2), of leads (B, L, T)."""
        batch, n_leads, samples = leads.shape
        x = self.stem_norm(self.stem(leads.reshape(batch * n_leads, 1, samples))).relu_()
        x = self.blocks(x)
        return x.reshape(batch, n_leads, *x.shape[1:])

    def joined(self, features: Tensor) -> Tensor:
        """Return logits (B, T) of the features (B, L, C, T / 2) of one lead or several."""
        if features.shape[1] == 1:  # the trust in a lone lead is 1
            x = features[:, 0]
        else:
            trust = self.trust(features.flatten(0, 1)).reshape(*features.shape[:2], 1, -1)
            x = (torch.softmax(trust, 1) * features).sum(1)
        return self.out(self.up(self.last(x)).relu_())[:, 0]
