"""Splits beats into training, validation and test: pure functions from labels or groups and a seed to row indices."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError

Rows = npt.NDArray[np.int64]

# De Chazal, O'Dwyer and Reilly, IEEE Trans Biomed Eng 51(7):1196-1206, 2004: two sets of 22 records with a similar mix of beats. EC57
# leaves the four records with paced beats out. 201, in DS1, and 202, in DS2, are one patient; DS2 without 202 has no patient of DS1.
_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
DS1, DS2 = tuple(_DS1.split()), tuple(_DS2.split())
PACED = ("102", "104", "107", "217")

VALIDATION_OF_DS1 = ("108", "114", "124", "207", "215", "223")
"""The records of DS1 that `patients_split` validates on, fixed by the AAMI classes of DS1's annotated beats alone.

The rule: of all sets of five or six records (a quarter of 22), without 208, which holds 373 of DS1's 415 F, and 201, whose patient is in
DS2 too, and in which no record holds more than half of the set's S or V, the one whose shares of DS1's N, S and V stay closest to a
quarter, by the largest of the three distances. `tests/test_splits_patients.py` searches again.

| records | N | S | V | F | Q |
|---|---|---|---|---|---|
| 108 | 1,740 | 4 | 17 | 2 | 0 |
| 114 | 1,820 | 12 | 43 | 4 | 0 |
| 124 | 1,536 | 31 | 47 | 5 | 0 |
| 207 | 1,543 | 107 | 210 | 0 | 0 |
| 215 | 3,195 | 3 | 164 | 1 | 0 |
| 223 | 2,045 | 73 | 473 | 14 | 0 |
| validation | 11,879 | 230 | 954 | 26 | 0 |
| training, the other 16 | 33,987 | 714 | 2,834 | 389 | 8 |
"""


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


def group_split(
    groups: npt.NDArray[np.str_],
    seed: int,
    validation: float = 0.15,
    test: float = 0.2,
    what: str = "records",
) -> Split:
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
    names = _known(groups, what)
    if len(names) < 3:
        raise InputError(
            f"split {what}: found {len(names)}; expected at least 3, one for each part; use --data.split original or all"
        )
    order = np.random.default_rng(seed).permutation(names)
    in_validation, in_test = (max(1, round(len(names) * share)) for share in (validation, test))
    in_test = min(in_test, len(names) - 2)
    in_validation = min(in_validation, len(names) - in_test - 1)
    parts = np.split(order, [in_validation, in_validation + in_test])
    of_validation, of_test, of_train = (np.flatnonzero(np.isin(groups, part)) for part in parts)
    return Split(of_train, of_validation, of_test)


def patients_split(record_ids: npt.NDArray[np.str_], without: Collection[str] = ()) -> Split:
    """De Chazal's split of MIT-BIH: DS1 to training and validation (`VALIDATION_OF_DS1`), DS2 to test; paced records to no part.

    Args:
        record_ids: (N,) the record of each beat.
        without: Records whose beats go to no part either: `("202",)` for a test whose patients are all unknown to the training.

    Raises:
        InputError: a record is none of MIT-BIH's 48, or a part has no beat.

    Example:
        >>> split = patients_split(np.array(["100", "101", "102", "108"]))
        >>> [part.tolist() for part in (split.train, split.validation, split.test)]
        [[1], [3], [0]]
    """
    known = {*DS1, *DS2, *PACED}
    foreign = [name for name in (*np.unique(record_ids).tolist(), *without) if name not in known]
    if foreign:
        raise InputError(
            f"split: expected records of MIT-BIH for patients and mixed, found {repr(foreign[0])[:60]}; "
            "use --data.split records, or all, for other databases"
        )
    names = {
        "training": set(DS1) - set(VALIDATION_OF_DS1),
        "validation": set(VALIDATION_OF_DS1),
        "test": set(DS2),
    }
    rows = {
        part: np.flatnonzero(np.isin(record_ids, sorted(of_part - set(without))))
        for part, of_part in names.items()
    }
    for part, of_part in rows.items():
        if not len(of_part):
            raise InputError(
                f"split patients: no beat for the {part} part; expected some of records {' '.join(sorted(names[part]))}; add one"
            )
    return Split(rows["training"], rows["validation"], rows["test"])


def mixed_split(
    labels: Rows,
    record_ids: npt.NDArray[np.str_],
    random: np.random.Generator | np.random.RandomState,
    without: Collection[str] = (),
) -> Split:
    """The flattering counterpart of `patients_split`: the same beats in parts of the same sizes, drawn without regard to patients.

    Each class is shared out in proportion to the sizes: to within one beat in test, two in the other parts.

    Args:
        labels: (N,) class indices.
        record_ids: (N,) the record of each beat.
        random: Draws who goes where.
        without: As for `patients_split`.

    Raises:
        InputError: as `patients_split`.
    """
    like = patients_split(record_ids, without)
    rows = random.permutation(np.sort(np.concatenate([like.train, like.validation, like.test])))
    rows = rows[
        np.argsort(labels[rows], kind="stable")
    ]  # by class, so that evenly spaced rows hold of each class its share
    rest, test = _every(rows, len(like.test))
    train, validation = _every(rest, len(like.validation))
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def group_folds(
    groups: npt.NDArray[np.str_], folds: int, fold: int, seed: int, what: str = "patients"
) -> Split:
    """One of `folds` splits in which each group, record or patient, is in test exactly once; validation is the next fold's test.

    The folds hold equally many groups, give or take one.

    Args:
        groups: (N,) the group of each beat.
        folds: How many; at least 3. As many as there are groups: leave one out.
        fold: Which, from 0.
        seed: Decides which group is in which fold.
        what: What the groups are, for messages.

    Raises:
        InputError: fewer groups than folds, no such fold, or a source that does not know its groups.

    Example:
        >>> split = group_folds(np.array(["a", "b", "c", "a"]), 3, 0, seed=0)
        >>> len(split.train) + len(split.validation) + len(split.test)
        4
    """
    names = _known(groups, what)
    if len(names) < 3:
        raise InputError(
            f"folds: expected at least 3 {what}, one for each part, found {len(names)}; use more records, or --data.split all"
        )
    if not 3 <= folds <= len(names):
        raise InputError(
            f"folds: expected 3 to {len(names)}, the number of {what}, found {folds}; change the number of folds"
        )
    if not 0 <= fold < folds:
        raise InputError(f"fold: expected 0 to {folds - 1}, found {fold}; change the fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), folds)
    of_test, of_validation = parts[fold], parts[(fold + 1) % folds]
    in_test, in_validation = np.isin(groups, of_test), np.isin(groups, of_validation)
    return Split(
        np.flatnonzero(~in_test & ~in_validation),
        np.flatnonzero(in_validation),
        np.flatnonzero(in_test),
    )


def patients_apart(groups: npt.NDArray[np.str_], split: Split) -> list[str]:
    """The patients, or records, with beats in more than one part, sorted; empty where the parts are apart.

    Example:
        >>> patients_apart(np.array(["a", "b", "a"]), Split(*(np.array([row]) for row in range(3))))
        ['a']
    """
    parts = [np.unique(groups[rows]) for rows in (split.train, split.validation, split.test)]
    names, count = np.unique(np.concatenate(parts), return_counts=True)
    return [str(name) for name in names[count > 1]]


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


def _known(groups: npt.NDArray[np.str_], what: str) -> npt.NDArray[np.str_]:
    """The groups' names, sorted."""
    names = np.unique(groups)
    if "" in names:
        raise InputError(
            f"split {what}: this source does not say which beat belongs to which of its {what}; use --data.split original"
        )
    return names


def _every(rows: Rows, count: int) -> tuple[Rows, Rows]:
    """The rows that stay, and `count` rows evenly spaced among them: of any run of m rows count / N x m, to within one."""
    steps = np.arange(len(rows) + 1) * count // len(rows)
    taken = np.diff(steps) > 0
    return rows[~taken], rows[taken]
