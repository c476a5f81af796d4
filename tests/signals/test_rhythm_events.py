"""Events in a series of beats: hand-worked cases, and what is true of every series."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.signals.rhythm_events import Rhythm

N, S, V = (CLASS_NAMES.index(name) for name in "NSV")


def rhythm_of(
    text: str, rr_s: float = 0.8, unusable_s: list[tuple[float, float]] | None = None
) -> Rhythm:
    """Beats at equal distances from 0 s on; a space is a beat's time without a beat."""
    beats = [(place * rr_s, name) for place, name in enumerate(text) if name != " "]
    return Rhythm(
        np.array([time_s for time_s, _ in beats]),
        np.array([CLASS_NAMES.index(name) for _, name in beats], dtype=np.int64),
        np.array(unusable_s or []).reshape(-1, 2),
    )


class TestJoined:
    def test_rr_intervals_by_hand(self) -> None:
        rhythm = Rhythm(np.array([1.0, 1.8, 5.0]), np.array([N, N, N]), np.zeros((0, 2)))
        np.testing.assert_allclose(rhythm.rr_s, [math.nan, 0.8, 3.2])

    @pytest.mark.parametrize(
        ("stretch", "joined"),
        [
            ((1.2, 1.7), [False, False, True, True]),  # between beats 0 and 1
            ((1.2, 3.5), [False, False, False, False]),  # over beats whose positions were stated
            ((2.0, 2.0005), [False, True, False, True]),  # begins at a beat
            ((1.9, 2.0), [False, False, True, True]),  # ends before it
            ((0.0, 0.9), [False, True, True, True]),
            ((4.1, 9.0), [False, True, True, True]),
        ],
    )
    def test_an_unusable_stretch_separates_the_beats_around_it(
        self, stretch: tuple[float, float], joined: list[bool]
    ) -> None:
        rhythm = Rhythm(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, N), np.array([stretch]))
        assert rhythm.joined.tolist() == joined

    def test_no_beats(self) -> None:
        rhythm = rhythm_of("")
        assert (len(rhythm), rhythm.groups(V).shape, rhythm.episodes(V, 1).shape) == (
            0,
            (0, 2),
            (0, 2),
        )
        assert (rhythm.rate_intervals, len(rhythm.pauses())) == (0, 0)
        assert math.isnan(rhythm.mean_rate_bpm)


class TestGroups:
    def test_couplets_and_runs_by_hand(self) -> None:
        rhythm = rhythm_of("NVNVVNVVVNVVVVSVV")
        assert rhythm.couplets(V).tolist() == [[3, 5], [15, 17]]
        assert rhythm.runs(V).tolist() == [[6, 9], [10, 14]]
        assert rhythm.groups(S).tolist() == [[14, 15]]

    def test_two_couplets_that_an_unusable_stretch_separates_are_no_run(self) -> None:
        rhythm = rhythm_of("NVV VVN", rr_s=1.0, unusable_s=[(2.2, 3.8)])
        assert (rhythm.couplets(V).tolist(), len(rhythm.runs(V))) == ([[1, 3], [3, 5]], 0)
        assert rhythm_of("NVV VVN", rr_s=1.0).runs(V).tolist() == [[1, 5]]

    def test_the_rate_of_a_run_is_that_of_its_own_intervals(self) -> None:
        times_s = np.array([0.0, 1.0, 1.4, 1.8, 2.2, 3.5])
        rhythm = Rhythm(times_s, np.array([N, V, V, V, V, N]), np.zeros((0, 2)))
        (run,) = rhythm.runs(V).tolist()
        assert rhythm.rate_of(*run) == pytest.approx(150.0)  # 0.4 s each


