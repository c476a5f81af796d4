"""Samplers of sequences: which pieces of which records an epoch shows.

As for beats, the draw of an epoch is made of seed and epoch alone, and each rank takes its share.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.data.samplers import EpochSampler, Rows
from ecg_lightning.data.sequences import padded, unlabelled
from ecg_lightning.errors import InputError

LONGEST, SHORTEST = 512, 128  # beats of a sequence, where the stretch has so many
_MEAN = (LONGEST + SHORTEST) // 2
_MOST_PASSES = 100


class RecordSampler(EpochSampler):
    """Pieces at random places of random stretches, from every record equally often.

    The pieces have `SHORTEST` to `LONGEST` beats, and shorter stretches are shown whole.

    Args:
        stretches: Sequences of row numbers, as `stretches_of` returns them.
        records: The record of each stretch.
        n_beats: About how many beats an epoch shows.
        seed: Decides the draws.
        world_size: Number of ranks.
        rank: This rank.
    """

    def __init__(
        self,
        stretches: Sequence[Rows],
        records: Names,
        n_beats: int,
        seed: int,
        world_size: int = 1,
        rank: int = 0,
    ) -> None:
        self.stretches, self._width = stretches, _width(stretches)
        names, record_of = np.unique(records, return_inverse=True)
        self._of_record = [np.flatnonzero(record_of == record) for record in range(len(names))]
        in_pieces = sum(min(len(stretch), _MEAN) for stretch in stretches)
        super().__init__(-(-n_beats * len(stretches) // in_pieces), seed, world_size, rank)

    def draw(self, random: np.random.Generator) -> Rows:
        """(S, K) row numbers; K is that of the longest piece."""
        times, rest = divmod(self.length, len(self._of_record))
        every = np.arange(len(self._of_record))
        drawn = np.concatenate([np.tile(every, times), random.permutation(every)[:rest]])
        pieces = [self._piece(record, random) for record in random.permutation(drawn)]
        return padded(pieces, self._width)

    def _piece(self, record: int, random: np.random.Generator) -> Rows:
        choices = self._of_record[record]
        sizes = np.array([len(self.stretches[i]) for i in choices.tolist()])
        stretch = self.stretches[int(random.choice(choices, p=sizes / sizes.sum()))]
        length = min(len(stretch), int(random.integers(SHORTEST, LONGEST + 1)))
        start = int(random.integers(len(stretch) - length + 1))
        return stretch[start : start + length]


class PieceSampler(EpochSampler):
    """Every stretch once in an epoch, cut into pieces at other places in each.

    Args:
        stretches: Sequences of row numbers, as `stretches_of` returns them.
        seed: Decides the draws.
        world_size: Number of ranks.
        rank: This rank.
        passes: How many times an epoch shows every stretch.
    """

    def __init__(
        self,
        stretches: Sequence[Rows],
        seed: int,
        world_size: int = 1,
        rank: int = 0,
        passes: int = 1,
    ) -> None:
        self.stretches, self.passes = stretches, passes
        self._counts, self._width = list(map(_pieces_of, stretches)), _width(stretches)
        super().__init__(passes * sum(self._counts), seed, world_size, rank)

    def draw(self, random: np.random.Generator) -> Rows:
        """(S, K) row numbers; K is that of the longest piece."""
        return random.permutation(padded(list(self._pieces(random)), self._width))

    def _pieces(self, random: np.random.Generator) -> Iterator[Rows]:
        for _ in range(self.passes):
            for stretch, count in zip(self.stretches, self._counts, strict=True):
                yield from np.split(stretch, self._cuts(len(stretch), count, random))

    @staticmethod
    def _cuts(length: int, count: int, random: np.random.Generator) -> Rows:
        """Where a stretch is cut into pieces of 2/3 to 4/3 of their mean length."""
        cuts = np.arange(1, count) + random.uniform(-1 / 6, 1 / 6, count - 1)
        return (cuts * length / count).astype(np.int64)


class LabelSampler(PieceSampler):
    """Show stretches as often as needed to show the same number of labels of each class.

    The other beats are there without their label. A class with fewer beats than `per_class` shows
    them all, each as often as the others. So an epoch has the same labels as one of
    `BalancedSampler`, with their neighbours.

    Args:
        stretches: Sequences of row numbers, as `stretches_of` returns them.
        labels: (N,) class indices of all beats of the table.
        per_class: Labels of each class in an epoch.
        seed: Decides the draws.
        world_size: Number of ranks.
        rank: This rank.

    Raises:
        InputError: A class is so rare that an epoch would show it more than `_MOST_PASSES` times.
    """

    def __init__(
        self,
        stretches: Sequence[Rows],
        labels: Integers,
        per_class: int,
        seed: int,
        world_size: int = 1,
        rank: int = 0,
    ) -> None:
        rows = np.concatenate(stretches)
        rows = rows[rows >= 0]
        self._of_class = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
        self.per_class, self._size = per_class, len(labels)
        rarest = min(map(len, self._of_class))
        passes = -(-per_class // rarest)
        if passes > _MOST_PASSES:
            raise InputError(
                "per_class",
                expected=f"at most {_MOST_PASSES} times the beats of the rarest class, {rarest}",
                found=str(per_class),
                hint="choose a smaller number",
                setting="per_class",
            )
        super().__init__(stretches, seed, world_size, rank, passes)

    def _pieces(self, random: np.random.Generator) -> Iterator[Rows]:
        shown = self._shown(random)
        pieces = super()._pieces(random)
        for number, piece in enumerate(pieces):
            labelled = shown[number // (self.length // self.passes)]
            rows = np.maximum(piece, unlabelled(piece))
            yield np.where((piece >= 0) & labelled[rows], rows, unlabelled(rows))

    def _shown(
        self, random: np.random.Generator
    ) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
        """(passes, N) which beats show their label in which pass."""
        shown = np.zeros((self.passes, self._size), np.bool_)
        for rows in self._of_class:
            times, rest = divmod(self.per_class, len(rows))
            order = random.permutation(rows)
            counts = times + (np.arange(len(order)) < rest)
            first = random.integers(self.passes, size=len(order))
            # A beat's labels lie in different passes, because it has at most one for each.
            number = np.concatenate([np.arange(count) for count in counts.tolist()])
            steps = number * self.passes // np.repeat(counts, counts)
            shown[(np.repeat(first, counts) + steps) % self.passes, np.repeat(order, counts)] = True
        return shown


def _pieces_of(stretch: Rows) -> int:
    """The number of pieces that show a stretch once."""
    return -(-len(stretch) // _MEAN)


def _width(stretches: Sequence[Rows]) -> int:
    """The largest number of beats that a piece can have."""
    return min(LONGEST, max(map(len, stretches)))
