"""Which training beats an epoch shows, in which order.

Each sampler draws from a generator of its own, made of seed and epoch, so every rank draws the same list and keeps its share, and a
resumed run goes on with the epoch it has reached; Lightning calls `set_epoch`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

Rows = npt.NDArray[np.int64]


class EpochSampler(ABC):
    """Draws one list of positions an epoch and hands each rank every `world_size`-th of them.

    Args:
        length: Positions that `draw` returns.
        seed: Makes the draws.
        world_size: Number of ranks.
        rank: This rank.
    """

    def __init__(self, length: int, seed: int, world_size: int = 1, rank: int = 0) -> None:
        self.seed, self.num_replicas, self.rank, self.epoch = seed, world_size, rank, 0
        self.num_samples = -(-length // world_size)
        self.total_size = self.num_samples * world_size

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Every epoch has a draw of its own."""
        self.epoch = epoch

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Rows:
        """All positions of one epoch, in order."""

    def share(self) -> Rows:
        """The positions of this rank; the list is filled up from its start where the ranks would not get equally many."""
        drawn = self.draw(np.random.default_rng([self.seed, self.epoch]))
        return np.resize(drawn, self.total_size)[self.rank :: self.num_replicas]

    def __iter__(self) -> Iterator[int]:
        """`share` one by one."""
        return iter(self.share().tolist())


class ShuffleSampler(EpochSampler):
    """Every given position once an epoch, in a new order."""

    def __init__(self, positions: Rows, seed: int, world_size: int = 1, rank: int = 0) -> None:
        super().__init__(len(positions), seed, world_size, rank)
        self.positions = positions

    def draw(self, random: np.random.Generator) -> Rows:
        """A permutation."""
        return random.permutation(self.positions)


class BalancedSampler(EpochSampler):
    """The same number of beats of each class, drawn anew in each epoch.

    A class with fewer beats than asked for is shown whole as often as it fits, the rest is drawn without replacement; so no beat is
    shown more than once more often than another of its class.

    Args:
        labels: (N,) class indices of the training part; position i stands for `labels[i]`.
        per_class: Draws of each class.
        seed: Makes the draws.
        world_size: Number of ranks.
        rank: This rank.

    Example:
        >>> sampler = BalancedSampler(np.array([0, 0, 0, 1]), per_class=2, seed=0)
        >>> sorted([0, 0, 0, 1][i] for i in sampler)
        [0, 0, 1, 1]
    """

    def __init__(
        self, labels: Rows, per_class: int, seed: int, world_size: int = 1, rank: int = 0
    ) -> None:
        self.positions_of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.per_class = per_class
        super().__init__(per_class * len(self.positions_of_class), seed, world_size, rank)

    def draw(self, random: np.random.Generator) -> Rows:
        """`per_class` positions of each class, all in one random order."""
        drawn = [self._of_class(positions, random) for positions in self.positions_of_class]
        return random.permutation(np.concatenate(drawn))

    def _of_class(self, positions: Rows, random: np.random.Generator) -> Rows:
        times, rest = divmod(self.per_class, len(positions))
        return np.concatenate([np.tile(positions, times), random.permutation(positions)[:rest]])


def resample_indices(labels: Rows, per_class: int, random: np.random.RandomState) -> Rows:
    """The original's static upsampling: positions of a training part, drawn once, the classes one after another.

    Class 0 is drawn without replacement from the legacy generator where the split left it; classes 1 to 4 with replacement, each from a
    generator seeded 123 to 126.

    Args:
        labels: (N,) class indices of the training part, in the split's order.
        per_class: Draws of each class.
        random: The legacy generator that the original's split has used.

    Returns:
        (5 per_class,) positions in `labels`.

    Raises:
        InputError: class 0 has fewer beats than `per_class`.
    """
    from sklearn.utils import (
        resample,  # late: scikit-learn takes a second to import, and this balancing alone needs it
    )

    normal = np.flatnonzero(labels == 0)
    if len(normal) < per_class:
        raise InputError(
            f"balance resample: expected at least per_class = {per_class} beats of class N, which are drawn without replacement, found "
            f"{len(normal)}; use a smaller --data.per_class, or --data.balance weighted"
        )
    drawn = [random.choice(normal, per_class, replace=False)]
    for label in range(1, len(CLASS_NAMES)):
        positions = np.flatnonzero(labels == label)
        drawn.append(resample(positions, n_samples=per_class, random_state=122 + label))
    return np.concatenate(drawn)
