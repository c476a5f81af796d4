"""What goes into an exported network: sizes, and examples for tracing and for the comparison."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.models.conv2d import Conv2d
from ecg_lightning.models.patient_context import LEADS, ROWS, WINDOW_SAMPLES

NAME = "beats"  # of the input
_BEATS = 64
_SEQUENCES, _LONGEST = 3, 100


@dataclass(frozen=True)
class Inputs:
    """The input of a network.

    Attributes:
        free: Names of the first sizes, which whoever runs the file chooses.
        fixed: The other sizes.
        batches: Examples, on which the file is compared with the network.
        traced: An example whose free sizes are not those of `batches`, in memory of its own:
            exporters keep its strides.
    """

    free: tuple[str, ...]
    fixed: tuple[int, ...]
    batches: tuple[Tensor, ...]
    traced: Tensor

    @property
    def dynamic_shapes(self) -> dict[str, Any]:
        """The free sizes, as torch's exporters ask for them."""
        return {NAME: {axis: torch.export.Dim(name) for axis, name in enumerate(self.free)}}


def inputs_of(network: nn.Module, shape: tuple[int, ...] | None = None) -> Inputs:
    """Return the input of a network.

    Args:
        network: One with `takes_sequences` takes sequences of beats.
        shape: Of a beat, (1, T) or (1, H, W). Default: that of the network's `input_length`.

    Raises:
        InputError: Neither a shape nor an `input_length` is known.
    """
    length = shape[-1] if shape else getattr(network, "input_length", None)
    if not isinstance(length, int):
        raise InputError(
            type(network).__name__,
            expected="a network with input_length",
            found="none",
            hint="add it to your module",
        )
    if getattr(network, "takes_sequences", False):
        sequences = _sequences()
        batches = (sequences[:1, :1], sequences[1:2, :2], sequences)
        fixed = (ROWS, WINDOW_SAMPLES)
        return Inputs(("sequences", "beats"), fixed, batches, sequences[:2, :37].clone())
    squares = isinstance(network, Conv2d) or len(shape or ()) > 2
    sizes = (length, length) if squares else (length,)
    beats = _beats(sizes)
    return Inputs(("batch",), (1, *sizes), (beats[:1], beats), beats[:2])


def _beats(sizes: tuple[int, ...]) -> Tensor:
    """Random walks (64, 1, …) scaled to 0…1; the last is constant."""
    steps = np.random.default_rng(0).normal(size=(_BEATS, *sizes))
    walks = steps.cumsum(-1).reshape(_BEATS, -1)
    low, high = walks.min(1, keepdims=True), walks.max(1, keepdims=True)
    scaled = (walks - low) / np.maximum(high - low, 1e-9)  # a single sample has no range
    scaled[-1] = 0.5
    return torch.from_numpy(scaled.astype(np.float32)).view(_BEATS, 1, *sizes)


def _sequences() -> Tensor:
    """Random beats (3, 100, 5, 128) near their templates.

    The second sequence has one lead, and the end of the last one is filled up.
    """
    random = np.random.default_rng(0)
    rows = np.zeros((_SEQUENCES, _LONGEST, ROWS, WINDOW_SAMPLES))
    templates = _walks(random, (_SEQUENCES, 1, LEADS, WINDOW_SAMPLES))
    rows[:, :, LEADS:-1] = templates
    own = 0.2 * _walks(random, (_SEQUENCES, _LONGEST, LEADS, WINDOW_SAMPLES))
    rows[:, :, :LEADS] = templates + own
    rows[1, :, 1:LEADS] = rows[1, :, LEADS + 1 : -1] = 0
    rows[:, :, -1] = random.normal(size=(_SEQUENCES, _LONGEST, WINDOW_SAMPLES))
    rows[:, :, -1, 0] = 1
    rows[-1, 60:] = 0
    return torch.from_numpy(rows.astype(np.float32))


def _walks(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    walks = random.normal(size=shape).cumsum(-1)
    return walks / np.ptp(walks, axis=-1, keepdims=True)
