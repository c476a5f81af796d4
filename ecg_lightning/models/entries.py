"""Checks of the entries of a checkpoint against what they have to be.

A kind is a predicate `(value) -> bool`, a dictionary of kinds (these keys and no others), a list
with one kind (any number of those), or None.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ecg_lightning.models.checkpoint_file import CheckpointError
from ecg_lightning.text import escaped

Kind = Any
Predicate = Callable[[Any], bool]
MOST = 1 << 53  # a larger count comes from a broken file


def check(value: Any, kind: Kind, place: str) -> None:
    """Refuse a value of another kind.

    Args:
        value: An entry of a checkpoint.
        kind: See the module.
        place: The entry's name, for the message.

    Raises:
        CheckpointError: It is of another kind; the text names the entry.
    """
    if isinstance(kind, dict):
        _check_keys(value, kind, place)
    elif isinstance(kind, list):
        if not isinstance(value, list | tuple):
            raise refused(place, value)
        for i, part in enumerate(value):
            check(part, kind[0], f"{place}[{i}]")
    elif not (value is None if kind is None else kind(value)):
        raise refused(place, value)


def _check_keys(value: Any, kind: dict[str, Kind], place: str) -> None:
    if not isinstance(value, dict):
        raise refused(place, value)
    if missing := [key for key in kind if key not in value]:
        raise CheckpointError(f"a file without {place}.{missing[0]}")
    if unknown := [key for key in value if key not in kind]:
        raise CheckpointError(f"an unknown entry {place}.{escaped(str(unknown[0]), 60)}")
    for key, kind_below in kind.items():
        check(value[key], kind_below, f"{place}.{key}")


def refused(place: str, value: Any) -> CheckpointError:
    """The error for a value of another kind."""
    if isinstance(value, Tensor):
        shown = f"a tensor of shape {tuple(value.shape)}"
    elif isinstance(value, dict | list | tuple | set):
        shown = f"a {type(value).__name__} of {len(value)}"
    else:
        shown = escaped(repr(value), 60)
    return CheckpointError(f"{place} = {shown}")


def entry(content: Any, *names: str) -> Any:
    """The value below nested keys of a checkpoint.

    Raises:
        CheckpointError: There is none.
    """
    place = ".".join(names)
    for name in names:
        if not isinstance(content, dict) or name not in content:
            raise CheckpointError(f"a file without {place}")
        content = content[name]
    return content


def count(value: Any) -> bool:
    """A number of something."""
    return type(value) is int and 0 <= value < MOST


def whole(value: Any) -> bool:
    """A whole number."""
    return type(value) is int and abs(value) < MOST


def flag(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def text(value: Any) -> bool:
    """A text."""
    return type(value) is str


def number(value: Any) -> bool:
    """A whole or a real number; NaN and infinity are metrics of a network that diverged."""
    return type(value) in (int, float)


def scalar(value: Any) -> bool:
    """A tensor of one number."""
    return isinstance(value, Tensor) and value.dim() == 0


def optional(kind: Predicate) -> Predicate:
    """The kind, or None."""
    return lambda value: value is None or kind(value)


def plain(value: Any) -> bool:
    """What JSON can hold: finite numbers, texts, lists and dictionaries with texts as keys."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(below) for key, below in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)
