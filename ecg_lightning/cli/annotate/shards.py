"""Every N-th recording of a list: the work of one task of an array."""

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ecg_lightning.errors import InputError

Item = TypeVar("Item")
_MOST = 100_000  # tasks; no cluster allows a larger array


class Shard(NamedTuple):
    """One part of a list.

    Attributes:
        number: From 1.
        n_shards: How many parts there are.
    """

    number: int
    n_shards: int

    @classmethod
    def of(cls, text: str) -> "Shard":
        """Return the shard that a text such as `2/4` means.

        Raises:
            InputError: It means none.
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= _MOST:
            raise InputError(
                "shard",
                expected="I/N, such as 2/4 for the second of four, with I from 1 to N",
                found=text or "an empty text",
                hint="correct it",
                setting="shard",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Such as `2/4`."""
        return f"{self.number}/{self.n_shards}"

    def items(self, items: Sequence[Item]) -> list[Item]:
        """Return every `n_shards`-th item, from the one of this number on.

        Example:
            >>> Shard(2, 3).items(["a", "b", "c", "d", "e"])
            ['b', 'e']
        """
        return list(items[self.number - 1 :: self.n_shards])
