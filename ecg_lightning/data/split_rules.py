"""Rules of splits: pure functions from labels or groups and a seed to row indices."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

Rows = Integers


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts."""

    train: Rows
    validation: Rows
    test: Rows


def original_split(labels: Rows, random: np.random.RandomState, per_class: int = 100) -> Split:
    """The original's split: of each class 100 beats to validation, 100 to test, the rest to train.

    Patients are mixed across the parts. Rows are in class order, and each class is in the order of
    its permutation.

    Args:
        labels: (N,) class indices.
        random: The legacy generator. The original seeds it with 0, and its upsampling continues
            with the state that this function leaves.
        per_class: Beats of a class in validation, and in test.

    Raises:
        InputError: A class has so few beats that none is left for training.

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
                f"split original, class {name}",
                expected=f"more than {2 * per_class} beats ({per_class} for validation, "
                f"{per_class} for test, the rest for training)",
                found=str(len(rows)),
                hint="use the split records, or more records",
                setting="split",
            )
        parts.append((rows[2 * per_class :], rows[:per_class], rows[per_class : 2 * per_class]))
    train, validation, test = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Split(train, validation, test)


def group_split(
    groups: Names,
    seed: int,
    validation: float = 0.15,
    test: float = 0.2,
    what: str = "records",
    split: str = "",
) -> Split:
    """Put each group, a record or a patient, whole into one part.

    Args:
        groups: (N,) the group of each beat.
        seed: Decides which group goes where.
        validation: Share of the groups in validation, at least one group.
        test: Share of the groups in test, at least one group.
        what: What the groups are, for messages.
        split: The name of the split, for messages; default: `what`.

    Raises:
        InputError: There are fewer than three groups.
    """
    names = np.unique(groups)
    _check_three(names, f"split {split or what}", what)
    order = np.random.default_rng(seed).permutation(names)
    in_validation, in_test = (max(1, round(len(names) * share)) for share in (validation, test))
    in_test = min(in_test, len(names) - 2)
    in_validation = min(in_validation, len(names) - in_test - 1)
    parts = np.split(order, [in_validation, in_validation + in_test])
    validation_rows, test_rows, train_rows = (
        np.flatnonzero(np.isin(groups, part)) for part in parts
    )
    return Split(train_rows, validation_rows, test_rows)


def named_split(
    record_ids: Names,
    groups: Names,
    train: Collection[str],
    test: Collection[str],
    seed: int,
    validation: float = 0.15,
) -> Split:
    """Put named records into the test part, and others into the training and validation parts.

    Args:
        record_ids: (N,) the record of each beat.
        groups: (N,) its group, a patient or a record. A group of the training side goes whole to
            training or to validation.
        train: The records of the training side; none: there is no training and no validation.
        test: The records of the test part.
        seed: Decides which groups are in validation.
        validation: Share of the groups in validation, at least one group; 0: none.

    Raises:
        InputError: The training side has no group without validation, or fewer than two with it.

    Example:
        >>> names = np.array(["a", "b", "c", "d"])
        >>> split = named_split(names, names, ("a", "b", "c"), ("d",), seed=0)
        >>> len(split.train), len(split.validation), split.test.tolist()
        (2, 1, [3])
    """
    test_rows = np.flatnonzero(np.isin(record_ids, list(test)))
    if not train:
        nothing = np.empty(0, np.int64)
        return Split(nothing, nothing.copy(), test_rows)
    in_train = np.isin(record_ids, list(train))
    names = np.unique(groups[in_train])
    least, for_whom = (
        (2, "2 patients, one of them for validation") if validation else (1, "1 patient")
    )
    if len(names) < least:
        raise InputError(
            "train",
            expected=f"beats of at least {for_whom}",
            found=str(len(names)),
            hint="name more records",
            setting="train",
        )
    n_validation = min(max(1, round(len(names) * validation)), len(names) - 1) if validation else 0
    drawn = np.random.default_rng(seed).permutation(names)[:n_validation]
    in_validation = in_train & np.isin(groups, drawn)
    return Split(
        np.flatnonzero(in_train & ~in_validation), np.flatnonzero(in_validation), test_rows
    )


def group_folds(groups: Names, folds: int, fold: int, seed: int, what: str = "patients") -> Split:
    """One of `folds` splits that together have each group, a record or a patient, in test once.

    Validation is the next fold's test. The numbers of groups in two folds differ by one at most.

    Args:
        groups: (N,) the group of each beat.
        folds: How many; at least 3. As many as there are groups: leave one out.
        fold: Which, from 0.
        seed: Decides which group is in which fold.
        what: What the groups are, for messages.

    Raises:
        InputError: There are fewer groups than folds, or there is no such fold.

    Example:
        >>> split = group_folds(np.array(["a", "b", "c", "a"]), 3, 0, seed=0)
        >>> len(split.train) + len(split.validation) + len(split.test)
        4
    """
    parts = folds_of(np.unique(groups), folds, seed, what)
    if not 0 <= fold < folds:
        raise _out_of_range("fold", f"0 to {folds - 1}", fold, "choose another fold")
    in_test = np.isin(groups, parts[fold])
    in_validation = np.isin(groups, parts[(fold + 1) % folds])
    return Split(
        np.flatnonzero(~in_test & ~in_validation),
        np.flatnonzero(in_validation),
        np.flatnonzero(in_test),
    )


def folds_of(names: Names, folds: int, seed: int, what: str) -> list[Names]:
    """The groups of each fold's test part.

    Args:
        names: The groups, sorted.
        folds: How many folds.
        seed: Decides which group is in which fold.
        what: What the groups are, for messages.

    Raises:
        InputError: There are fewer than three groups, or fewer than folds.
    """
    _check_three(names, "folds", what)
    if not 3 <= folds <= len(names):
        allowed = f"3 to {len(names)}, the number of {what}"
        raise _out_of_range("folds", allowed, folds, "change the number of folds")
    return np.array_split(np.random.default_rng(seed).permutation(names), folds)


def all_test(count: int) -> Split:
    """Put everything into the test part: for a trained network and other people's records."""
    nothing = np.empty(0, np.int64)
    return Split(nothing, nothing, np.arange(count, dtype=np.int64))


