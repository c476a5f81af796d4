"""Exact quantiles of more numbers than fit into memory, which are read several times."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats, Integers

_MOST_VALUES = 1 << 16  # different ones that are counted one by one
_BITS = 16  # of a number that one pass decides
_Keys = npt.NDArray[np.uint64]


class ExactQuantiles:
    """The quantiles of all numbers of a sequence, equal to those of `numpy.quantile`.

    The numbers come in pieces, and the whole sequence up to four times. The samples of a converter
    have few different values, so that one pass is enough. Each quantile takes up to 2 MiB.

    Args:
        shares: The quantiles, each from 0 to 1.

    Example:
        >>> quantiles = ExactQuantiles([0.5])
        >>> quantiles.add(np.array([3.0, 1.0]))
        >>> quantiles.add(np.array([8.0]))
        >>> quantiles.end_pass()
        True
        >>> quantiles.values
        [3.0]
    """

    def __init__(self, shares: Sequence[float]) -> None:
        self._shares, self._count, self._first = shares, 0, True
        self._values: dict[int, float] = {}  # by their rank
        self._brackets = [_Bracket(0, 64)]

    def add(self, numbers: Floats) -> None:
        """Take the next numbers (T,), which are all finite."""
        if not len(numbers):
            return
        numbers = numbers + 0.0  # -0.0 becomes 0.0
        self._count += len(numbers) if self._first else 0
        keys = _keys(numbers) if any(bracket.needs_keys for bracket in self._brackets) else None
        for bracket in self._brackets:
            bracket.add(numbers, keys)

    def end_pass(self) -> bool:
        """End a pass over all numbers; return whether no further one is needed."""
        if self._first:
            self._brackets[0].ranks = self._ranks()
        self._first, brackets = False, []
        for bracket in self._brackets:
            self._values.update(bracket.values())
            brackets += bracket.parts()
        self._brackets = brackets
        return not brackets

    @property
    def values(self) -> list[float]:
        """The quantiles, in the order of the shares; none of no numbers."""
        if not self._count:
            return []
        places = [(self._count - 1) * share for share in self._shares]
        last = self._count - 1
        pairs = [(self._values[int(p)], self._values[min(int(p) + 1, last)]) for p in places]
        return [
            float(np.quantile(pair, place - int(place)))
            for pair, place in zip(pairs, places, strict=True)
        ]

    def _ranks(self) -> dict[int, int]:
        """The ranks whose values decide the quantiles, each by its rank in the first bracket."""
        last = self._count - 1
        below = [int(last * share) for share in self._shares] if self._count else []
        return {rank: rank for place in below for rank in (place, min(place + 1, last))}


class _Bracket:
    """The numbers whose keys begin with the same bits, and how many there are of each value.

    Attributes:
        ranks: The wanted ranks, and their ranks in the bracket.
    """

    def __init__(self, prefix: int, shift: int, ranks: dict[int, int] | None = None) -> None:
        self._prefix, self._shift, self.ranks = prefix, shift, ranks or {}
        self._values: Floats = np.zeros(0)
        self._counts: Integers = np.zeros(0, np.int64)
        self._parts: Integers | None = None  # the counts of 65,536 parts, after too many values

    @property
    def needs_keys(self) -> bool:
        """Whether `add` takes keys; only the first bracket needs none as long as it has values."""
        return self._shift < 64 or self._parts is not None

    def add(self, numbers: Floats, keys: _Keys | None) -> None:
        """Count the numbers (T,) that belong to the bracket.

        Args:
            numbers: (T,)
            keys: (T,) where they are needed.
        """
        if keys is not None and self._shift < 64:
            inside = (keys >> np.uint64(self._shift)) == np.uint64(self._prefix)
            numbers, keys = numbers[inside], keys[inside]
        if self._parts is not None and keys is not None:
            self._parts += self._histogram(keys, None)
            return
        values, counts = np.unique(numbers, return_counts=True)
        both = np.concatenate([self._values, values])
        self._values, places = np.unique(both, return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._counts = np.bincount(places, weights, len(self._values)).astype(np.int64)
        if len(self._values) > _MOST_VALUES:
            self._parts = self._histogram(_keys(self._values), self._counts)
            self._values, self._counts = self._values[:0], self._counts[:0]

    def values(self) -> dict[int, float]:
        """The values of the wanted ranks; none where they are not known yet."""
        if self._parts is not None:
            return {}
        ends = np.cumsum(self._counts)
        return {
            rank: float(self._values[np.searchsorted(ends, place, "right")])
            for rank, place in self.ranks.items()
        }

    def parts(self) -> list["_Bracket"]:
        """The parts of the bracket that hold wanted ranks; none where their values are known."""
        if self._parts is None:
            return []
        ends, parts = np.cumsum(self._parts), dict[int, _Bracket]()
        for rank, place in self.ranks.items():
            part = int(np.searchsorted(ends, place, "right"))
            prefix = (self._prefix << _BITS) + part
            bracket = parts.setdefault(part, _Bracket(prefix, self._shift - _BITS))
            bracket.ranks[rank] = place - int(ends[part] - self._parts[part])
        return list(parts.values())

    def _histogram(self, keys: _Keys, weights: Integers | None) -> Integers:
        """How many of the keys, which belong to the bracket, belong to each of its parts."""
        parts = (keys >> np.uint64(self._shift - _BITS)) & np.uint64((1 << _BITS) - 1)
        return np.bincount(parts.view(np.int64), weights, 1 << _BITS).astype(np.int64)


def _keys(numbers: Floats) -> _Keys:
    """Whole numbers in the same order as the numbers."""
    bits = np.ascontiguousarray(numbers, np.float64).view(np.int64)
    # All bits of a negative number are turned, and the sign of the others.
    flipped: _Keys = ((bits >> 63) | np.int64(-(1 << 63))).view(np.uint64)
    return bits.view(np.uint64) ^ flipped
