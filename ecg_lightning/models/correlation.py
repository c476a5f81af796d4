"""Correlation with a long kernel through the discrete Fourier transform, as a few matrix products.

A 40-tap kernel over 128 samples with 32 channels in and out costs 5.2 million multiplications a beat when it is slid along the signal,
and 1.2 million when signal and kernel are multiplied frequency by frequency. At these lengths the transforms themselves are fastest as
products with cosine and sine matrices: any length will do, padding costs nothing, and one library call serves a whole batch. A signal is
the sum of an even and an odd part around its middle; cosines see only the one and sines only the other, so each matrix has half a side.

The algorithm is exact up to rounding, about 1e-15 of the largest output in float64 and 1e-6 in float32 (tests/test_correlation.py).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F


@dataclass(frozen=True)
class _Waves:
    """F frequencies sampled at H = ceil(T / 2) distances d from the middle of T samples.

    Attributes:
        samples: T.
        cos: (F, H) cos(w d).
        sin: (F, H) -sin(w d), the sign of a forward transform.
        cos_once: `cos`, with half of its column d = 0 where T is odd: `_halves` counts the middle sample twice.
    """

    samples: int
    cos: Tensor
    sin: Tensor
    cos_once: Tensor

    def analyse(self, rows: Tensor) -> Tensor:
        """Spectrum (F, 2, R), real and imaginary, of rows (T, R)."""
        upper, lower = rows[self.samples // 2 :], rows[: -(-self.samples // 2)].flip(0)
        spectrum = rows.new_empty(len(self.cos), 2, rows.shape[1])
        torch.mm(self.cos_once, upper + lower, out=spectrum[:, 0])
        torch.mm(self.sin, upper - lower, out=spectrum[:, 1])
        return spectrum

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """Rows (T, R) of a spectrum (F, 2, R); the adjoint of `analyse`."""
        even, odd = self.cos.T @ spectrum[:, 0], self.sin.T @ spectrum[:, 1]
        rows = even.new_empty(self.samples, even.shape[1])
        torch.add(even, odd, out=rows[self.samples // 2 :])
        rows[: self.samples // 2] = (even - odd)[self.samples % 2 :].flip(0)
        return rows


@dataclass(frozen=True)
class _Plan:
    """What a correlation of given lengths needs.

    Attributes:
        taps: Those that can touch the signal.
        kernel: (2 F, taps) transforms the kernel, conjugated, shifted by the padding and scaled for the way back.
        before: Waves of the signal.
        after: Waves of the result.
    """

    taps: slice
    kernel: Tensor
    before: _Waves
    after: _Waves


def _touching(samples: int, kernel_samples: int, left: int) -> slice:
    """The taps that can meet the signal; the others only ever meet padding."""
    return slice(max(0, left - samples + 1), min(kernel_samples, left + samples))


@lru_cache(maxsize=256)
def _plan(samples: int, kernel_samples: int, left: int, right: int, dtype: torch.dtype, device: torch.device) -> _Plan:
    outputs = samples + left + right - kernel_samples + 1
    taps = _touching(samples, kernel_samples, left)
    offsets = torch.arange(taps.start, taps.stop) - left
    # The shortest period in which nothing that wraps around meets the signal; odd, so that only frequency 0 is its own mirror image.
    period = (samples + max(0, -int(offsets[0]), int(offsets[-1]) + outputs - samples)) | 1
    frequencies = torch.arange((period + 1) // 2)

    def cast(matrix: Tensor) -> Tensor:
        return matrix.to(device=device, dtype=dtype).contiguous()

    def angles_at(half_samples: Tensor) -> Tensor:
        """(F, len) angles at times in half samples; whole turns are taken off as integers, which keeps the last digits."""
        return (torch.outer(frequencies, half_samples) % (2 * period)).double() * (math.pi / period)

    def waves(length: int) -> _Waves:
        angles = angles_at(2 * torch.arange(length // 2, length) - (length - 1))
        once = angles.cos()
        once[:, 0] *= 0.5 if length % 2 else 1.0
        return _Waves(length, cast(angles.cos()), cast(-angles.sin()), cast(once))

    scale = torch.full((len(frequencies), 1), 2.0 / period, dtype=torch.float64)
    scale[0] = 1.0 / period
    angles = angles_at(2 * offsets + outputs - samples)
    kernel = torch.stack([scale * angles.cos(), scale * angles.sin()], dim=1).flatten(0, 1)
    return _Plan(taps, cast(kernel), waves(samples), waves(outputs))


class _Correlation(torch.autograd.Function):
    """x: (T, B, C), weight: (O, C, K) -> (T_out, B, O)."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, left: int, right: int) -> Tensor:  # type: ignore[override]
        (samples, batch, channels), (filters, _, kernel_samples) = x.shape, weight.shape
        plan = _plan(samples, kernel_samples, left, right, x.dtype, x.device)
        spectrum = plan.before.analyse(x.reshape(samples, batch * channels)).view(-1, 2 * batch, channels)
        kernel = plan.kernel @ weight[:, :, plan.taps].permute(2, 1, 0).reshape(-1, channels * filters)
        kernel = kernel.view(-1, 2, channels, filters).transpose(1, 2).reshape(-1, channels, 2 * filters)
        # All four products of real and imaginary parts in one batched product: (F, 2, B, 2, O).
        parts = torch.bmm(spectrum, kernel).view(-1, 2, batch, 2, filters)
        product = parts.new_empty(len(parts), 2, batch, filters)
        torch.sub(parts[:, 0, :, 0], parts[:, 1, :, 1], out=product[:, 0])
        torch.add(parts[:, 0, :, 1], parts[:, 1, :, 0], out=product[:, 1])
        ctx.save_for_backward(spectrum, kernel)
        ctx.plan, ctx.shapes = plan, (x.shape, weight.shape)  # type: ignore[attr-defined]
        return plan.after.synthesise(product.flatten(2)).view(-1, batch, filters)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        spectrum, kernel = ctx.saved_tensors  # type: ignore[attr-defined]
        plan: _Plan = ctx.plan  # type: ignore[attr-defined]
        (samples, batch, channels), (filters, _, kernel_samples) = ctx.shapes  # type: ignore[attr-defined]
        product = plan.after.analyse(grad.reshape(-1, batch * filters)).view(-1, 2, batch, filters)
        parts = product.new_empty(len(product), 2, batch, 2, filters)
        parts[:, 0, :, 0], parts[:, 0, :, 1], parts[:, 1, :, 0] = product[:, 0], product[:, 1], product[:, 1]
        torch.neg(product[:, 0], out=parts[:, 1, :, 1])
        parts = parts.view(-1, 2 * batch, 2 * filters)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            grad_spectrum = torch.bmm(parts, kernel.transpose(1, 2)).view(-1, 2, batch * channels)
            grad_x = plan.before.synthesise(grad_spectrum).view(samples, batch, channels)
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            grad_kernel = torch.bmm(spectrum.transpose(1, 2), parts).view(-1, channels, 2, filters)
            taps = plan.kernel.T @ grad_kernel.transpose(1, 2).reshape(-1, channels * filters)
            grad_weight = grad.new_zeros(filters, channels, kernel_samples)
            grad_weight[:, :, plan.taps] = taps.view(-1, channels, filters).permute(2, 1, 0)
        return grad_x, grad_weight, None, None


