"""Layers that compute what Keras's layers of the same name compute, weights in PyTorch's layout.

Differences that these layers bridge: where an even kernel's padding goes, what a pool pads with, BatchNorm's momentum, epsilon and
biased moving variance, and the Glorot start with zero bias. Source: the Keras 3 documentation; tests/parity compares each with Keras.

Signals are (B, C, T) everywhere. In memory the layers keep time outermost and the batch innermost, (T, C, B), because convolution and
pooling then work on long contiguous rows; `x.permute(2, 1, 0)` is that memory, and a tensor in any other layout is copied into it once.

What is exported or compiled is made of torch's own operations instead: a graph should say "convolution" and "max pool". A few beats
without gradients stay (B, C, T) in memory and take them too: where there is little to do, every other operation is felt.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.models.fast.correlation import correlate, slide, slide_few
from ecg_lightning.models.fast.normalisation import normalise, precise, world_size
from ecg_lightning.models.fast.pools import row_max

Padding = Literal["same", "valid"]

# Transforms pay from so many taps, samples and beats on, up to so many samples: the kernel's own transform serves the whole batch, and
# the cosine and sine matrices grow with the square of the length.
FROM_TAPS, FROM_SAMPLES, FROM_BEATS = 8, 7, 5
UP_TO_SAMPLES = 1024


def same_padding(samples: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow pads before and after `samples` so that ceil(samples / stride) outputs come out."""
    total = max((-(-samples // stride) - 1) * stride + kernel - samples, 0)
    return total // 2, total - total // 2


def glorot_(layer: nn.Module) -> None:
    """Starts a convolution or dense layer as Keras does: Glorot uniform weights, zero bias."""
    nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def time_first(x: Tensor) -> Tensor:
    """(B, C, T) -> (T, C, B), contiguous; no copy for what these layers return."""
    return x.permute(2, 1, 0).contiguous()


def _few(x: Tensor) -> bool:
    """Whether these are so few beats, on a CPU and without gradients, that their layout is left as it is."""
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
        """(B, C_in, T) -> (B, C_out, T')."""
        mixed, weight, bias = torch.is_autocast_enabled(x.device.type), self.weight, self.bias
        if torch.compiler.is_compiling() or (
            x.device.type != "cpu" and (mixed or x.dtype.itemsize < 4)
        ):
            return F.conv1d(F.pad(x, self.pads), weight, bias)
        if not mixed:
            return self._convolved(x, weight, bias)
        kind = (
            torch.get_autocast_dtype(x.device.type) if x.shape[-1] >= FROM_SAMPLES else weight.dtype
        )  # few are not worth the casts
        with torch.autocast(x.device.type, enabled=False):
            return self._convolved(x.to(kind), weight.to(kind), bias.to(kind))

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if _few(x):
            return slide_few(x, weight, bias, *self.pads)
        rows = time_first(x)
        _, channels, batch = rows.shape
        if channels == 1 and batch >= FROM_BEATS:
            patches = (
                F.pad(rows[:, 0], (0, 0, *self.pads))
                .unfold(0, self.kernel_size[0], 1)
                .transpose(1, 2)
            )  # (T', K, B), not copied
            y = torch.baddbmm(bias[:, None], weight[:, 0].expand(len(patches), -1, -1), patches)
        elif self._transforms_pay(rows):
            y = correlate(rows, weight, bias, *self.pads)
        else:
            y = slide(rows, weight, bias, *self.pads)
        return y.permute(2, 1, 0)

    def _transforms_pay(self, rows: Tensor) -> bool:
        samples, _, batch = rows.shape
        in_range = (
            rows.dtype != torch.float16
        )  # which ends at 65,504, and frequency 0 is a sum over all samples
        return (
            in_range
            and self.kernel_size[0] >= FROM_TAPS
            and batch >= FROM_BEATS
            and FROM_SAMPLES <= samples <= UP_TO_SAMPLES
        )


class MaxPool1d(nn.Module):
    """Keras's MaxPooling1D. `same` pads with -inf, the odd one at the end; `valid` drops what does not fill a pool."""

    def __init__(self, pool_samples: int, stride: int, padding: Padding) -> None:
        super().__init__()
        self.pool_samples, self.stride, self.padding = pool_samples, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T')."""
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
        # Torch pads both sides alike; with a stride, its ceil mode is one sample more behind.
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

    Momentum 0.99 in Keras's sense, epsilon 1e-3, and a moving variance that takes the biased batch variance. A batch with a single
    value a channel is normalised to `bias` instead of being refused. Where several processes train together (DDP) the batch is the
    joint one of all of them; torch's SyncBatchNorm, which brings the unbiased variance back, is not to replace it.
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
        """(B, C, …) -> the same shape."""
        if torch.compiler.is_compiling() and not (self.training and world_size() > 1):
            return self._plain(x)
        if not self.training and (x.dim() != 3 or _few(x)):
            return self._by_moving_statistics(x)
        if x.dim() == 3:
            return self._normalise(time_first(x)).permute(2, 1, 0)
        rows = x.movedim(1, -1)  # a row of channels for each beat and place, as they lie in memory
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
        for moving, of_batch in ((self.running_mean, mean), (self.running_var, variance)):
            moving.lerp_(of_batch.to(moving.dtype), 1 - self.momentum)


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
        """(B, C_in, H, W) -> (B, C_out, H', W')."""
        if self.pads[0] == self.pads[1]:
            return F.conv2d(x, self.weight, self.bias, padding=self.pads[0])
        return F.conv2d(F.pad(x, self.pads), self.weight, self.bias)


class Dense(nn.Linear):
    """Keras's Dense without activation: Glorot start, zero bias."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        glorot_(self)


def flatten(x: Tensor) -> Tensor:
    """(B, C, …) -> (B, … C): Keras's Flatten runs over the channels last."""
    return x.movedim(1, -1).flatten(1)
