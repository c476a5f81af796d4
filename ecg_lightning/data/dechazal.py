"""De Chazal's split of MIT-BIH, whose patients are apart, and its counterpart that mixes them."""

from collections.abc import Collection

import numpy as np

from ecg_lightning.arrays import Names
from ecg_lightning.data.split_rules import Rows, Split
from ecg_lightning.errors import InputError

# De Chazal, O'Dwyer and Reilly, IEEE Trans Biomed Eng 51(7):1196-1206, 2004: two sets of 22 records
# with a similar mix of beats. EC57 excludes the four records with paced beats. 201, in DS1, and
# 202, in DS2, are of one patient; DS2 without 202 has no patient of DS1.
_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
DS1, DS2 = tuple(_DS1.split()), tuple(_DS2.split())
PACED = ("102", "104", "107", "217")

VALIDATION_OF_DS1 = ("108", "114", "124", "207", "215", "223")
"""The validation records of DS1, fixed by the AAMI classes of DS1's annotated beats alone.

The rule compares all sets of five or six records (a quarter of 22) of which no record holds more
than half of the set's S or V. It excludes 208, which holds 373 of DS1's 415 F, and 201, because its
patient is in DS2 too. It takes the set whose shares of DS1's N, S and V are closest to a quarter,
by the largest of the three distances. `tests/data/test_splits_patients.py` searches again.

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
_RECORDS_OF_PART = {
    "training": set(DS1) - set(VALIDATION_OF_DS1),
    "validation": set(VALIDATION_OF_DS1),
    "test": set(DS2),
}


def dechazal_split(record_ids: Names, without: Collection[str] = ()) -> Split:
    """De Chazal's split: DS1 to training and validation, DS2 to test, paced records to no part.

    Args:
        record_ids: (N,) the record of each beat.
        without: Records that go to no part either. With `("202",)` the training knows no patient
            of the test.

    Raises:
        InputError: A record is none of MIT-BIH's 48, or a part has no beat.

    Example:
        >>> split = dechazal_split(np.array(["100", "101", "102", "108"]))
        >>> [part.tolist() for part in (split.train, split.validation, split.test)]
        [[1], [3], [0]]
    """
    _check_records(record_ids, without)
    rows = {
        part: np.flatnonzero(np.isin(record_ids, sorted(names - set(without))))
        for part, names in _RECORDS_OF_PART.items()
    }
    for part, part_rows in rows.items():
        if not len(part_rows):
            raise InputError(
                "split dechazal",
                expected=f"some of the records {' '.join(sorted(_RECORDS_OF_PART[part]))}",
                found=f"no beat for the {part} part",
                hint="add one of these records",
            )
    return Split(rows["training"], rows["validation"], rows["test"])


def mixed_split(
    labels: Rows,
    record_ids: Names,
    random: np.random.Generator | np.random.RandomState,
    without: Collection[str] = (),
) -> Split:
    """The beats of `dechazal_split` in parts of the same sizes, drawn without regard to patients.

    Scores of this split are flattering; it shows by how much. Each class is divided in proportion
    to the sizes: to within one beat in test, and two beats in the other parts.

    Args:
        labels: (N,) class indices.
        record_ids: (N,) the record of each beat.
        random: Decides which beat goes where.
        without: As for `dechazal_split`.

    Raises:
        InputError: As `dechazal_split`.
    """
    like = dechazal_split(record_ids, without)
    rows = random.permutation(np.sort(np.concatenate([like.train, like.validation, like.test])))
    # Sorted by class, so that evenly spaced rows hold the share of each class.
    rows = rows[np.argsort(labels[rows], kind="stable")]
    rest, test = _take_evenly(rows, len(like.test))
    train, validation = _take_evenly(rest, len(like.validation))
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def _check_records(record_ids: Names, without: Collection[str]) -> None:
    known = {*DS1, *DS2, *PACED}
    foreign = [name for name in (*np.unique(record_ids).tolist(), *without) if name not in known]
    if foreign:
        raise InputError(
            "the splits dechazal and mixed",
            expected="records of MIT-BIH",
            found=repr(foreign[0])[:60],
            hint="for other databases use the split patients, records, folds or all",
            setting="split",
        )


def _take_evenly(rows: Rows, count: int) -> tuple[Rows, Rows]:
    """The rows that stay, and `count` rows evenly spaced among them.

    Of any run of m rows, count / N x m are taken, to within one.
    """
    steps = np.arange(len(rows) + 1) * count // len(rows)
    taken = np.diff(steps) > 0
    return rows[~taken], rows[taken]
