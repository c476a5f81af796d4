"""Layers that compute what Keras's layers of the same name compute, weights in PyTorch's layout.

They differ from PyTorch's in where an even kernel's padding goes, in what a pool pads with, in
BatchNorm's momentum, epsilon and biased moving variance, and in the Glorot start with zero bias.
Source: the Keras 3 documentation; tests/parity compares each layer with Keras.

Signals are (B, C, T) everywhere. In memory the layers keep time outermost and the batch innermost,
(T, C, B), because convolution and pooling then work on long contiguous rows. `x.permute(2, 1, 0)`
is that memory. A tensor in another layout is copied into it once.

An exported or compiled network consists of torch's own operations instead, because a graph should
say "convolution" and "max pool". A few beats without gradients stay (B, C, T) in memory and also
use torch's own operations: with little to compute, each further operation costs a noticeable share.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models.fast.correlation import correlate, slide, slide_few
from ecg_lightning.models.fast.normalisation import normalise, precise, world_size
from ecg_lightning.models.fast.pools import row_max

Padding = Literal["same", "valid"]

# Transforms are faster from so many taps, samples and beats on, up to so many samples: one
# transform of the kernel serves the whole batch, and the matrices of cosines and sines grow with
# the square of the length.
FROM_TAPS, FROM_SAMPLES, FROM_BEATS = 8, 7, 5
UP_TO_SAMPLES = 1024


def same_padding(samples: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's padding before and after, for ceil(samples / stride) outputs."""
    total = max((-(-samples // stride) - 1) * stride + kernel - samples, 0)
    return total // 2, total - total // 2


def glorot_(layer: nn.Module) -> None:
    """Initialise a convolution or dense layer as Keras does: Glorot uniform weights, zero bias."""
    nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def time_first(x: Tensor) -> Tensor:
    """Return (B, C, T) as contiguous (T, C, B); what these layers return needs no copy."""
    return x.permute(2, 1, 0).contiguous()


def _few(x: Tensor) -> bool:
    """Whether these are few beats on a CPU without gradients, which keep their layout."""
    return x.device.type == "cpu" and len(x) < FROM_BEATS and not torch.is_grad_enabled()


class Conv1d(nn.Conv1d):
    """Keras's Conv1D with stride 1.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_samples: Length of the kernel, even or odd.
        padding: `same` keeps T; `valid` gives T - kernel_samples + 1.
    """

    bias: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel_samples: int, padding: Padding = "same"
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_samples)
        self.pads = same_padding(kernel_samples, kernel_samples, 1) if padding == "same" else (0, 0)
        glorot_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, T) to (B, C_out, T')."""
        mixed, weight, bias = torch.is_autocast_enabled(x.device.type), self.weight, self.bias
        if torch.compiler.is_compiling() or (
            x.device.type != "cpu" and (mixed or x.dtype.itemsize < 4)
        ):
            return F.conv1d(F.pad(x, self.pads), weight, bias)
        if not mixed:
            return self._convolved(x, weight, bias)
        # Casts cost more than they save for few samples.
        long = x.shape[-1] >= FROM_SAMPLES
        dtype = torch.get_autocast_dtype(x.device.type) if long else weight.dtype
        with torch.autocast(x.device.type, enabled=False):
            return self._convolved(x.to(dtype), weight.to(dtype), bias.to(dtype))

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if _few(x):
            return slide_few(x, weight, bias, *self.pads)
        rows = time_first(x)
        _, channels, batch = rows.shape
        if channels == 1 and batch >= FROM_BEATS:
            padded = F.pad(rows[:, 0], (0, 0, *self.pads))
            patches = padded.unfold(0, self.kernel_size[0], 1).transpose(1, 2)  # (T', K, B), a view
            y = torch.baddbmm(bias[:, None], weight[:, 0].expand(len(patches), -1, -1), patches)
        elif self._transforms_pay(rows):
            y = correlate(rows, weight, bias, *self.pads)
        else:
            y = slide(rows, weight, bias, *self.pads)
        return y.permute(2, 1, 0)

    def _transforms_pay(self, rows: Tensor) -> bool:
        samples, _, batch = rows.shape
        # Frequency 0 is a sum over all samples, and float16 ends at 65,504.
        return (
            rows.dtype != torch.float16
            and self.kernel_size[0] >= FROM_TAPS
            and batch >= FROM_BEATS
            and FROM_SAMPLES <= samples <= UP_TO_SAMPLES
        )


class MaxPool1d(nn.Module):
    """Keras's MaxPooling1D.

    `same` pads with -inf, and with one more at the end where the number is odd. `valid` drops the
    samples that do not fill a pool.
    """

    def __init__(self, pool_samples: int, stride: int, padding: Padding) -> None:
        super().__init__()
        self.pool_samples, self.stride, self.padding = pool_samples, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T) to (B, C, T')."""
        pads = (
            same_padding(x.shape[-1], self.pool_samples, self.stride)
            if self.padding == "same"
            else (0, 0)
        )
        if torch.compiler.is_compiling():
            return F.max_pool1d(
                F.pad(x, pads, value=-torch.inf) if any(pads) else x, self.pool_samples, self.stride
            )
        if x.shape[-1] == 1 and self.padding == "same":
            return x
        # Torch pads both sides alike. With a stride, its ceil mode adds one sample at the end.
        if pads[1] > pads[0] and self.stride == 1:
            x, pads = F.pad(x, pads, value=-torch.inf), (0, 0)
        one_more = pads[1] > pads[0]
        if _few(x):
            return F.max_pool1d(x, self.pool_samples, self.stride, pads[0], ceil_mode=one_more)
        x = time_first(x)
        samples, channels, batch = x.shape
        rows = x.view(samples, channels * batch)
        sizes = ((self.pool_samples, 1), (self.stride, 1), (pads[0], 0), (1, 1), one_more)
        return row_max(rows, sizes).view(-1, channels, batch).permute(2, 1, 0)


class BatchNorm(nn.Module):
    """Keras's BatchNormalization over the channels of (B, C, …).

    The momentum is 0.99 in Keras's sense, epsilon is 1e-3, and the moving variance takes the biased
    batch variance. A batch with a single value per channel is normalised to `bias`; torch refuses
    it. If several processes train together (DDP), the batch is the joint one of all of them. Do not
    replace this layer by torch's SyncBatchNorm, which uses the unbiased variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, momentum: float = 0.99, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x: (B, C, …), the shape stays."""
        if torch.compiler.is_compiling() and not (self.training and world_size() > 1):
            return self._plain(x)
        if not self.training and (x.dim() != 3 or _few(x)):
            return self._by_moving_statistics(x)
        if x.dim() == 3:
            return self._normalise(time_first(x)).permute(2, 1, 0)
        rows = x.movedim(1, -1)  # one row of channels per beat and place, as in memory
        return self._normalise(rows.flatten(0, -2)).view(rows.shape).movedim(-1, 1)

    def _normalise(self, x: Tensor) -> Tensor:
        if not self.training:
            return self._by_moving_statistics(x)
        y, mean, variance = normalise(x, self.weight, self.bias, self.epsilon)
        self._update(mean, variance)
        return y

    def _plain(self, x: Tensor) -> Tensor:
        if not self.training:
            return self._by_moving_statistics(x)
        wide = x.to(precise(x))
        variance, mean = torch.var_mean(
            wide, [i for i in range(x.dim()) if i != 1], correction=0, keepdim=True
        )
        self._update(mean.flatten(), variance.flatten())
        shape = mean.shape
        y = (wide - mean) * (variance + self.epsilon).rsqrt() * self.weight.view(
            shape
        ) + self.bias.view(shape)
        return y.to(x.dtype)

    def _by_moving_statistics(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.epsilon
        )

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor) -> None:
        for moving, batch in ((self.running_mean, mean), (self.running_var, variance)):
            moving.lerp_(batch.to(moving.dtype), 1 - self.momentum)


class Conv2d(nn.Conv2d):
    """Keras's Conv2D with stride 1 and a square kernel; `same` or `valid`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_pixels: int, padding: Padding = "same"
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_pixels)
        before, after = (
            same_padding(kernel_pixels, kernel_pixels, 1) if padding == "same" else (0, 0)
        )
        self.pads = (before, after, before, after)
        glorot_(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H', W')."""
        if self.pads[0] == self.pads[1]:
            return F.conv2d(x, self.weight, self.bias, padding=self.pads[0])
        return F.conv2d(F.pad(x, self.pads), self.weight, self.bias)


class Dense(nn.Linear):
    """Keras's Dense without activation: Glorot start, zero bias."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        glorot_(self)


def flatten(x: Tensor) -> Tensor:
    """Map (B, C, …) to (B, … C): Keras's Flatten has the channels last."""
    return x.movedim(1, -1).flatten(1)
