"""Batch normalisation by the batch's own statistics, with its own gradient.

Torch's batch_norm sums in float64 where each channel's values are contiguous, and is used there. It
loses three digits where it sums float32 rows of channels, and it knows only one process.
Normalisation by elementary operations takes half of Conv2d's training step, because each of them
goes through memory. Here the batch is processed in blocks that stay in a core's cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx, once_differentiable

BLOCK_NUMBERS = 1 << 17  # half a MiB of float32


class _NormaliseRows(torch.autograd.Function):
    """Map x: (N, C, M), weight and bias (C,) to y: (N, C, M), mean and variance (C,)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        count = len(x) * x.shape[2]
        (mean,) = _joint_means(count, _sum(block.sum((0, 2)) for block in _blocks(x)))
        (variance,) = _joint_means(
            count, _sum((block - mean[:, None]).square_().sum((0, 2)) for block in _blocks(x))
        )
        scale = (variance + epsilon).rsqrt() * weight
        y = torch.empty_like(x)
        for block, out in zip(_blocks(x), _pieces(y), strict=True):
            out.copy_((block - mean[:, None]).mul_(scale[:, None]).add_(bias[:, None]))
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.epsilon = epsilon  # type: ignore[attr-defined]
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        x, weight, mean, variance = ctx.saved_tensors  # type: ignore[attr-defined]
        deviation = (variance + ctx.epsilon).rsqrt()  # type: ignore[attr-defined]
        grad = grad.contiguous()
        bias_grad = _sum(block_grad.sum((0, 2)) for block_grad in _blocks(grad))
        scale_grad = _sum(
            (block - mean[:, None]).mul_(block_grad).sum((0, 2))
            for block, block_grad in zip(_blocks(x), _blocks(grad), strict=True)
        )
        mean_bias_grad, mean_scale_grad = _joint_means(len(x) * x.shape[2], bias_grad, scale_grad)
        scale = weight * deviation
        slope, offset = -scale * deviation.square() * mean_scale_grad, -scale * mean_bias_grad
        x_grad = torch.empty_like(x)
        for block, block_grad, out in zip(_blocks(x), _blocks(grad), _pieces(x_grad), strict=True):
            out.copy_(
                (block - mean[:, None])
                .mul_(slope[:, None])
                .add_(offset[:, None])
                .addcmul_(block_grad, scale[:, None])
            )
        return x_grad, (scale_grad * deviation).to(weight.dtype), bias_grad.to(weight.dtype), None


def precise(x: Tensor) -> torch.dtype:
    """Return the type in which statistics of x are summed: float32 or better."""
    return torch.promote_types(x.dtype, torch.float32)


def _pieces(x: Tensor) -> tuple[Tensor, ...]:
    """Rows in blocks that fit a core's cache.

    On other devices each block would cost a kernel, so all rows are one block.
    """
    if x.device.type != "cpu" or x.numel() <= BLOCK_NUMBERS:
        return (x,)
    return x.split(max(BLOCK_NUMBERS // x[0].numel(), 1))


def _blocks(x: Tensor) -> Iterator[Tensor]:
    return (block.to(precise(x)) for block in _pieces(x))


def _sum(parts: Iterator[Tensor]) -> Tensor:
    first, *others = parts
    return torch.stack([first, *others]).sum(0) if others else first


def _joint_means(count: int, *sums: Tensor) -> tuple[Tensor, ...]:
    """Means over the values of all processes, from sums (C,) over `count` values here.

    The processes exchange their sums once.
    """
    if world_size() == 1:
        return tuple(total / count for total in sums)
    together = torch.stack([*sums, torch.full_like(sums[0], count)]).double()
    distributed.all_reduce(together)
    return tuple((total / together[-1]).to(sums[0].dtype) for total in together[:-1])


def world_size() -> int:
    """Return how many processes torch.distributed joins; 1 without it."""
    return (
        distributed.get_world_size()
        if distributed.is_available() and distributed.is_initialized()
        else 1
    )


def normalise(
    x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (x - mean) / sqrt(variance + epsilon) * weight + bias.

    The mean and the biased variance are those of each channel. If torch.distributed joins several
    processes, they are those of all processes' values, and gradients flow between the processes;
    every process then has to make the same calls.

    Args:
        x: (N, C, …) of any float type, contiguous.
        weight: (C,).
        bias: (C,).
        epsilon: Added to the variance.

    Returns:
        y like x; mean and variance (C,), in float32 or better, which take no gradient.
    """
    if x.dim() == 3 and x.numel() > x.shape[1] and x.device.type == "cpu" and world_size() == 1:
        y, mean, deviation = torch.native_batch_norm(
            x, weight, bias, None, None, True, 0.0, epsilon
        )
        return y, mean.detach(), (deviation.detach() ** -2 - epsilon).clamp_min_(0)
    y, mean, variance = _NormaliseRows.apply(
        x.unsqueeze(-1) if x.dim() == 2 else x.flatten(2), weight, bias, epsilon
    )
    return y.view(x.shape), mean, variance
