"""Samplers: which training beats an epoch shows, and in which order.

Each epoch has its own generator, made of seed and epoch. So every rank draws the same list and
takes its share, and a resumed run continues with the epoch that it has reached.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

Rows = Integers


class EpochSampler(ABC):
    """One drawn list of positions for each epoch; each rank gets every `world_size`-th of them.

    Args:
        length: Positions that `draw` returns.
        seed: Decides the draws.
        world_size: Number of ranks.
        rank: This rank.

    Attributes:
        epoch: Of the next draw.
        epoch_was_set: Whether `set_epoch` was called, as a Trainer does before each epoch.
    """

    def __init__(self, length: int, seed: int, world_size: int = 1, rank: int = 0) -> None:
        self.length, self.seed, self.epoch, self.epoch_was_set = length, seed, 0, False
        self.divide(world_size, rank)

    def __len__(self) -> int:
        """The positions of this rank."""
        return self.num_samples

    def divide(self, world_size: int, rank: int) -> None:
        """Divide the draws among so many ranks."""
        self.num_replicas, self.rank = world_size, rank
        self.num_samples = -(-self.length // world_size)
        self.total_size = self.num_samples * world_size

    def set_epoch(self, epoch: int) -> None:
        """Take the draw of this epoch, until another epoch is set."""
        self.epoch, self.epoch_was_set = epoch, True

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Rows:
        """All positions of one epoch, in order."""

    def drawn(self) -> Rows:
        """The epoch's list, lengthened from its start until all ranks get equally many."""
        drawn = self.draw(np.random.default_rng([self.seed, self.epoch]))
        return drawn[np.arange(self.total_size) % len(drawn)]

    def share(self) -> Rows:
        """The positions of this rank."""
        return self.drawn()[self.rank :: self.num_replicas]

    def __iter__(self) -> Iterator[int]:
        """The positions of this rank, one by one."""
        return iter(self.share().tolist())


class ShuffleSampler(EpochSampler):
    """Every position once in an epoch, in a new order.

    Args:
        positions: (N,) what is shuffled.
        seed: Decides the orders.
        world_size: Number of ranks.
        rank: This rank.
    """

    def __init__(self, positions: Rows, seed: int, world_size: int = 1, rank: int = 0) -> None:
        super().__init__(len(positions), seed, world_size, rank)
        self.positions = positions

    def draw(self, random: np.random.Generator) -> Rows:
        """A permutation."""
        return random.permutation(self.positions)


class BalancedSampler(EpochSampler):
    """The same number of beats of each class, with a new draw in each epoch.

    A class with fewer beats than `per_class` is repeated whole as often as it fits, and the rest
    is drawn without replacement. So no beat is shown more than once more often than another beat
    of its class.

    Args:
        labels: (N,) class indices of the training part; position i is that of `labels[i]`.
        per_class: Draws of each class.
        seed: Decides the draws.
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
        self.class_positions = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.per_class = per_class
        super().__init__(per_class * len(self.class_positions), seed, world_size, rank)

    def draw(self, random: np.random.Generator) -> Rows:
        """`per_class` positions of each class, all in one random order."""
        drawn = [self._draw_class(positions, random) for positions in self.class_positions]
        return random.permutation(np.concatenate(drawn))

    def _draw_class(self, positions: Rows, random: np.random.Generator) -> Rows:
        times, rest = divmod(self.per_class, len(positions))
        return np.concatenate([np.tile(positions, times), random.permutation(positions)[:rest]])


def resample_indices(labels: Rows, per_class: int, random: np.random.RandomState) -> Rows:
    """The original's balancing: positions of the training part, drawn once, class after class.

    Class 0 is drawn without replacement, from the legacy generator in the state that the split
    left. Classes 1 to 4 are drawn with replacement, each from a generator seeded 123 to 126.

    Args:
        labels: (N,) class indices of the training part, in the split's order.
        per_class: Draws of each class.
        random: The legacy generator that the original's split has used.

    Returns:
        (5 per_class,) positions in `labels`.

    Raises:
        InputError: Class 0 has fewer beats than `per_class`.
    """
    # Imported late: scikit-learn takes a second, and only this balancing needs it.
    from sklearn.utils import resample

    normal = np.flatnonzero(labels == 0)
    if len(normal) < per_class:
        raise InputError(
            "balance resample",
            expected=f"at least {per_class} beats of class N, which are drawn without replacement",
            found=str(len(normal)),
            hint="use a smaller number, or the balance weighted",
            setting="per_class",
        )
    drawn = [random.choice(normal, per_class, replace=False)]
    for label in range(1, len(CLASS_NAMES)):
        positions = np.flatnonzero(labels == label)
        drawn.append(resample(positions, n_samples=per_class, random_state=122 + label))
    return np.concatenate(drawn)
