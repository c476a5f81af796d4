"""Correlation with a long kernel through the discrete Fourier transform, as a few matrix products.

A 40-tap kernel over 128 samples with 32 channels in and out costs 4.8 million multiplications per
beat when it slides along the signal. It costs 1.5 million when signal and kernel are transformed,
multiplied frequency by frequency, and transformed back. At these lengths the transforms are fastest
as products with a matrix of cosines and sines: every length works, padding costs nothing, and one
library call serves a whole batch.

The algorithm is exact up to rounding: 1e-15 of the largest output in float64 and 1e-6 in float32.
In bfloat16 the error is 0.5 % of the outputs' spread, and 0.3 % for sliding
(tests/models/fast/test_correlation.py).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

from ecg_lightning.errors import InputError

# Between so many multiplications, one matrix product of a few beats is faster than torch's own
# convolution. With fewer, copying what lies under the kernel takes longer than it saves; with more,
# the copy takes 16 MB at 32 channels.
FROM_MULTIPLICATIONS, UP_TO_MULTIPLICATIONS = 1 << 20, 1 << 27


@dataclass(frozen=True)
class _Transform:
    """The transform of L samples into F frequencies.

    The rows of a spectrum are real and imaginary parts in turn.

    Attributes:
        forward: (2 F, L).
        adjoint: (L, 2 F), the same numbers. Multiplying a transposed view is much slower.
    """

    forward: Tensor
    adjoint: Tensor


@dataclass(frozen=True)
class _Plan:
    """What a correlation of certain lengths needs.

    Attributes:
        taps: The taps that can touch the signal.
        kernel: The transform of the kernel, conjugated, shifted by the padding and scaled for the
            inverse transform.
        before: The transform of the signal.
        after: The transform of the result.
    """

    taps: slice
    kernel: _Transform
    before: _Transform
    after: _Transform


def _touching(samples: int, kernel_samples: int, left: int) -> slice:
    """The taps that can touch the signal; the others touch only padding."""
    return slice(max(0, left - samples + 1), min(kernel_samples, left + samples))


def _outputs(samples: int, kernel_samples: int, left: int, right: int) -> int:
    """The number of output samples, at least one."""
    outputs = samples + left + right - kernel_samples + 1
    if outputs < 1:
        raise InputError(
            "Conv1d",
            expected=f"{kernel_samples - left - right} samples or more "
            f"for a kernel of {kernel_samples}",
            found=str(samples),
        )
    return outputs


def _trimmed(weight: Tensor, samples: int, left: int, right: int) -> tuple[Tensor, tuple[int, int]]:
    """The taps that can touch the signal, and the zeros that they need on both sides."""
    kernel_samples = weight.shape[2]
    _outputs(samples, kernel_samples, left, right)
    taps = _touching(samples, kernel_samples, left)
    return weight[:, :, taps], (left - taps.start, right - (kernel_samples - taps.stop))


@lru_cache(maxsize=64)
def _plan(
    samples: int,
    kernel_samples: int,
    left: int,
    right: int,
    dtype: torch.dtype,
    device: torch.device,
) -> _Plan:
    outputs = _outputs(samples, kernel_samples, left, right)
    taps = _touching(samples, kernel_samples, left)
    offsets = torch.arange(taps.start, taps.stop) - left
    # The shortest period in which nothing that wraps around touches the signal. It is odd, so that
    # only frequency 0 is its own mirror image.
    period = (samples + max(0, -int(offsets[0]), int(offsets[-1]) + outputs - samples)) | 1
    frequencies = torch.arange((period + 1) // 2)

    def waves(times: Tensor, sign: float) -> Tensor:
        """(F, 2, len) exp(sign i w t); whole turns are subtracted as integers, which is exact."""
        angles = (torch.outer(frequencies, times) % period).double() * (2 * math.pi / period)
        return torch.stack([angles.cos(), sign * angles.sin()], dim=1)

    def transform(waves: Tensor) -> _Transform:
        forward = waves.flatten(0, 1).to(device=device, dtype=dtype)
        return _Transform(forward.contiguous(), forward.T.contiguous())

    scale = torch.full((len(frequencies), 1, 1), 2.0 / period, dtype=torch.float64)
    scale[0] = 1.0 / period
    before = transform(waves(torch.arange(samples), -1.0))
    after = before if outputs == samples else transform(waves(torch.arange(outputs), -1.0))
    return _Plan(taps, transform(scale * waves(offsets, 1.0)), before, after)


def multiply(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the product of matrices (M, K) and (K, N), plus a bias (N,).

    oneDNN computes it for float32 on a CPU where no gradient is recorded, because MKL, which
    torch.mm calls, takes twice as long on AMD's processors. oneDNN's product has no gradient.
    """
    recorded = torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)
    if (
        a.dtype == torch.float32
        and a.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and not recorded
    ):
        # Gaps between rows make oneDNN a thousand times slower.
        b = b if b.T.is_contiguous() else b.contiguous()
        return torch.ops.mkldnn._linear_pointwise(a, b.T, bias, "none", [], "")
    return torch.mm(a, b) if bias is None else torch.addmm(bias, a, b)


