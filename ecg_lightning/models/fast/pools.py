"""Max pools along the first axis, with a gradient that keeps the layout of its memory."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def row_max(rows: Tensor, sizes: Any) -> Tensor:
    """Pool the maxima of rows along the first axis; of equal values the first one counts.

    Args:
        rows: (T, R), contiguous.
        sizes: Kernel, stride, padding and dilation, each for (T, 1), and whether to round up.

    Returns:
        (T', R).
    """
    return _RowMax.apply(rows, sizes) if torch.is_grad_enabled() else _pooled(rows, sizes)[0]


def _picture(rows: Tensor) -> Tensor:
    """View (T, R) as (1, R, T, 1), with strides that torch takes for channels_last.

    So torch pools whole rows at once.
    """
    return rows.view(1, -1, 1, rows.shape[1]).permute(0, 3, 1, 2)


def _pooled(rows: Tensor, sizes: Any) -> tuple[Tensor, Tensor]:
    """The maxima (T', R) of rows (T, R), and where they were."""
    y, indices = torch.ops.aten.max_pool2d_with_indices(_picture(rows), *sizes)
    return y[0, :, :, 0].T, indices


class _RowMax(torch.autograd.Function):
    """`_pooled` with its gradient.

    It is torch's own pool of a picture one pixel wide. In autograd the gradient of such a picture
    loses its channels_last strides and is copied four times, which costs more than the pool.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor, sizes: Any) -> Tensor:  # type: ignore[override]
        y, indices = _pooled(rows, sizes)
        ctx.save_for_backward(rows, indices)
        ctx.sizes = sizes  # type: ignore[attr-defined]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        rows, indices = ctx.saved_tensors  # type: ignore[attr-defined]
        sizes: Any = ctx.sizes  # type: ignore[attr-defined]
        grad_picture = torch.ops.aten.max_pool2d_with_indices_backward(
            _picture(grad.contiguous()), _picture(rows), *sizes, indices
        )
        return grad_picture[0, :, :, 0].T, None
