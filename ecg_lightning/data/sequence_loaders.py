"""Loaders of sequences (S, K) of row numbers, as `sequences` describes them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ecg_lightning.data.loader_context import LoaderContext
from ecg_lightning.data.row_loaders import BeatLoader, EpochLoader, Gather
from ecg_lightning.data.samplers import Rows
from ecg_lightning.data.sequences import padded


class SequenceLoader(EpochLoader):
    """The draw of an epoch in batches, like `EpochLoader`; the sampler draws row numbers."""

    def _shown(self, drawn: Tensor) -> Tensor:
        return drawn


class StretchLoader(BeatLoader):
    """Whole stretches in their order, each once, filled up to the longest of their batch.

    Of several ranks each takes every `world_size`-th stretch, and none is taken twice.

    Args:
        stretches: Sequences of row numbers; at least as many as ranks.
        batch_size: Stretches in a batch; the last batch may be shorter.
        gather: As for `BeatLoader`.
        context: As for `BeatLoader`.
    """

    def __init__(
        self,
        stretches: Sequence[Rows],
        batch_size: int,
        gather: Gather | None = None,
        context: LoaderContext | None = None,
    ) -> None:
        super().__init__(batch_size, gather, context)
        self._stretches = stretches

    def __len__(self) -> int:
        return -(-len(self._own()) // self.batch_size)

    def row_batches(self) -> Iterator[Tensor]:
        """The batches as row numbers (S, K)."""
        own = self._own()
        for start in range(0, len(own), self.batch_size):
            yield torch.from_numpy(padded(own[start : start + self.batch_size]))

    def _own(self) -> Sequence[Rows]:
        world_size, rank = self._context.ranks()
        return self._stretches[rank::world_size]
