"""Loaders of beats, whose batches are row numbers of the beats table until somebody needs beats.

They are no torch DataLoaders, because Lightning puts samplers of its own into those. Under DDP
these loaders divide the rows among the ranks themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ecg_lightning.data.device_table import Batch
from ecg_lightning.data.loader_context import LoaderContext
from ecg_lightning.data.samplers import EpochSampler, Rows
from ecg_lightning.errors import InputError

Gather = Callable[[Tensor], Batch]


class BeatLoader(ABC):
    """Batches of beats: signals (B, ...) float32 and labels (B,) int64.

    A Trainer that has the data module gets row numbers (B,) int64 instead, and the data module
    gathers the beats on the device.

    Args:
        batch_size: Rows in a batch; the last batch may be shorter.
        gather: Makes signals and labels of row numbers; default: the loader gives row numbers.
        context: Where the loader is used; default: outside a Trainer that has the data module.
    """

    def __init__(
        self,
        batch_size: int,
        gather: Gather | None = None,
        context: LoaderContext | None = None,
    ) -> None:
        self.batch_size, self._gather = batch_size, gather
        self._context = context or LoaderContext()

    def __iter__(self) -> Iterator[Any]:
        """The batches; nothing is drawn before the first of them is asked for."""
        if self._gather is None or self._context.transfers(self):
            yield from self.row_batches()
        else:
            yield from map(self._gather, self.row_batches())

    @abstractmethod
    def row_batches(self) -> Iterator[Tensor]:
        """The batches as row numbers (B,)."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of batches."""


class EpochLoader(BeatLoader):
    """The draw of an epoch in batches, with a position that a checkpoint keeps.

    A Trainer calls the sampler's `set_epoch` before each epoch. In a loop of your own nobody does:
    then each loop over the loader takes the next epoch, or call `loader.sampler.set_epoch(3)`.

    Lightning saves `state_dict` with a checkpoint, and gives it to `load_state_dict` where the
    checkpoint was saved within an epoch: the next loop then begins at the first batch that has not
    been trained on. Every rank is at the same batch, so one state is right for all ranks.

    Args:
        rows: (N,) the rows that the sampler's positions stand for.
        sampler: Draws the positions of an epoch.
        batch_size: Rows in a batch; the last batch of an epoch may be shorter.
        done: Returns how many batches of this epoch have been trained on; default: all that the
            loader has given.
        gather: As for `BeatLoader`.
        context: As for `BeatLoader`.
        next_epoch: Returns the epoch of a loop for which nobody called `set_epoch`; default: the
            sampler's.

    Example:
        >>> sampler = ShuffleSampler(np.arange(5), seed=0)
        >>> loader = EpochLoader(np.arange(10, 15), sampler, batch_size=2)
        >>> [len(rows) for rows in loader]
        [2, 2, 1]
    """

    def __init__(
        self,
        rows: Rows,
        sampler: EpochSampler,
        batch_size: int,
        done: Callable[[], int] | None = None,
        gather: Gather | None = None,
        context: LoaderContext | None = None,
        next_epoch: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(batch_size, gather, context)
        self.sampler, self._rows = sampler, torch.from_numpy(rows)
        self._done, self._next_epoch = done, next_epoch
        self._state: dict[str, Any] | None = None  # to resume from
        self._given = 0

    def __len__(self) -> int:
        return -(-len(self._divided()) // self.batch_size)

    def row_batches(self) -> Iterator[Tensor]:
        """The epoch's batches that are left, as row numbers (B,)."""
        sampler = self._divided()
        if self._next_epoch and not sampler.epoch_was_set:
            sampler.epoch = self._next_epoch()
        self._given = start = self._start()
        batches = self._shown(torch.from_numpy(sampler.share())).split(self.batch_size)
        for batch in batches[start:]:
            self._given += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position in the epoch, and what the draw depends on."""
        sampler = self._divided()
        draw = {
            "beats": sampler.total_size,
            "batch_size": self.batch_size,
            "seed": sampler.seed,
            "devices": sampler.num_replicas,
        }
        state = {"batches": self._batches_done(), "of": len(self), **draw}
        return state if self._done else {**state, "epoch": sampler.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a checkpoint.

        Raises:
            InputError: The checkpoint was saved within an epoch of another draw.
        """
        own, within = self.state_dict(), 0 < state_dict["batches"] < state_dict["of"]
        names = [name for name in own if name not in ("batches", "epoch")]
        other = [name for name in names if own[name] != state_dict[name]]
        if within and other:
            raise _another_draw(other[-1], own, state_dict)
        self._state = state_dict

    def _shown(self, drawn: Tensor) -> Tensor:
        """The row numbers that positions of the draw stand for."""
        return self._rows[drawn]

    def _divided(self) -> EpochSampler:
        """The sampler, with its draw divided among the ranks there are now."""
        self.sampler.divide(*self._context.ranks())
        return self.sampler

    def _batches_done(self) -> int:
        return self._done() if self._done else self._given

    def _start(self) -> int:
        """The batch to begin with: not 0 in the first loop after a checkpoint was loaded."""
        state, self._state = self._state, None
        if state is None:
            return 0
        if self._done:
            return self._done()
        same_epoch = state.get("epoch", self.sampler.epoch) == self.sampler.epoch
        return state["batches"] if same_epoch and state["batches"] < state["of"] else 0


class PartLoader(BeatLoader):
    """The rows of a part in their order, each once.

    Of several ranks each takes every `world_size`-th row, and none is taken twice. So a rank may
    have one batch more than another. DDP allows that where there are no gradients, as long as each
    rank has a batch.

    Args:
        rows: (N,) at least as many as ranks.
        batch_size: Rows in a batch; the last batch may be shorter.
        gather: As for `BeatLoader`.
        context: As for `BeatLoader`.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        gather: Gather | None = None,
        context: LoaderContext | None = None,
    ) -> None:
        super().__init__(batch_size, gather, context)
        self._rows = torch.from_numpy(rows)

    def __len__(self) -> int:
        return len(self._batches())

    def row_batches(self) -> Iterator[Tensor]:
        """The batches as row numbers (B,)."""
        yield from self._batches()

    def _batches(self) -> tuple[Tensor, ...]:
        world_size, rank = self._context.ranks()
        return self._rows[rank::world_size].split(self.batch_size)


def _another_draw(name: str, own: dict[str, Any], saved: dict[str, Any]) -> InputError:
    place = f"saved within an epoch, after {saved['batches']} of {saved['of']} batches"
    return InputError(
        f"checkpoint {place}",
        expected=f"its {name} {saved[name]}",
        found=str(own[name]),
        hint="use the settings of that run, or a checkpoint saved at the end of an epoch",
        setting="ckpt_path",
    )
