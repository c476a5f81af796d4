"""Splits against the original's own calls, and the promises that a part makes about its groups."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.data.split_rules import (
    Rows,
    Split,
    all_test,
    check_classes,
    group_split,
    original_split,
)
from ecg_lightning.errors import InputError


@pytest.fixture
def global_generator() -> Iterator[None]:
    """Puts NumPy's global generator back: the original's calls use it."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


def labels_of(counts: list[int], seed: int = 0) -> Rows:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(5), counts))


def groups_in_several_parts(groups: npt.NDArray[np.str_], split: Split) -> set[str]:
    """Groups with beats in more than one part."""
    parts = [set(groups[rows].tolist()) for rows in (split.train, split.validation, split.test)]
    return (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])


def assert_covers(split: Split, count: int) -> None:
    """Every row is in one part, once."""
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows.tolist()) == list(range(count))


@pytest.mark.usefixtures("global_generator")
@pytest.mark.parametrize("per_class", [1, 3, 100])
def test_original_split_is_what_the_original_draws(per_class: int) -> None:
    labels = labels_of([2 * per_class + extra for extra in (50, 1, 7, 2, 30)])
    split = original_split(labels, np.random.RandomState(0), per_class)
    np.random.seed(0)
    train, validation, test = [], [], []
    for label in range(5):
        rows = np.random.permutation(
            [row for row in range(len(labels)) if labels[row] == label]
        ).tolist()
        validation += rows[:per_class]
        test += rows[per_class : 2 * per_class]
        train += rows[2 * per_class :]
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == (
        train,
        validation,
        test,
    )


@pytest.mark.usefixtures("global_generator")
def test_original_split_leaves_its_generator_where_the_original_goes_on() -> None:
    labels, random = labels_of([300, 210, 250, 205, 260]), np.random.RandomState(0)
    original_split(labels, random)
    np.random.seed(0)
    for label in range(5):
        np.random.permutation(np.flatnonzero(labels == label))
    assert random.randint(0, 2**31, 10).tolist() == np.random.randint(0, 2**31, 10).tolist()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(5, 40), min_size=5, max_size=5),
    st.integers(0, 2**32 - 1),
    st.integers(1, 2),
)
def test_original_split_gives_every_beat_to_one_part(
    counts: list[int], seed: int, per_class: int
) -> None:
    labels = labels_of(counts)
    split = original_split(labels, np.random.RandomState(seed), per_class)
    assert_covers(split, len(labels))
    for part in (split.validation, split.test):
        assert np.bincount(labels[part], minlength=5).tolist() == [per_class] * 5
    assert np.bincount(labels[split.train], minlength=5).tolist() == [
        count - 2 * per_class for count in counts
    ]
    assert_array_equal(labels[split.train], np.sort(labels[split.train]))  # in class order


@pytest.mark.parametrize(("count", "fits"), [(200, False), (201, True)])
def test_original_split_needs_a_beat_for_training(count: int, fits: bool) -> None:
    labels = labels_of([300, 300, 300, count, 300])
    if fits:
        assert (
            np.count_nonzero(labels[original_split(labels, np.random.RandomState(0)).train] == 3)
            == 1
        )
        return
    with pytest.raises(InputError) as caught:
        original_split(labels, np.random.RandomState(0))
    assert str(caught.value) == (
        "split original, class F: expected more than 200 beats (100 for validation, "
        "100 for test, the rest for training), found 200; "
        "use the split records, or more records"
    )


group_lists = st.integers(3, 12).flatmap(
    lambda n: st.permutations(list(range(n)) + [i % n for i in range(2 * n)])
)


@settings(deadline=None)
@given(group_lists, st.integers(0, 2**32))
def test_a_group_is_never_in_two_parts(numbers: list[int], seed: int) -> None:
    groups = np.array([f"g{number}" for number in numbers])
    split = group_split(groups, seed)
    assert groups_in_several_parts(groups, split) == set()
    assert_covers(split, len(groups))
    for part in (split.train, split.validation, split.test):
        assert len(part)
        assert_array_equal(part, np.sort(part))


def test_the_check_of_groups_sees_a_split_that_mixes_them() -> None:
    labels = labels_of([20] * 5)
    groups = np.array([f"g{row % 4}" for row in range(len(labels))])
    assert groups_in_several_parts(groups, original_split(labels, np.random.RandomState(0), 5)) == {
        "g0",
        "g1",
        "g2",
        "g3",
    }
    assert groups_in_several_parts(
        np.array(["a", "b", "a"]), Split(*(np.array([row]) for row in range(3)))
    ) == {"a"}


@pytest.mark.parametrize(
    ("groups", "validation", "test", "sizes"),
    [
        (48, 0.15, 0.2, (31, 7, 10)),  # 48 x 0.15 = 7.2, 48 x 0.2 = 9.6
        (12, 0.15, 0.2, (8, 2, 2)),
        (3, 0.15, 0.2, (1, 1, 1)),
        (10, 0.5, 0.4, (1, 5, 4)),
        (10, 0.9, 0.2, (1, 7, 2)),  # validation gives way, so that something is left for training
    ],
)
def test_shares_are_shares_of_the_groups(
    groups: int, validation: float, test: float, sizes: tuple[int, int, int]
) -> None:
    names = np.array([f"g{i}" for i in range(groups)]).repeat(3)
    split = group_split(names, 0, validation, test)
    assert (
        tuple(len(np.unique(names[part])) for part in (split.train, split.validation, split.test))
        == sizes
    )


def test_a_large_test_share_leaves_a_group_for_each_other_part() -> None:
    names = np.array(["a", "b", "c", "d"])
    split = group_split(names, 0, validation=0.15, test=0.95)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [1, 1, 2]


def test_the_group_split_follows_its_seed_and_not_the_order_of_the_beats() -> None:
    names = np.array([f"g{i}" for i in range(30)])
    shuffled = np.random.default_rng(1).permutation(names)
    of = {seed: set(names[group_split(names, seed).test].tolist()) for seed in range(5)}
    assert set(shuffled[group_split(shuffled, 3).test].tolist()) == of[3]
    assert len({frozenset(chosen) for chosen in of.values()}) == 5


def test_two_records_of_one_patient_stay_together() -> None:
    patients = {"200": "200", "201": "201", "202": "201", "203": "203", "205": "205"}
    groups = np.array(
        [patients[record] for record in ("200", "201", "202", "203", "205", "202", "201")]
    )
    for seed in range(20):
        split = group_split(groups, seed, what="patients")
        assert (
            sum(
                bool(np.isin([1, 2, 5, 6], part).any())
                for part in (split.train, split.validation, split.test)
            )
            == 1
        )


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        group_split(np.array(["a", "b", "b"]), 0, what="patients")
    assert str(caught.value) == (
        "split patients: expected at least 3 patients, one for each part, found 2; "
        "use more records, or the split original or all"
    )


def test_all_test_holds_every_row() -> None:
    split = all_test(4)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == (
        [],
        [],
        [0, 1, 2, 3],
    )
    assert {part.dtype for part in (split.train, split.validation, split.test)} == {
        np.dtype(np.int64)
    }


def test_balancing_an_absent_class_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        check_classes(np.array([0, 0, 2, 4]), "weighted")
    assert str(caught.value) == (
        "balance weighted: expected all of N S V F Q in the training part, "
        "found no beat of class S, F among 4 beats; "
        "use another split or split_seed, more records, or the balance none"
    )
    check_classes(np.array([0, 0, 2, 4]), "none")
    check_classes(np.arange(5), "resample")
