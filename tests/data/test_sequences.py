"""Sequences of row numbers, their samplers and loaders, by plain counting."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.data.device_table import BeatTable
from ecg_lightning.data.loader_context import LoaderContext
from ecg_lightning.data.samplers import EpochSampler, Rows
from ecg_lightning.data.sequence_loaders import SequenceLoader, StretchLoader
from ecg_lightning.data.sequence_samplers import (
    LONGEST,
    SHORTEST,
    LabelSampler,
    PieceSampler,
    RecordSampler,
)
from ecg_lightning.data.sequences import (
    IGNORED,
    PADDING,
    padded,
    record_weights,
    stretches_of,
    unlabelled,
)
from ecg_lightning.errors import InputError

sizes = st.lists(st.integers(1, 1500), min_size=1, max_size=6)
seeds = st.integers(0, 2**32)


def stretches(lengths: list[int], labelled: int = 1) -> list[Rows]:
    """Stretches of these lengths; of each, every `labelled`-th beat shows its label."""
    rows = np.arange(sum(lengths))
    shown = np.where(rows % labelled == 0, rows, unlabelled(rows))
    return np.split(shown, np.cumsum(lengths)[:-1])


def places(rows: Rows) -> Rows:
    """The rows of the beats in one sequence, without its padding."""
    return np.array([row if row >= 0 else -2 - row for row in rows.tolist() if row != PADDING])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=40))
def test_stretches_hold_the_beats_of_one_stretch_of_one_record(
    beats: list[tuple[int, int, bool]],
) -> None:
    beats = sorted(beats, key=lambda beat: beat[:2])
    names = np.array([f"r{record}" for record, _, _ in beats], dtype="<U2")
    numbers, shown = (np.array([beat[i] for beat in beats], dtype=int) for i in (1, 2))
    groups: dict[tuple[int, int], list[int]] = {}
    for row, (record, number, label) in enumerate(beats):
        groups.setdefault((record, number), []).append(row if label else -2 - row)
    expected = [group for group in groups.values() if max(group) >= 0]
    result = stretches_of(names, numbers, shown.astype(bool))
    assert [piece.tolist() for piece in result] == expected


def test_padding_is_at_the_end() -> None:
    table = padded([np.array([4]), np.array([-7, 6, 7])])
    assert table.tolist() == [[4, -1, -1], [-7, 6, 7]]
    assert padded([np.array([4])], 2).tolist() == [[4, -1]]


def check_piece(row: Rows, whole: list[Rows]) -> None:
    """One sequence: consecutive beats of one stretch, and padding at the end alone."""
    size = int(np.count_nonzero(row != PADDING))
    assert size
    assert np.all(row[size:] == PADDING)
    beats = places(row)
    assert_array_equal(np.diff(beats), 1)
    assert any({*beats.tolist()} <= {*places(stretch).tolist()} for stretch in whole)


@settings(max_examples=30)
@given(sizes, st.integers(1, 3), seeds, st.integers(0, 50))
def test_pieces_show_every_beat_once(
    lengths: list[int], labelled: int, seed: int, epoch: int
) -> None:
    whole = stretches(lengths, labelled)
    sampler = PieceSampler(whole, seed)
    sampler.set_epoch(epoch)
    drawn = sampler.drawn()
    assert drawn.shape == (len(sampler), min(LONGEST, max(lengths)))
    for row in drawn:
        check_piece(row, whole)
    assert Counter(drawn[drawn != PADDING].tolist()) == Counter(np.concatenate(whole).tolist())


@settings(max_examples=30)
@given(sizes, st.integers(1, 3), seeds, st.integers(0, 50))
def test_records_are_shown_equally_often(
    lengths: list[int], n_records: int, seed: int, epoch: int
) -> None:
    whole = stretches(lengths)
    records = np.array([f"r{i % n_records}" for i in range(len(whole))])
    record_of = {
        int(row): name for name, piece in zip(records, whole, strict=True) for row in piece
    }
    sampler = RecordSampler(whole, records, sum(lengths), seed)
    sampler.set_epoch(epoch)
    drawn = sampler.drawn()
    for row in drawn:
        check_piece(row, whole)
        stretch = next(piece for piece in whole if row[0] in piece)
        least = min(len(stretch), SHORTEST)
        assert least <= np.count_nonzero(row != PADDING) <= min(len(stretch), LONGEST)
    counts = Counter(record_of[int(row[0])] for row in drawn)
    assert max(counts.values()) - min(counts.get(name, 0) for name in set(records)) <= 1
    mean = (LONGEST + SHORTEST) // 2
    shown = Fraction(sum(min(length, mean) for length in lengths), len(lengths))
    assert len(drawn) == math.ceil(sum(lengths) / shown)


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=5),
    st.integers(1, 60),
    seeds,
    st.integers(0, 9),
)
def test_labels_of_each_class_are_shown_equally_often(
    counts: list[int], per_class: int, seed: int, epoch: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = np.arange(len(labels))
    whole = [np.where(rows % 7 > 0, rows, unlabelled(rows))]
    in_part = labels[rows % 7 > 0]
    sampler = LabelSampler(whole, labels, per_class, seed)
    sampler.set_epoch(epoch)
    drawn = sampler.drawn()
    for row in drawn:
        check_piece(row, whole)
    shown = drawn[drawn >= 0]
    assert not np.any(shown % 7 == 0)  # beats of other parts
    expected = np.where(np.bincount(in_part, minlength=len(counts)) > 0, per_class, 0)
    assert_array_equal(np.bincount(labels[shown], minlength=len(counts)), expected)
    times = np.bincount(shown, minlength=len(labels))
    for label in np.unique(in_part):
        assert np.ptp(times[(labels == label) & (rows % 7 > 0)]) <= 1
    beats = np.concatenate([places(row) for row in drawn])
    assert_array_equal(np.bincount(beats), sampler.passes)  # with all their neighbours


def test_too_many_labels_of_a_rare_class_are_refused() -> None:
    labels = np.array([0] * 50 + [1])
    with pytest.raises(InputError) as caught:
        LabelSampler(stretches([51]), labels, 101, 0)
    assert str(caught.value) == (
        "per_class: expected at most 100 times the beats of the rarest class, 1, found 101; choose "
        "a smaller number"
    )


def samplers(world: int = 1, rank: int = 0) -> list[EpochSampler]:
    whole, labels = stretches([900, 700, 300]), np.arange(1900) % 5
    names = np.array(["a", "b", "b"])
    return [
        RecordSampler(whole, names, sum(map(len, whole)), 3, world, rank),
        PieceSampler(whole, 3, world, rank),
        LabelSampler(whole, labels, 1000, 3, world, rank),
    ]


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("world", [2, 3, 4])
def test_ranks_share_out_one_draw(kind: int, world: int) -> None:
    alone = samplers()[kind].drawn()
    shares = [samplers(world, rank)[kind].share() for rank in range(world)]
    each = -(-len(alone) // world)
    together = np.stack(shares, 1).reshape(each * world, LONGEST)
    assert_array_equal(together[: len(alone)], alone)
    assert_array_equal(together[len(alone) :], alone[: each * world - len(alone)])


@pytest.mark.parametrize("kind", range(3))
def test_an_epoch_is_made_of_seed_and_number(kind: int) -> None:
    first, again = (samplers()[kind] for _ in range(2))
    draws = []
    for epoch in range(4):
        first.set_epoch(epoch)
        draws.append(first.drawn().tobytes())
    again.set_epoch(2)
    assert again.drawn().tobytes() == draws[2]
    assert len(set(draws)) == 4


def test_a_loader_gives_the_draw_in_batches() -> None:
    sampler = samplers()[0]
    loader = SequenceLoader(np.arange(1900), sampler, batch_size=2)
    shown = list(loader)
    assert [tuple(rows.shape) for rows in shown] == [(2, LONGEST)] * 3 + [(1, LONGEST)]
    assert_array_equal(torch.cat(shown).numpy(), sampler.drawn())


class Rank(LoaderContext):
    """One of several ranks."""

    def __init__(self, world_size: int, rank: int) -> None:
        super().__init__()
        self.world_size, self.rank = world_size, rank

    def ranks(self) -> tuple[int, int]:
        return self.world_size, self.rank


@settings(max_examples=30)
@given(sizes, st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_whole_stretches_once_in_order(
    lengths: list[int], labelled: int, batch_size: int, world: int
) -> None:
    whole = stretches(lengths, labelled)
    shares = []
    for rank in range(world):
        loader = StretchLoader(whole, batch_size, context=Rank(world, rank))
        batches = [batch.numpy() for batch in loader]
        assert len(batches) == len(loader)
        assert all((batch != PADDING).any(0).all() for batch in batches)  # none is too long
        shares.append([row[row != PADDING] for batch in batches for row in batch])
    for number, stretch in enumerate(whole):
        assert_array_equal(shares[number % world][number // world], stretch)
    assert sum(map(len, shares)) == len(whole)


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(-9, 7), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_table_gives_what_the_numbers_mean(numbers: list[list[int]]) -> None:
    signals, labels = torch.rand(8, 5, 4), torch.arange(8) % 5
    shown, classes = BeatTable(signals, labels).batch(torch.tensor(numbers), torch.device("cpu"))
    for i, row in enumerate(numbers):
        for j, number in enumerate(row):
            beat = number if number >= 0 else -2 - number
            expected = torch.zeros(5, 4) if number == PADDING else signals[beat]
            assert torch.equal(shown[i, j], expected)
            assert classes[i, j] == (labels[beat] if number >= 0 else IGNORED)


def test_weights_by_hand() -> None:
    """Normal: four beats in a, one in b, each (1/2, 1) times 5/3; fusion beats count a tenth."""
    labels = np.array([0, 0, 0, 0, 0, 2, 3, 3, 0])
    names = np.array(["a", "a", "a", "a", "b", "b", "a", "b", "c"])
    expected = [5 / 6, 5 / 6, 5 / 6, 5 / 6, 5 / 3, 1, 0.1, 0.1, 0]
    assert record_weights(labels, names, np.arange(8)) == pytest.approx(expected)