def correlate(x: Tensor, weight: Tensor, left: int, right: int) -> Tensor:
    """Slides `weight` along `x` as a convolution layer does, with zeros on both sides.

    Equals `conv1d(pad(x, (left, right)), weight)` with time first.

    Args:
        x: (T, B, C_in) signals, time first.
        weight: (C_out, C_in, K) kernel.
        left: Zeros before the signal.
        right: Zeros behind it.

    Returns:
        (T + left + right - K + 1, B, C_out).
    """
    return _Correlation.apply(x, weight, left, right)


def slide(x: Tensor, weight: Tensor, bias: Tensor, left: int, right: int) -> Tensor:
    """The same by sliding, plus a bias: for lengths and number types to which transforms do not pay.

    Signals that lie in memory with time first are one picture, time high and the batch wide, whose channels come last; torch convolves
    it as it lies.

    Args:
        x: (T, B, C_in) signals, time first.
        weight: (C_out, C_in, K) kernel.
        bias: (C_out,).
        left: Zeros before the signal.
        right: Zeros behind it.

    Returns:
        (T + left + right - K + 1, B, C_out).
    """
    samples, kernel_samples = len(x), weight.shape[2]
    taps = _touching(samples, kernel_samples, left)
    padded = F.pad(x, (0, 0, 0, 0, left - taps.start, right - (kernel_samples - taps.stop)))
    kernel = weight[:, :, taps, None].contiguous(memory_format=torch.channels_last)
    return F.conv2d(padded[None].permute(0, 3, 1, 2), kernel, bias)[0].permute(1, 2, 0)
