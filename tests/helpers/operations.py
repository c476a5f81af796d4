"""The operations that a computation is made of, and those that no GPU repeats exactly."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

# What `torch.use_deterministic_algorithms(True)` refuses on a GPU, by its documentation.
REFUSED_ON_GPUS = {
    *("median.dim", "median.dim_values", "nanmedian.dim", "mode.default"),
    *("kthvalue.default", "histc.default", "bincount.default", "put.default", "put_.default"),
    *(f"reflection_pad{n}d_backward.default" for n in (1, 2, 3)),
    *("_adaptive_avg_pool2d_backward.default", "_adaptive_avg_pool3d_backward.default"),
    *("adaptive_max_pool2d_backward.default", "avg_pool3d_backward.default"),
    *("max_unpool2d.default", "max_unpool3d.default", "nll_loss2d_forward.default"),
    *("upsample_linear1d_backward.default", "upsample_bilinear2d_backward.default"),
    *("upsample_bicubic2d_backward.default", "upsample_trilinear3d_backward.default"),
    *("grid_sampler_2d_backward.default", "grid_sampler_3d_backward.default"),
    *("_ctc_loss_backward.default", "_embedding_bag_dense_backward.default"),
}


class Operations(TorchDispatchMode):
    """Within it, the names of all operations, forward and backward, are noted in `names`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(func).removeprefix("aten."))
        return func(*args, **kwargs or {})
