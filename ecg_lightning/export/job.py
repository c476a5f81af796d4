"""What is exported, and what the exported file is compared with."""

import contextlib
import copy
import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
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
_BEATS = 64
FREE_BATCH: dict[str, Any] = {"beats": {0: torch.export.Dim("batch")}}


class _Named(nn.Module):
    """A network in eval mode, with the input and the output that its files have."""

    def __init__(self, network: nn.Module, softmax: bool) -> None:
        super().__init__()
        self.network, self.softmax = copy.deepcopy(network).cpu().float(), softmax
        self.eval()

    def forward(self, beats: Tensor) -> Tensor:
        """Logits or probabilities (B, K) of beats (B, 1, T)."""
        return self.network(beats).softmax(-1) if self.softmax else self.network(beats)


@dataclass(frozen=True)
class Job:
    """What is exported, and what it is compared with."""

    network: nn.Module
    format: str
    given: Mapping[str, Any]
    softmax: bool

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.network, "input_length", None), int):
            raise InputError(
                f"{type(self.network).__name__}: expected a network with input_length, found none; add it to your module"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        length = int(self.network.input_length)  # type: ignore[arg-type]  # checked above
        return (length, length) if isinstance(self.network, Conv2d) else (length,)

    @property
    def output_name(self) -> str:
        return "probabilities" if self.softmax else "logits"

    @cached_property
    def module(self) -> _Named:
        return _Named(self.network, self.softmax)

    @cached_property
    def beats(self) -> Tensor:
        """Random walks (64, 1, …) between 0 and 1, the last a constant."""
        walks = (
            np.random.default_rng(0)
            .normal(size=(_BEATS, *self.sizes))
            .cumsum(-1)
            .reshape(_BEATS, -1)
        )
        low, high = walks.min(1, keepdims=True), walks.max(1, keepdims=True)
        scaled = (walks - low) / np.maximum(high - low, 1e-9)  # a single sample has no range
        scaled[-1] = 0.5
        return torch.from_numpy(scaled.astype(np.float32)).view(_BEATS, 1, *self.sizes)

    @property
    def batches(self) -> tuple[Tensor, Tensor]:
        """Of sizes 1 and 64; the network is traced with neither."""
        return self.beats[:1], self.beats

    @cached_property
    def expected(self) -> list[Array]:
        with torch.no_grad():
            return [self.module(batch).numpy() for batch in self.batches]

    def metadata(self, **versions: str) -> dict[str, Any]:
        """The caller's and ours, as JSON can hold it."""
        keras = self.format == "keras"
        shape = ["batch", *self.sizes, 1] if keras else ["batch", 1, *self.sizes]
        return {
            **self.given,
            "format": self.format,
            "input": {**({} if keras else {"name": "beats"}), "shape": shape, "type": "float32"},
            "output": {
                "name": self.output_name,
                "shape": ["batch", *self.expected[0].shape[1:]],
                "type": "float32",
            },
            "versions": {
                "ecg-lightning": ecg_lightning.__version__,
                "torch": torch.__version__,
                **versions,
            },
        }

    def largest_difference(self, found: list[Array]) -> float:
        """NaN where one side is not finite."""
        with np.errstate(invalid="ignore"):  # infinite on both sides
            return float(
                np.max(
                    [
                        np.abs(theirs - ours).max()
                        for ours, theirs in zip(self.expected, found, strict=True)
                    ]
                )
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporters' warnings, most of them about packages that are not needed here, to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def package(name: str, extra: str) -> Any:
    """An optional package, by name: a plain import would make every user install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing(name, extra) from error


def missing(name: str, extra: str) -> InputError:
    return InputError(
        f"expected the package {name}, found it not installed; run: python -m pip install 'ecg-lightning[{extra}]'"
    )
