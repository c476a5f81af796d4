"""Samplers: the draws of ranks and epochs, and the original's by pandas and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.utils import resample

from ecg_lightning.data.samplers import (
    BalancedSampler,
    EpochSampler,
    Rows,
    ShuffleSampler,
    resample_indices,
)
from ecg_lightning.data.split_rules import original_split
from ecg_lightning.errors import InputError

LABELS = np.random.default_rng(5).permutation(np.repeat(np.arange(5), [40, 3, 11, 1, 20]))


def sampler_of(kind: str, length: int, seed: int, world: int = 1, rank: int = 0) -> EpochSampler:
    """A sampler that draws `length` positions, rounded up to whole classes."""
    if kind == "shuffle":
        return ShuffleSampler(np.arange(100, 100 + length), seed, world, rank)
    return BalancedSampler(LABELS, -(-length // 5), seed, world, rank)


def epoch_of(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


kinds = st.sampled_from(["shuffle", "balanced"])


@settings(deadline=None)
@given(kinds, st.integers(1, 60), st.integers(1, 9), st.integers(0, 2**32), st.integers(0, 1000))
def test_ranks_share_out_one_draw(
    kind: str, length: int, world: int, seed: int, epoch: int
) -> None:
    alone = epoch_of(sampler_of(kind, length, seed), epoch)
    ranks = [sampler_of(kind, length, seed, world, rank) for rank in range(world)]
    shares = [epoch_of(rank, epoch) for rank in ranks]
    each = -(-len(alone) // world)
    assert [len(share) for share in shares] == [each] * world == [len(rank) for rank in ranks]
    interleaved = [shares[i % world][i // world] for i in range(each * world)]
    assert (
        interleaved[: len(alone)] == alone
    )  # each position of the draw is at one place of one rank
    assert interleaved[len(alone) :] == (alone * world)[: each * world - len(alone)]


@settings(deadline=None, max_examples=50)
@given(kinds, st.integers(40, 60), st.integers(0, 2**32), st.integers(0, 1000))
def test_an_epoch_is_made_of_seed_and_number(kind: str, length: int, seed: int, epoch: int) -> None:
    drawn = epoch_of(sampler_of(kind, length, seed), epoch)
    again = sampler_of(kind, length, seed)
    np.random.default_rng().random()  # global or earlier draws have no say
    epoch_of(again, epoch + 7)
    assert epoch_of(again, epoch) == drawn
    assert epoch_of(again, epoch + 1) != drawn
    assert epoch_of(sampler_of(kind, length, seed + 1), epoch) != drawn


@pytest.mark.parametrize("kind", ["shuffle", "balanced"])
def test_ten_epochs_are_ten_orders(kind: str) -> None:
    sampler = sampler_of(kind, 50, 0)
    assert len({tuple(epoch_of(sampler, epoch)) for epoch in range(10)}) == 10


def test_shuffle_shows_every_position_once() -> None:
    positions = np.array([7, 7, 3, 9, 100])
    assert sorted(ShuffleSampler(positions, seed=0)) == [3, 7, 7, 9, 100]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=5, max_size=5), st.integers(1, 50), st.integers(0, 2**32)
)
def test_balanced_counts_are_exact_and_even_within_a_class(
    counts: list[int], per_class: int, seed: int
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), counts))
    drawn = np.array(list(BalancedSampler(labels, per_class, seed)))
    assert np.bincount(labels[drawn], minlength=5).tolist() == [per_class] * 5
    shown = np.bincount(drawn, minlength=len(labels))
    for label in range(5):
        assert np.ptp(shown[labels == label]) <= 1


def test_balanced_draws_reach_every_beat_of_a_large_class_over_the_epochs() -> None:
    sampler = BalancedSampler(LABELS, 10, seed=0)
    seen = {position for epoch in range(60) for position in epoch_of(sampler, epoch)}
    assert seen == set(range(len(LABELS)))


def test_balanced_classes_are_mixed_through_the_epoch() -> None:
    labels = np.repeat(np.arange(5), 1000)
    drawn = labels[list(BalancedSampler(labels, 1000, seed=0))]
    first_half = np.bincount(drawn[:2500], minlength=5)
    assert np.all(
        abs(first_half - 500) < 5 * np.sqrt(500 * 0.5)
    )  # 5 standard deviations of a hypergeometric draw, and more


def test_a_class_that_is_absent_is_not_drawn() -> None:
    drawn = list(BalancedSampler(np.array([0, 2, 2]), 4, seed=0))
    assert sorted(drawn) == [0, 0, 0, 0, 1, 1, 2, 2]


def by_pandas_and_sklearn(labels: Rows, per_class: int, random: np.random.RandomState) -> list[int]:
    """The original's upsampling: `sample` for class 0, `resample` for the others."""
    frame = pd.DataFrame({"position": np.arange(len(labels)), "label": labels})
    drawn = [frame[frame["label"] == 0].sample(n=per_class, random_state=random)]
    for label, seed in ((1, 123), (2, 124), (3, 125), (4, 126)):
        drawn.append(
            resample(
                frame[frame["label"] == label], replace=True, n_samples=per_class, random_state=seed
            )
        )
    positions: list[int] = pd.concat(drawn)["position"].tolist()
    return positions


@pytest.mark.parametrize("per_class", [1, 40, 55])
def test_resample_draws_what_pandas_and_sklearn_draw(per_class: int) -> None:
    labels = np.repeat(np.arange(5), [55, 3, 60, 1, 200])
    found = resample_indices(labels, per_class, np.random.RandomState(9))
    assert found.tolist() == by_pandas_and_sklearn(labels, per_class, np.random.RandomState(9))


def test_resample_goes_on_with_the_generator_of_the_split() -> None:
    labels = np.repeat(np.arange(5), [400, 210, 230, 205, 240])
    random = np.random.RandomState(0)
    train = labels[original_split(labels, random).train]
    found = resample_indices(train, 150, random)
    of_original = np.random.RandomState(0)
    for label in range(5):
        of_original.permutation(np.flatnonzero(labels == label))
    assert found.tolist() == by_pandas_and_sklearn(train, 150, of_original)
    assert found.tolist() != by_pandas_and_sklearn(train, 150, np.random.RandomState(0))
    assert_array_equal(train[found], np.repeat(np.arange(5), 150))


def test_resample_needs_as_many_normal_beats_as_it_draws() -> None:
    with pytest.raises(InputError) as caught:
        resample_indices(np.repeat(np.arange(5), [9, 3, 3, 3, 3]), 10, np.random.RandomState(0))
    assert str(caught.value) == (
        "balance resample: expected at least 10 beats of class N, which are drawn without "
        "replacement, found 9; use a smaller number, or the balance weighted (per_class)"
    )