class TestEpisodes:
    @pytest.mark.parametrize(
        ("text", "bigeminy"),
        [
            ("NVNVNV", [[0, 6]]),
            ("NVNVN", []),  # twice
            ("NNVNVNVNN", [[1, 7]]),
            ("VNVNVNVN", [[1, 7]]),  # the first V has no N before it
            ("NVNVNVVNVNVNV", [[0, 6], [7, 13]]),  # a couplet ends the first
            ("NVNVSVNV", []),  # S is not N
            ("NVNVNVNNVNVNV", [[0, 6], [7, 13]]),
        ],
    )
    def test_bigeminy_by_hand(self, text: str, bigeminy: list[list[int]]) -> None:
        assert rhythm_of(text).episodes(V, 1).tolist() == bigeminy

    @pytest.mark.parametrize(
        ("text", "trigeminy"),
        [
            ("NNVNNVNNV", [[0, 9]]),
            ("NNNVNNVNNVNNVN", [[1, 13]]),
            ("NNVNNV", []),
            ("NNVNNVNVNNV", []),
            ("NVNVNV", []),
            ("NN", []),
        ],
    )
    def test_trigeminy_by_hand(self, text: str, trigeminy: list[list[int]]) -> None:
        assert rhythm_of(text).episodes(V, 2).tolist() == trigeminy

    def test_an_unusable_stretch_ends_an_episode(self) -> None:
        text, gap = "NVNVNV NVNVNV", [(5.2, 6.8)]
        assert rhythm_of(text, 1.0, gap).episodes(V, 1).tolist() == [[0, 6], [6, 12]]
        assert rhythm_of(text, 1.0).episodes(V, 1).tolist() == [[0, 12]]
        inside = rhythm_of("NVNVN VNV", 1.0, [(4.2, 5.8)])
        assert inside.episodes(V, 1).tolist() == []


class TestPauses:
    def test_a_pause_is_longer_than_two_seconds(self) -> None:
        rhythm = Rhythm(np.array([0.0, 2.0, 4.001, 7.0]), np.full(4, N), np.zeros((0, 2)))
        assert rhythm.pauses().tolist() == [2, 3]

    def test_no_pause_lies_across_an_unusable_stretch(self) -> None:
        rhythm = Rhythm(np.array([0.0, 1.0, 9.0]), np.full(3, N), np.array([[5.0, 6.0]]))
        assert rhythm.pauses().tolist() == []


class TestRates:
    def test_a_rate_is_60_by_the_median_of_eight_intervals(self) -> None:
        rr_s = np.array([0.8, 0.8, 0.4, 1.2, 0.8, 0.8, 0.8, 0.8, 0.5])  # an early beat at the third
        times_s = np.concatenate([[0.0], np.cumsum(rr_s)])
        rhythm = Rhythm(times_s, np.full(10, N), np.zeros((0, 2)))
        np.testing.assert_allclose(rhythm.rates_bpm[:8], math.nan)
        np.testing.assert_allclose(rhythm.rates_bpm[8:], [75.0, 75.0])
        assert rhythm.mean_rate_bpm == pytest.approx(60 * 9 / 6.9)

    def test_in_bigeminy_it_is_the_mean_of_both_intervals(self) -> None:
        times_s = np.concatenate([[0.0], np.cumsum([0.5, 1.1] * 6)])
        rates = Rhythm(times_s, np.full(13, N), np.zeros((0, 2))).rates_bpm
        np.testing.assert_allclose(rates[8:], 75.0)  # 60 / 0.8 s

    def test_no_rate_lies_across_an_unusable_stretch(self) -> None:
        times_s = np.concatenate([np.arange(10.0), 20 + np.arange(9.0)])
        rhythm = Rhythm(times_s, np.full(19, N), np.array([[12.0, 15.0]]))
        assert np.flatnonzero(np.isfinite(rhythm.rates_bpm)).tolist() == [8, 9, 18]
        assert rhythm.mean_rate_bpm == pytest.approx(60.0)

    def test_a_short_recording_has_rates_of_fewer_intervals(self) -> None:
        rhythm = rhythm_of("NNNNN", rr_s=1.0)
        assert rhythm.rate_intervals == 4
        np.testing.assert_allclose(rhythm.rates_bpm, [*[math.nan] * 4, 60.0])

    def test_one_interval_is_no_rate(self) -> None:
        rhythm = rhythm_of("NN")
        assert rhythm.rate_intervals == 0
        assert not np.isfinite(rhythm.rates_bpm).any()

    def test_beats_at_one_place_have_no_rate_and_warn_of_nothing(self) -> None:
        rhythm = Rhythm(np.zeros(12), np.full(12, N), np.zeros((0, 2)))
        assert not np.isfinite(rhythm.rates_bpm).any()
        assert math.isnan(rhythm.mean_rate_bpm)


