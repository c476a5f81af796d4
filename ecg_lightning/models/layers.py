"""Layers that compute what Keras's layers of the same name compute, weights in PyTorch's layout.

Differences that these layers bridge: where an even kernel's padding goes, what a pool pads with, BatchNorm's momentum, epsilon and
biased moving variance, and the Glorot start with zero bias. Source: the Keras 3 documentation; tests/parity compares each with Keras.

Signals are (B, C, T) everywhere. In memory the layers keep time outermost, (T, B, C), because convolution and pooling then work on
long contiguous rows; `x.permute(2, 0, 1)` is that memory, and a tensor in any other layout is copied into it once.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

from ecg_lightning.models.correlation import correlate, slide
from ecg_lightning.models.normalisation import normalise

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
    """(B, C, T) -> (T, B, C), contiguous; no copy for what these layers return."""
    return x.permute(2, 0, 1).contiguous()


class Conv1d(nn.Conv1d):
    """Keras's Conv1D with stride 1.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_samples: Length of the kernel, even or odd.
        padding: `same` keeps T; `valid` gives T - kernel_samples + 1.
    """

    bias: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_samples: int, padding: Padding = "same") -> None:
        super().__init__(in_channels, out_channels, kernel_samples)
        self.pads = same_padding(kernel_samples, kernel_samples, 1) if padding == "same" else (0, 0)
        glorot_(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, T) -> (B, C_out, T')."""
        if torch.compiler.is_exporting() or (x.device.type != "cpu" and not self._precise(x)):
            return F.conv1d(F.pad(x, self.pads), self.weight, self.bias)  # an exported graph should say "convolution"
        rows = time_first(x)
        if self.in_channels == 1:
            patches = F.pad(rows[:, :, 0], (0, 0, *self.pads)).unfold(0, self.kernel_size[0], 1)  # (T', B, K)
            y = F.linear(patches.contiguous(), self.weight[:, 0], self.bias)
        elif self._precise(x) and self._transforms_pay(*rows.shape):
            y = correlate(rows, self.weight, *self.pads) + self.bias
        else:
            y = slide(rows, self.weight, self.bias, *self.pads)
        return y.permute(1, 2, 0)

    def _transforms_pay(self, samples: int, batch: int, _: int) -> bool:
        return self.kernel_size[0] >= FROM_TAPS and batch >= FROM_BEATS and FROM_SAMPLES <= samples <= UP_TO_SAMPLES

    def _precise(self, x: Tensor) -> bool:
        """Spectra need more than bfloat16's 8 bits."""
        return x.dtype.itemsize >= 4 and not torch.is_autocast_enabled(x.device.type)


def _picture(rows: Tensor) -> Tensor:
    """(T, R) -> (1, R, T, 1) with strides that torch takes for channels_last, so that it pools whole rows at once."""
    return rows.view(1, -1, 1, rows.shape[1]).permute(0, 3, 1, 2)


class _RowMax(torch.autograd.Function):
    """Max pool along the first axis of rows: (T, R) -> (T', R); of equal values the first one gets the gradient.

    It is torch's own pool of a picture one pixel wide. Left to autograd, the gradient of such a picture loses its channels_last strides
    and is copied four times, which costs more than the pool.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor, pool: int, stride: int) -> Tensor:  # type: ignore[override]
        y, indices = torch.ops.aten.max_pool2d_with_indices(_picture(rows), (pool, 1), (stride, 1))
        ctx.save_for_backward(rows, indices)
        ctx.sizes = (pool, stride)  # type: ignore[attr-defined]
        return y[0, :, :, 0].T

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        rows, indices = ctx.saved_tensors  # type: ignore[attr-defined]
        pool, stride = ctx.sizes  # type: ignore[attr-defined]
        grad_picture = torch.ops.aten.max_pool2d_with_indices_backward(
            _picture(grad.contiguous()), _picture(rows), (pool, 1), (stride, 1), (0, 0), (1, 1), False, indices
        )
        return grad_picture[0, :, :, 0].T, None, None


class MaxPool1d(nn.Module):
    """Keras's MaxPooling1D. `same` pads with -inf, the odd one at the end; `valid` drops what does not fill a pool."""

    def __init__(self, pool_samples: int, stride: int, padding: Padding) -> None:
        super().__init__()
        self.pool_samples, self.stride, self.padding = pool_samples, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T')."""
        if torch.compiler.is_exporting():  # an exported graph should say "max pool"
            if self.padding == "same":
                x = F.pad(x, same_padding(x.shape[-1], self.pool_samples, self.stride), value=-torch.inf)
            return F.max_pool1d(x, self.pool_samples, self.stride)
        x = time_first(x)
        samples, batch, channels = x.shape
        rows = x.view(samples, batch * channels)
        if self.padding == "same":
            rows = F.pad(rows, (0, 0, *same_padding(samples, self.pool_samples, self.stride)), value=-torch.inf)
        return _RowMax.apply(rows, self.pool_samples, self.stride).view(-1, batch, channels).permute(1, 2, 0)


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
        if torch.compiler.is_exporting() and not self.training:  # the graph is to hold the norm alone, without moves of axes around it
            return self._normalise(x)
        # One row (C,) for each beat and place, in the order in which they lie in memory.
        rows = time_first(x) if x.dim() == 3 else x.movedim(1, -1)
        y = self._normalise(rows.flatten(0, -2)).view(rows.shape)
        return y.permute(1, 2, 0) if x.dim() == 3 else y.movedim(-1, 1)

    def _normalise(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.epsilon)
        y, mean, variance = normalise(x, self.weight, self.bias, self.epsilon)
        self._update(mean, variance)
        return y

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor) -> None:
        for moving, of_batch in ((self.running_mean, mean), (self.running_var, variance)):
            moving.lerp_(of_batch.to(moving.dtype), 1 - self.momentum)


class Conv2d(nn.Conv2d):
    """Keras's Conv2D with stride 1 and a square kernel; `same` or `valid`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_pixels: int, padding: Padding = "same") -> None:
        super().__init__(in_channels, out_channels, kernel_pixels)
        before, after = same_padding(kernel_pixels, kernel_pixels, 1) if padding == "same" else (0, 0)
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
