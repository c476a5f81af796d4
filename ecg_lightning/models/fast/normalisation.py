"""Batch normalisation by the batch's own statistics, with a gradient of its own.

Torch's own batch_norm sums in float64 where a channel's values lie in runs, and is taken there. But it loses three digits where it sums
float32 rows of channels, and knows one process alone; composed of elementary operations it takes half of Conv2d's training step, for each
of them goes through memory. Here the batch is worked off in blocks that stay in a core's cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx, once_differentiable

BLOCK_NUMBERS = 1 << 17  # half a MiB of float32


class _NormaliseRows(torch.autograd.Function):
    """x: (N, C, M), weight and bias: (C,) -> y: (N, C, M), mean and variance: (C,)."""

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
        of_bias = _sum(of.sum((0, 2)) for of in _blocks(grad))
        of_scale = _sum(
            (block - mean[:, None]).mul_(of).sum((0, 2))
            for block, of in zip(_blocks(x), _blocks(grad), strict=True)
        )
        mean_of_bias, mean_of_scale = _joint_means(len(x) * x.shape[2], of_bias, of_scale)
        scale = weight * deviation
        slope, offset = -scale * deviation.square() * mean_of_scale, -scale * mean_of_bias
        of_x = torch.empty_like(x)
        for block, of, out in zip(_blocks(x), _blocks(grad), _pieces(of_x), strict=True):
            out.copy_(
                (block - mean[:, None])
                .mul_(slope[:, None])
                .add_(offset[:, None])
                .addcmul_(of, scale[:, None])
            )
        return of_x, (of_scale * deviation).to(weight.dtype), of_bias.to(weight.dtype), None


def precise(x: Tensor) -> torch.dtype:
    """The type that statistics of x are summed in: float32 or better."""
    return torch.promote_types(x.dtype, torch.float32)


def _pieces(x: Tensor) -> tuple[Tensor, ...]:
    """Rows in blocks that fit a core's cache; on other devices, where a block would cost a kernel, all at once."""
    if x.device.type != "cpu" or x.numel() <= BLOCK_NUMBERS:
        return (x,)
    return x.split(max(BLOCK_NUMBERS // x[0].numel(), 1))


def _blocks(x: Tensor) -> Iterator[Tensor]:
    return (block.to(precise(x)) for block in _pieces(x))


def _sum(parts: Iterator[Tensor]) -> Tensor:
    first, *others = parts
    return torch.stack([first, *others]).sum(0) if others else first


def _joint_means(count: int, *sums: Tensor) -> tuple[Tensor, ...]:
    """Vectors (C,) of sums over `count` values here, divided by the values of all processes, in one exchange."""
    if world_size() == 1:
        return tuple(of / count for of in sums)
    together = torch.stack([*sums, torch.full_like(sums[0], count)]).double()
    distributed.all_reduce(together)
    return tuple((of / together[-1]).to(sums[0].dtype) for of in together[:-1])


def world_size() -> int:
    """How many processes torch.distributed joins; 1 without it."""
    return (
        distributed.get_world_size()
        if distributed.is_available() and distributed.is_initialized()
        else 1
    )


def normalise(
    x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, with the mean and the biased variance of each channel.

    Where torch.distributed joins several processes, the statistics are those of the values of all of them, and gradients flow between
    them; every process then has to make the same calls.

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