@st.composite
def rhythms(draw: st.DrawFn) -> Rhythm:
    steps = draw(st.lists(st.integers(1, 40), max_size=40))
    times = np.cumsum(np.array(steps, dtype=np.int64)) / 10
    labels = draw(st.lists(st.sampled_from([N, N, V, S]), min_size=len(steps), max_size=len(steps)))
    edges = np.array(sorted(draw(st.sets(st.integers(0, 400), max_size=8)))) / 10 + 0.05
    unusable_s = edges[: len(edges) // 2 * 2].reshape(-1, 2)
    inside = np.zeros(len(times), np.bool_)
    for start_s, end_s in unusable_s:
        inside |= (times >= start_s) & (times < end_s)
    return Rhythm(times[~inside], np.array(labels, dtype=np.int64)[~inside], unusable_s)


@given(rhythms())
def test_every_beat_of_a_class_is_in_one_group(rhythm: Rhythm) -> None:
    for label in (V, S):
        groups = rhythm.groups(label)
        beats = [beat for first, stop in groups.tolist() for beat in range(first, stop)]
        assert beats == np.flatnonzero(rhythm.labels == label).tolist()
        lengths = groups[:, 1] - groups[:, 0]
        couplets, runs = rhythm.couplets(label), rhythm.runs(label)
        assert np.count_nonzero(lengths == 1) + len(couplets) + len(runs) == len(groups)
        for first, stop in groups.tolist():
            assert rhythm.joined[first + 1 : stop].all()


@given(rhythms())
def test_groups_and_episodes_equal_a_plain_walk(rhythm: Rhythm) -> None:
    text = ""
    for label, joined in zip(rhythm.labels.tolist(), rhythm.joined.tolist(), strict=True):
        text += ("" if joined or not text else "|") + CLASS_NAMES[label]
    assert len(rhythm.runs(V)) == sum(
        len(piece) >= 3
        for part in text.split("|")
        for piece in part.replace("N", " ").replace("S", " ").split()
    )
    for others in (1, 2):
        starts = [stop - first for first, stop in rhythm.episodes(V, others).tolist()]
        assert starts == _walk(text, "N" * others + "V")


def _walk(text: str, pattern: str) -> list[int]:
    """The lengths of the episodes of a pattern, character by character."""
    lengths, place = [], 0
    while place < len(text):
        repeats = 0
        while text.startswith(pattern, place + repeats * len(pattern)):
            repeats += 1
        if repeats >= 3:
            lengths.append(repeats * len(pattern))
        place += repeats * len(pattern) or 1
    return lengths


@given(rhythms())
def test_no_interval_or_rate_lies_across_an_unusable_stretch(rhythm: Rhythm) -> None:
    stretches = rhythm.unusable_s.tolist()
    for beat in range(len(rhythm)):
        before = max(0, beat - 1)
        limits = rhythm.times_s[before], rhythm.times_s[beat]
        crossed = any(start < limits[1] and end > limits[0] for start, end in stretches)
        assert np.isnan(rhythm.rr_s[beat]) == (beat == 0 or crossed)
        if np.isfinite(rhythm.rates_bpm[beat]):
            first = beat - rhythm.rate_intervals
            rr_s = np.diff(rhythm.times_s[first : beat + 1])
            assert rhythm.rates_bpm[beat] == pytest.approx(60 / np.median(rr_s))
            assert rhythm.joined[first + 1 : beat + 1].all()
    assert set(rhythm.pauses().tolist()) == {b for b in range(len(rhythm)) if rhythm.rr_s[b] > 2}
