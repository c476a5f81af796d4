"""Batch normalisation of rows by the batch's own statistics, with a gradient of its own.

Torch's own batch_norm loses three digits where it sums float32 rows (N, C), refuses a single row, and knows the unbiased variance
alone; composed of elementary operations it takes half of Conv2d's training step, for each of them goes through memory. Here rows are
worked off in blocks that stay in a core's cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx, once_differentiable

BLOCK_NUMBERS = 1 << 17  # half a MiB of float32


class _NormaliseRows(torch.autograd.Function):
    """x: (N, C), weight and bias: (C,) -> y: (N, C), mean and variance: (C,)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        (mean,) = _joint_means(len(x), _sum(block.sum(0) for block in _blocks(x)))
        (variance,) = _joint_means(len(x), _sum((block - mean).square_().sum(0) for block in _blocks(x)))
        scale = (variance + epsilon).rsqrt() * weight
        y = torch.empty_like(x)
        for block, out in zip(_blocks(x), _pieces(y), strict=True):
            out.copy_((block - mean).mul_(scale).add_(bias))
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
        of_bias = _sum(of.sum(0) for of in _blocks(grad))
        of_scale = _sum((block - mean).mul_(of).sum(0) for block, of in zip(_blocks(x), _blocks(grad), strict=True))
        mean_of_bias, mean_of_scale = _joint_means(len(x), of_bias, of_scale)
        scale = weight * deviation
        slope, offset = -scale * deviation.square() * mean_of_scale, -scale * mean_of_bias
        of_x = torch.empty_like(x)
        for block, of, out in zip(_blocks(x), _blocks(grad), _pieces(of_x), strict=True):
            out.copy_((block - mean).mul_(slope).add_(offset).addcmul_(of, scale))
        return of_x, (of_scale * deviation).to(weight.dtype), of_bias.to(weight.dtype), None


def _precise(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _pieces(x: Tensor) -> tuple[Tensor, ...]:
    """Rows in blocks that fit a core's cache; on other devices, where a block would cost a kernel, all at once."""
    return x.split(max(BLOCK_NUMBERS // x.shape[1], 1)) if x.device.type == "cpu" else (x,)


def _blocks(x: Tensor) -> Iterator[Tensor]:
    return (block.to(_precise(x)) for block in _pieces(x))


def _sum(parts: Iterator[Tensor]) -> Tensor:
    first, *others = parts
    return torch.stack([first, *others]).sum(0) if others else first


def _joint_means(rows: int, *sums: Tensor) -> tuple[Tensor, ...]:
    """Vectors (C,) of sums over `rows` rows here, divided by the rows of all processes, in one exchange."""
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return tuple(of / rows for of in sums)
    together = torch.stack([*sums, torch.full_like(sums[0], rows)]).double()
    distributed.all_reduce(together)
    return tuple((of / together[-1]).to(sums[0].dtype) for of in together[:-1])


def normalise(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, with the mean and the biased variance of each column.

    Where torch.distributed joins several processes, the statistics are those of the rows of all of them, and gradients flow between
    them; every process then has to make the same calls.

    Args:
        x: (N, C) rows of any float type.
        weight: (C,).
        bias: (C,).
        epsilon: Added to the variance.

    Returns:
        y (N, C) like x; mean and variance (C,), in float32 or better, which take no gradient.
    """
    return _NormaliseRows.apply(x, weight, bias, epsilon)
