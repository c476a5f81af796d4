"""Dead leads against a slow count, gaps, and stretches over pieces."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecg_lightning.annotation.finding.usable import (
    FLAT_S,
    INVALID_S,
    ISLAND_S,
    DeadLeads,
    Stretches,
    without_gaps,
)
from ecg_lightning.arrays import Flags, Floats

FS_HZ = 40.0


def slowly_dead(lead: Floats, fs_hz: float) -> Flags:
    """Sample by sample, as the docstring of the module says it."""
    length = len(lead)

    def runs_of(is_in: list[bool]) -> list[tuple[int, int]]:
        edges, start = [], None
        for i, flag in enumerate([*is_in, False]):
            if flag and start is None:
                start = i
            if not flag and start is not None:
                edges.append((start, i))
                start = None
        return edges

    silent = [bool(np.isnan(value)) for value in lead]
    begin = 0
    for i in range(1, length + 1):
        if i == length or lead[i] != lead[begin]:
            if i - begin >= FLAT_S * fs_hz:
                silent[begin:i] = [True] * (i - begin)
            begin = i
    dead = [False] * length
    for start, stop in runs_of(silent):
        if stop - start >= INVALID_S * fs_hz:
            dead[start:stop] = [True] * (stop - start)
    for start, stop in runs_of([not flag for flag in dead]):
        if start > 0 and stop < length and stop - start < ISLAND_S * fs_hz:
            dead[start:stop] = [True] * (stop - start)
    return np.array(dead)


def a_lead(seed: int, length: int = 400) -> Floats:
    """Noise with invalid and flat runs of any length, some of them next to each other."""
    random = np.random.default_rng(seed)
    lead = random.integers(0, 50, length).astype(np.float64)
    for _ in range(random.integers(0, 9)):
        start = int(random.integers(0, length))
        stop = start + int(random.choice([1, 5, 19, 20, 21, 39, 40, 41, 90]))
        lead[start:stop] = np.nan if random.random() < 0.5 else lead[start]
    return lead


def test_dead_samples_are_those_of_a_slow_count() -> None:
    for seed in range(200):
        lead = a_lead(seed)
        assert_array_equal(DeadLeads(FS_HZ)(lead[None])[0], slowly_dead(lead, FS_HZ), str(seed))


def test_the_leads_of_the_count_are_of_all_kinds() -> None:
    shares = [slowly_dead(a_lead(seed), FS_HZ).mean() for seed in range(200)]
    assert sum(share == 0 for share in shares) > 20
    assert sum(share > 0.3 for share in shares) > 20


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10_000), start=st.integers(0, 399), size=st.integers(1, 200))
def test_the_margin_is_enough_for_a_piece(seed: int, start: int, size: int) -> None:
    dead, lead = DeadLeads(FS_HZ), a_lead(seed)
    around = np.full(len(lead) + 2 * dead.margin, np.nan)
    around[dead.margin : -dead.margin] = lead
    whole = dead(around[None])[0][dead.margin : -dead.margin]
    piece = around[start : start + size + 2 * dead.margin]
    result = dead(piece[None])[0][dead.margin : len(piece) - dead.margin]
    assert_array_equal(result, whole[start : start + size])


def test_short_flat_runs_between_beats_are_alive() -> None:
    lead = np.zeros(400)
    lead[::36] = 1.0  # 0.9 s apart
    assert not DeadLeads(FS_HZ)(lead[None]).any()


def test_a_line_takes_the_place_of_gaps() -> None:
    nan = np.nan
    leads = np.array([[nan, 1.0, nan, nan, 4.0, nan], [nan] * 6])
    expected = [[1.0, 1.0, 2.0, 3.0, 4.0, 4.0], [0.0] * 6]
    assert_array_equal(without_gaps(leads, np.isnan(leads)), expected)


@settings(max_examples=300, deadline=None)
@given(flags=st.lists(st.booleans(), max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_stretches_of_pieces_are_those_of_the_whole(flags: list[bool], cuts: list[int]) -> None:
    whole = np.array(flags, np.bool_)
    edges = np.diff(np.concatenate([[0], whole.astype(int), [0]]))
    expected = np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
    bounds = [0, *sorted(min(cut, len(flags)) for cut in cuts), len(flags)]
    stretches, parts = Stretches(), []
    for start, stop in pairwise(bounds):
        parts.append(stretches.push(whole[start:stop], start))
    parts.append(stretches.finish())
    assert_array_equal(np.concatenate(parts), expected.reshape(-1, 2))
