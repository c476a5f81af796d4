"""Loaders of row numbers; the beats themselves are gathered on the device, see `beat_table`.

They are no torch DataLoaders, which Lightning takes apart to put samplers of its own in: under DDP these share the rows out themselves.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ecg_lightning.data.samplers import EpochSampler, Rows
from ecg_lightning.errors import InputError


class EpochLoader:
    """An epoch's draw in batches of row numbers (B,), with a place that a checkpoint holds.

    Lightning saves `state_dict` with a checkpoint, and hands it to `load_state_dict` where the checkpoint was saved within an epoch: the
    next iteration then begins at the first batch that was not yet trained on. Every rank is at the same batch, so one state serves all.

    Args:
        rows: (N,) what the sampler's positions stand for.
        sampler: Draws the positions of an epoch; Lightning calls its `set_epoch`.
        batch_size: Rows in a batch; the last one of an epoch may be shorter.
        done: Says how many batches of the current epoch have been trained on.

    Example:
        >>> loader = EpochLoader(np.arange(10, 15), ShuffleSampler(np.arange(5), seed=0), batch_size=2)
        >>> [len(rows) for rows in loader]
        [2, 2, 1]
    """

    def __init__(
        self,
        rows: Rows,
        sampler: EpochSampler,
        batch_size: int,
        done: Callable[[], int] = lambda: 0,
    ) -> None:
        self.sampler, self.batch_size = sampler, batch_size
        self._rows, self._done, self._resumed = torch.from_numpy(rows), done, False

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        """The epoch's batches that are left; the draw is made when the first of them is asked for, after `set_epoch`."""
        start = self._done() if self._resumed else 0
        self._resumed = False
        yield from self._rows[torch.from_numpy(self.sampler.share())].split(self.batch_size)[start:]

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch, and what the draw depends on."""
        sampler = self.sampler
        draw = {
            "beats": sampler.total_size,
            "batch_size": self.batch_size,
            "seed": sampler.seed,
            "devices": sampler.num_replicas,
        }
        return {"batches": self._done(), "of": len(self), **draw}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Raises:
            InputError: it was saved within an epoch of another draw.
        """
        own, within = self.state_dict(), 0 < state_dict["batches"] < state_dict["of"]
        if within and (
            other := [name for name in own if name != "batches" and own[name] != state_dict[name]]
        ):
            name = other[-1]
            place = f"the checkpoint was saved within an epoch, after {state_dict['batches']} of {state_dict['of']} batches"
            raise InputError(
                f"ckpt_path: {place}; expected its {name} {state_dict[name]}, found {own[name]}; give the same settings, or a checkpoint "
                "saved at an epoch's end"
            )
        self._resumed = True


class PartLoader:
    """The rows of a part in their order, each once, in batches (B,).

    Several ranks take every `world_size`-th row each, without filling up; so one may have a batch more than another, which DDP allows where
    there are no gradients, as long as each has one.

    Args:
        rows: (N,) at least as many as ranks.
        batch_size: Rows in a batch; the last one may be shorter.
        world_size: Number of ranks.
        rank: This rank.
    """

    def __init__(self, rows: Rows, batch_size: int, world_size: int = 1, rank: int = 0) -> None:
        self._batches = torch.from_numpy(rows)[rank::world_size].split(batch_size)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches)