def shared_patients(patients: Names, split: Split, part: str | None = None) -> list[str]:
    """The known patients that have beats in a part and in another part, sorted.

    Args:
        patients: (N,) the patient of each beat; "" where the patient is unknown.
        split: The parts.
        part: `train`, `validation` or `test`; default: any part.

    Returns:
        The names, [] where no known patient is in several parts.

    Example:
        >>> patients = np.array(["a", "b", "a", "", ""])
        >>> shared_patients(patients, Split(*(np.array(rows) for rows in ([0, 3], [1], [2, 4]))))
        ['a']
    """
    parts = {name: np.unique(patients[rows]) for name, rows in vars(split).items()}
    names, count = np.unique(np.concatenate(list(parts.values())), return_counts=True)
    shared = names[(count > 1) & (names != "")]
    if part is not None:
        shared = np.intersect1d(shared, parts[part])
    return [str(name) for name in shared]


def count_patients(records: Names, patients: Names) -> dict[str, int]:
    """The number of records, of those whose patient is unknown, and of known patients.

    Args:
        records: (N,) the record of each beat.
        patients: (N,) its patient; "" where the patient is unknown.

    Example:
        >>> count_patients(np.array(["a", "a", "b"]), np.array(["", "", "p"]))
        {'records': 2, 'unknown': 1, 'patients': 1}
    """
    names, rows = np.unique(records, return_index=True)
    owners = patients[rows]
    unknown = int(np.count_nonzero(owners == ""))
    return {
        "records": len(names),
        "unknown": unknown,
        "patients": len(np.unique(owners)) - bool(unknown),
    }


def class_counts_of(groups: Names, labels: Rows) -> tuple[Names, Rows]:
    """The groups, sorted, and (groups, classes) how many beats each has of each class.

    Args:
        groups: (N,) the group of each beat.
        labels: (N,) class indices.
    """
    names, rows = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(CLASS_NAMES)), np.int64)
    np.add.at(counts, (rows, labels), 1)
    return names, counts


def check_classes(labels: Rows, balance: str) -> None:
    """Refuse to balance classes that the training part does not have.

    Args:
        labels: (N,) class indices of the training part.
        balance: The balancing that was asked for.

    Raises:
        InputError: A class is absent and `balance` is not `none`.
    """
    check_counts(np.bincount(labels, minlength=len(CLASS_NAMES)), balance)


def check_counts(counts: Rows, balance: str, where: str = "") -> None:
    """Refuse to balance classes without beats.

    Args:
        counts: (classes,) beats of the training part.
        balance: The balancing that was asked for.
        where: What the message begins with, such as `fold 1, `.

    Raises:
        InputError: A class is absent and `balance` is not `none`.
    """
    absent = [name for name, count in zip(CLASS_NAMES, counts.tolist(), strict=True) if not count]
    if absent and balance != "none":
        raise InputError(
            f"{where}balance {balance}",
            expected=f"all of {' '.join(CLASS_NAMES)} in the training part",
            found=f"no beat of class {', '.join(absent)} among {counts.sum()} beats",
            hint="use another split or split_seed, more records, or the balance none",
            setting="balance",
        )


def _check_three(names: Names, subject: str, what: str) -> None:
    if len(names) < 3:
        raise InputError(
            subject,
            expected=f"at least 3 {what}, one for each part",
            found=str(len(names)),
            hint="use more records, or the split original or all",
            setting="split",
        )


def _out_of_range(name: str, expected: str, found: int, hint: str) -> InputError:
    return InputError(name, expected=expected, found=str(found), hint=hint, setting=name)
