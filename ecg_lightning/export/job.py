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
from ecg_lightning.export.inputs import NAME, Inputs, inputs_of

Array = npt.NDArray[np.float32]


class _Exported(nn.Module):
    """A copy of a network in eval mode, on the CPU and in float32, with the output of the file."""

    def __init__(self, network: nn.Module, softmax: bool, temperature: float) -> None:
        super().__init__()
        own = copy.deepcopy(network).cpu()
        if any(weight.dtype != torch.float32 for weight in own.parameters()):
            own = own.float()  # otherwise: a float32 network may keep sums in float64
        self.network, self.softmax, self.temperature = own, softmax, temperature
        self.eval()

    def forward(self, beats: Tensor) -> Tensor:
        """Logits or probabilities (…, classes) of beats (…, *sizes of a beat)."""
        logits = self.network(beats)
        return (logits / self.temperature).softmax(-1) if self.softmax else logits


@dataclass(frozen=True)
class Job:
    """What is exported, and the outputs that the exported file must have.

    Args:
        network: The network; it is not changed.
        format: One of `FORMATS`.
        metadata: The caller's metadata.
        softmax: Whether the file returns probabilities instead of logits.
        temperature: What logits are divided by for probabilities.
        shape: Of a beat, as for `inputs_of`.

    Raises:
        InputError: The network has no `input_length`, and there is no shape.
    """

    network: nn.Module
    format: str
    metadata: Mapping[str, Any]
    softmax: bool
    temperature: float = 1.0
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _ = self.inputs  # refuses a network without them

    @cached_property
    def inputs(self) -> Inputs:
        """Sizes and examples of the input."""
        return inputs_of(self.network, self.shape)

    @property
    def output_name(self) -> str:
        """Name of the file's output."""
        return "probabilities" if self.softmax else "logits"

    @cached_property
    def module(self) -> _Exported:
        """The module that the writers trace; `module.network` is the copied network."""
        return _Exported(self.network, self.softmax, self.temperature)

    @cached_property
    def expected(self) -> list[Array]:
        """The network's outputs (…, classes) for each of the example batches."""
        with torch.no_grad():
            return [self.module(batch).numpy() for batch in self.inputs.batches]

    def file_metadata(self, **versions: str) -> dict[str, Any]:
        """The caller's metadata, and format, input, output and versions, as JSON values."""
        keras = self.format == "keras"
        free, sizes = self.inputs.free, self.inputs.fixed
        shape = [*free, *sizes[1:], sizes[0]] if keras else [*free, *sizes]
        output_shape = [*free, *self.expected[0].shape[len(free) :]]
        ours = {"ecg-lightning": ecg_lightning.__version__, "torch": torch.__version__}
        return {
            **self.metadata,
            "format": self.format,
            "input": {**({} if keras else {"name": NAME}), "shape": shape, "type": "float32"},
            "output": {"name": self.output_name, "shape": output_shape, "type": "float32"},
            "versions": {**ours, **versions},
        }

    def largest_difference(self, outputs: Sequence[Array]) -> float:
        """The largest difference from `expected`; NaN where one of the two is not finite."""
        pairs = zip(self.expected, outputs, strict=True)
        with np.errstate(invalid="ignore"):  # inf - inf
            return float(np.max([np.abs(theirs - ours).max() for ours, theirs in pairs]))