class _Correlation(torch.autograd.Function):
    """Map x: (T, C, B), weight: (O, C, K) and bias: (O,) to (T_out, O, B)."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int
    ) -> Tensor:  # type: ignore[override]
        (samples, channels, batch), (filters, _, kernel_samples) = x.shape, weight.shape
        plan = _plan(samples, kernel_samples, left, right, x.dtype, x.device)
        spectrum = multiply(plan.before.forward, x.reshape(samples, -1)).view(
            -1, 2 * channels, batch
        )
        kernel = multiply(
            plan.kernel.forward,
            weight[:, :, plan.taps].permute(2, 0, 1).reshape(-1, filters * channels),
        )
        kernel = _complex(kernel.view(-1, 2, filters, channels))
        product = torch.bmm(kernel, spectrum)  # (F, 2 O, B)
        product[0, :filters] += bias[:, None]
        ctx.save_for_backward(spectrum, kernel)
        ctx.plan, ctx.shapes = plan, (x.shape, weight.shape)  # type: ignore[attr-defined]
        return multiply(plan.after.adjoint, product.view(-1, filters * batch)).view(
            -1, filters, batch
        )

    @staticmethod
    @once_differentiable
    def backward(
        ctx: FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        if torch.is_autocast_enabled(grad.device.type):
            with torch.autocast(grad.device.type, enabled=False):
                return _Correlation._gradients(ctx, grad)
        return _Correlation._gradients(ctx, grad)

    @staticmethod
    def _gradients(
        ctx: FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        spectrum, kernel = ctx.saved_tensors  # type: ignore[attr-defined]
        plan: _Plan = ctx.plan  # type: ignore[attr-defined]
        (samples, channels, batch), (filters, _, kernel_samples) = ctx.shapes  # type: ignore[attr-defined]
        product = multiply(plan.after.forward, grad.reshape(len(grad), -1)).view(
            -1, 2 * filters, batch
        )
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            grad_spectrum = torch.bmm(kernel.transpose(1, 2), product)
            grad_x = multiply(plan.before.adjoint, grad_spectrum.view(-1, channels * batch)).view(
                samples, channels, batch
            )
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            parts = torch.bmm(product, spectrum.transpose(1, 2)).view(-1, 2, filters, 2, channels)
            real, imaginary = (
                parts[:, 0, :, 0] + parts[:, 1, :, 1],
                parts[:, 1, :, 0] - parts[:, 0, :, 1],
            )
            taps = multiply(
                plan.kernel.adjoint,
                torch.stack([real, imaginary], dim=1).view(-1, filters * channels),
            )
            grad_weight = grad.new_zeros(filters, channels, kernel_samples)
            grad_weight[:, :, plan.taps] = taps.view(-1, filters, channels).permute(1, 2, 0)
        if ctx.needs_input_grad[2]:  # type: ignore[attr-defined]
            grad_bias = product[0, :filters].sum(1)
        return grad_x, grad_weight, grad_bias, None, None


def _complex(kernel: Tensor) -> Tensor:
    """Return (F, 2, O, C) real and imaginary parts as matrices (F, 2 O, 2 C).

    These multiply the real and imaginary parts of a spectrum.
    """
    frequencies, _, filters, channels = kernel.shape
    whole = kernel.new_empty(frequencies, 2, filters, 2, channels)
    whole[:, 0, :, 0], whole[:, 1, :, 0], whole[:, 1, :, 1] = (
        kernel[:, 0],
        kernel[:, 1],
        kernel[:, 0],
    )
    torch.neg(kernel[:, 1], out=whole[:, 0, :, 1])
    return whole.view(frequencies, 2 * filters, 2 * channels)


def correlate(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
    """Correlate `x` with `weight`, with zeros on both sides, and add `bias`.

    The result equals `conv1d(pad(x, (left, right)), weight, bias)` with time first and the batch
    last.

    Args:
        x: (T, C_in, B) signals.
        weight: (C_out, C_in, K) kernel.
        bias: (C_out,).
        left: Zeros before the signal.
        right: Zeros after it.

    Returns:
        (T + left + right - K + 1, C_out, B).
    """
    return _Correlation.apply(x, weight, bias, left, right)


def slide(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
    """Return `correlate` of the same arguments by sliding.

    It is for lengths and batches where transforms are slower. Signals with time first and channels
    last are one picture, time high and the batch wide, and torch convolves that fastest.
    """
    weight, pads = _trimmed(weight, len(x), left, right)
    padded = F.pad(x.transpose(1, 2), (0, 0, 0, 0, *pads))
    kernel = weight[..., None].contiguous(memory_format=torch.channels_last)
    return F.conv2d(padded[None].permute(0, 3, 1, 2), kernel, bias)[0].transpose(0, 1)


def slide_few(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
    """Return `correlate` of a few beats, without gradients and with the batch first.

    Nothing is transposed for them.

    Args:
        x: (B, C_in, T) signals.
        weight: (C_out, C_in, K) kernel.
        bias: (C_out,).
        left: Zeros before the signal.
        right: Zeros after it.

    Returns:
        (B, C_out, T + left + right - K + 1).
    """
    weight, pads = _trimmed(weight, x.shape[2], left, right)
    padded = F.pad(x, pads)
    (batch, channels, samples), (filters, _, count) = padded.shape, weight.shape
    outputs = samples - count + 1
    if not FROM_MULTIPLICATIONS <= batch * outputs * weight.numel() <= UP_TO_MULTIPLICATIONS:
        return F.conv1d(padded, weight, bias)
    windows = padded.unfold(2, count, 1).transpose(1, 2)  # (B, T', C_in, taps)
    patches = windows.reshape(-1, channels * count)
    product = multiply(patches, weight.reshape(filters, -1).T, bias)  # (B T', C_out)
    return product.view(batch, outputs, filters).transpose(1, 2)
