"""Splits beats into training, validation and test: pure functions from labels or groups and a seed to row indices."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts."""

    train: Rows
    validation: Rows
    test: Rows


def original_split(labels: Rows, random: np.random.RandomState, per_class: int = 100) -> Split:
    """The original's split: of each class 100 beats to validation, the next 100 to test, the rest to training.

    Patients are mixed across the parts. Rows stand in class order, each class in its permutation's order.

    Args:
        labels: (N,) class indices.
        random: The legacy generator; the original seeds it with 0, and its upsampling goes on with the state left here.
        per_class: Beats of a class in validation, and in test.

    Raises:
        InputError: a class has too few beats to leave any for training.

    Example:
        >>> split = original_split(np.arange(5).repeat(3), np.random.RandomState(0), per_class=1)
        >>> [len(part) for part in (split.train, split.validation, split.test)]
        [5, 5, 5]
    """
    parts: list[tuple[Rows, Rows, Rows]] = []
    for label, name in enumerate(CLASS_NAMES):
        rows = random.permutation(np.flatnonzero(labels == label))
        if len(rows) <= 2 * per_class:
            raise InputError(
                f"split original: class {name} has {len(rows)} beats; expected more than {2 * per_class}, {per_class} for validation, "
                f"{per_class} for test, the rest for training; use --data.split records, or more records"
            )
        parts.append((rows[2 * per_class :], rows[:per_class], rows[per_class : 2 * per_class]))
    train, validation, test = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Split(train, validation, test)


def group_split(groups: npt.NDArray[np.str_], seed: int, validation: float = 0.15, test: float = 0.2, what: str = "records") -> Split:
    """Whole groups, records or patients, go to one part each.

    Args:
        groups: (N,) the group of each beat.
        seed: Decides which group goes where.
        validation: Share of the groups in validation, at least one group.
        test: Share of the groups in test, at least one group.
        what: What the groups are, for messages.

    Raises:
        InputError: fewer than three groups, or a source that does not know them.
    """
    names = np.unique(groups)
    if "" in names:
        raise InputError(f"split {what}: this source does not say which beat belongs to which of its {what}; use --data.split original")
    if len(names) < 3:
        raise InputError(f"split {what}: found {len(names)}; expected at least 3, one for each part; use --data.split original or all")
    order = np.random.default_rng(seed).permutation(names)
    in_validation, in_test = (max(1, round(len(names) * share)) for share in (validation, test))
    in_test = min(in_test, len(names) - 2)
    in_validation = min(in_validation, len(names) - in_test - 1)
    parts = np.split(order, [in_validation, in_validation + in_test])
    of_validation, of_test, of_train = (np.flatnonzero(np.isin(groups, part)) for part in parts)
    return Split(of_train, of_validation, of_test)


def all_test(count: int) -> Split:
    """Everything in the test part: for a trained network and somebody else's records."""
    nothing = np.empty(0, np.int64)
    return Split(nothing, nothing, np.arange(count, dtype=np.int64))


def check_classes(labels: Rows, balance: str) -> None:
    """Refuses to balance classes that the training part does not have.

    Args:
        labels: (N,) class indices of the training part.
        balance: The balancing that was asked for.

    Raises:
        InputError: a class is absent and `balance` is not `none`.
    """
    absent = [name for label, name in enumerate(CLASS_NAMES) if not np.any(labels == label)]
    if absent and balance != "none":
        raise InputError(
            f"balance {balance}: no beat of class {', '.join(absent)} in the training part ({len(labels)} beats); expected all of "
            f"{' '.join(CLASS_NAMES)}; use another --data.split or --data.split_seed, more records, or --data.balance none"
        )
