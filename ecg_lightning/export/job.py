"""What is exported, and the outputs that the exported file must have."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import ecg_lightning
from ecg_lightning.errors import InputError
from ecg_lightning.models import Conv2d

Array = npt.NDArray[np.float32]
FREE_BATCH: dict[str, Any] = {"beats": {0: torch.export.Dim("batch")}}  # any number of beats
_BEATS = 64


class _Exported(nn.Module):
    """A copy of a network in eval mode, on the CPU and in float32, with the output of the file."""

    def __init__(self, network: nn.Module, softmax: bool) -> None:
        super().__init__()
        self.network, self.softmax = copy.deepcopy(network).cpu().float(), softmax
        self.eval()

    def forward(self, beats: Tensor) -> Tensor:
        """Logits or probabilities (B, K) of beats (B, 1, T)."""
        return self.network(beats).softmax(-1) if self.softmax else self.network(beats)


@dataclass(frozen=True)
class Job:
    """What is exported, and the outputs that the exported file must have.

    Args:
        network: The network; it is not changed.
        format: One of `FORMATS`.
        metadata: The caller's metadata.
        softmax: Whether the file returns probabilities instead of logits.

    Raises:
        InputError: The network has no `input_length`.
    """

    network: nn.Module
    format: str
    metadata: Mapping[str, Any]
    softmax: bool

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.network, "input_length", None), int):
            raise InputError(
                type(self.network).__name__,
                expected="a network with input_length",
                found="none",
                hint="add it to your module",
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of one input without its channel: (T,) or (H, W)."""
        length = int(self.network.input_length)  # type: ignore[arg-type]  # checked above
        return (length, length) if isinstance(self.network, Conv2d) else (length,)

    @property
    def output_name(self) -> str:
        """Name of the file's output."""
        return "probabilities" if self.softmax else "logits"

    @cached_property
    def module(self) -> _Exported:
        """The module that the writers trace; `module.network` is the copied network."""
        return _Exported(self.network, self.softmax)

    @cached_property
    def beats(self) -> Tensor:
        """Random walks (64, 1, …) scaled to 0…1; the last is constant."""
        steps = np.random.default_rng(0).normal(size=(_BEATS, *self.sizes))
        walks = steps.cumsum(-1).reshape(_BEATS, -1)
        low, high = walks.min(1, keepdims=True), walks.max(1, keepdims=True)
        scaled = (walks - low) / np.maximum(high - low, 1e-9)  # a single sample has no range
        scaled[-1] = 0.5
        return torch.from_numpy(scaled.astype(np.float32)).view(_BEATS, 1, *self.sizes)

    @property
    def batches(self) -> tuple[Tensor, Tensor]:
        """Batches of 1 and of 64 beats; the writers trace the network with neither size."""
        return self.beats[:1], self.beats

    @cached_property
    def expected(self) -> list[Array]:
        """The network's outputs (B, K) for both batches."""
        with torch.no_grad():
            return [self.module(batch).numpy() for batch in self.batches]

    def file_metadata(self, **versions: str) -> dict[str, Any]:
        """The caller's metadata, and format, input, output and versions, as JSON values."""
        keras = self.format == "keras"
        shape = ["batch", *self.sizes, 1] if keras else ["batch", 1, *self.sizes]
        output_shape = ["batch", *self.expected[0].shape[1:]]
        ours = {"ecg-lightning": ecg_lightning.__version__, "torch": torch.__version__}
        return {
            **self.metadata,
            "format": self.format,
            "input": {**({} if keras else {"name": "beats"}), "shape": shape, "type": "float32"},
            "output": {"name": self.output_name, "shape": output_shape, "type": "float32"},
            "versions": {**ours, **versions},
        }

    def largest_difference(self, outputs: Sequence[Array]) -> float:
        """The largest difference from `expected`; NaN where one of the two is not finite."""
        pairs = zip(self.expected, outputs, strict=True)
        with np.errstate(invalid="ignore"):  # inf - inf
            return float(np.max([np.abs(theirs - ours).max() for ours, theirs in pairs]))
