"""Adam as Keras computes it."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import ParamsT


class KerasAdam(torch.optim.Adam):
    """Adam with Keras's epsilon rule: epsilon is added before the second moment's bias correction.

    Kingma and Ba call it "epsilon hat". PyTorch divides by sqrt(v / (1 - beta2^t)) + eps, Keras by
    (sqrt(v) + eps) / sqrt(1 - beta2^t). The two agree when PyTorch's epsilon at step t is
    eps / sqrt(1 - beta2^t), which at the first step is 32 times its final value.

    Args:
        params: Parameters or parameter groups.
        lr: Learning rate.
        betas: Decay of the two moments.
        epsilon: Keras's epsilon.
        fused: Whether one kernel updates all parameters. It has to be off with a gradient scaler
            (16-mixed): a fused optimiser skips steps by itself, and `steps` would count them.

    Source: Kingma and Ba 2015, the text below algorithm 1; the Keras 3 documentation of Adam.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-7,
        fused: bool = True,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=epsilon, fused=fused)
        for group in self.param_groups:
            group.setdefault("epsilon", epsilon)
            group.setdefault("steps", 0)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["steps"] += 1
            group["eps"] = group["epsilon"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        super().step()
        return loss

    def _accelerator_graph_capture_health_check(self) -> None:
        """Skip torch's check for weights on a CPU, which no GPU graph captures.

        It looks for a GPU's driver in every step, which takes as long as the update.
        """
        if not all(
            parameter.is_cpu for group in self.param_groups for parameter in group["params"]
        ):
            super()._accelerator_graph_capture_health_check()  # type: ignore[misc]
