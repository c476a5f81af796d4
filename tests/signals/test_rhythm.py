"""RR features: by hand, beside plain Python, and what must not change them."""

from itertools import accumulate
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.rhythm import RR_FEATURES, intervals, rr_features
from tests.helpers.rhythms import plain_rr_features

ABSOLUTE = ("log_rr",)  # in seconds; all others are free of the heart rate
# Beat 3 comes early, after 0.5 s, and a pause of 1.5 s follows.
EARLY_BEAT = np.array([0.0, 1.0, 2.0, 2.5, 4.0, 5.0])


def intervals_s() -> st.SearchStrategy[list[float]]:
    """Intervals in milliseconds, so that none lies within rounding of a limit; some are clipped."""
    grid = st.integers(50, 5000).map(lambda ms: ms / 1000 + 1e-5)
    return st.lists(grid, min_size=0, max_size=70)


def by_name(times_s: Floats, beat: int) -> dict[str, float]:
    return dict(zip(RR_FEATURES, rr_features(times_s)[beat].tolist(), strict=True))


def times_of(gaps_s: list[float]) -> Floats:
    return np.array(list(accumulate(gaps_s)))


class TestByHand:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("log_rr", log(0.5)),
            ("before_over_local_median", log(0.5)),
            ("after_over_local_median", log(1.5)),
            ("before_over_mean", log(0.5)),  # of 1, 1, 1, 0.5, 1.5, 1
            ("after_over_mean", log(1.5)),
            ("before_over_median", log(0.5)),
            ("after_over_median", log(1.5)),
            ("before_over_q05", log(0.5 / 0.625)),  # a quarter of the way from 0.5 to 1
            ("before_over_q20", log(0.5)),
            ("before_over_q80", log(0.5)),
            ("before_over_q95", log(0.5 / 1.375)),
            ("after_over_before", log(3)),
            ("before_over_previous", log(0.5)),
            ("previous_over_local_median", 0.0),
            ("next_over_local_median", 0.0),
            ("second_previous_over_local_median", 0.0),
            ("before_over_mean_of_11", log(0.5)),
            ("before_over_past_10", log(0.5)),
            ("before_over_past_40", log(0.5)),
            ("before_over_longest_of_9", log(0.5)),
            ("both_over_local_median", 0.0),  # a full compensatory pause
            ("local_irregularity", log(1.5)),  # 20 of 41 steps are 0, the next larger is the last
            ("local_share_early", 1 / 41),
            ("alternation", 0.0),
        ],
    )
    def test_an_early_beat(self, name: str, value: float) -> None:
        assert by_name(EARLY_BEAT, 3)[name] == pytest.approx(value, abs=1e-12)

    def test_every_feature_has_a_case(self) -> None:
        marks = TestByHand.test_an_early_beat.pytestmark  # type: ignore[attr-defined]
        assert tuple(name for name, _ in marks[0].args[1]) == RR_FEATURES

    def test_the_beat_after_a_pause(self) -> None:
        values = by_name(EARLY_BEAT, 4)
        assert values["before_over_previous"] == pytest.approx(log(3))
        assert values["previous_over_local_median"] == pytest.approx(log(0.5))
        assert values["before_over_past_10"] == pytest.approx(log(1.5 / 0.875))
        assert values["before_over_past_40"] == pytest.approx(log(1.5))
        assert values["before_over_longest_of_9"] == 0
        assert values["both_over_local_median"] == pytest.approx(log(1.25))

    def test_bigeminy_alternates(self) -> None:
        regular = [0.8] * 30
        bigeminy = by_name(times_of([*regular, *[0.5, 1.1] * 10, *regular]), 40)
        trigeminy = by_name(times_of([*regular, *[0.5, 0.8, 1.1] * 7, *regular]), 40)
        assert bigeminy["alternation"] > 0.85  # all of 21 beats but the first two
        assert trigeminy["alternation"] < 0.1

    def test_steps_of_a_long_bigeminy(self) -> None:
        assert by_name(times_of([0.6, 1.0] * 50), 50)["local_irregularity"] == pytest.approx(
            log(1 / 0.6)
        )

    def test_where_most_beats_are_early_mean_and_median_differ(self) -> None:
        values = by_name(times_of([0.6, 0.6, 0.6, 1.2] * 50), 100)
        difference = values["before_over_median"] - values["before_over_mean"]
        assert difference == pytest.approx(log(0.75 / 0.6), abs=0.01)

    def test_a_steady_rhythm_has_no_deviation(self) -> None:
        values = by_name(times_of([0.7] * 30), 12)
        assert values.pop("log_rr") == pytest.approx(log(0.7))
        np.testing.assert_allclose(list(values.values()), 0, atol=1e-12)


class TestOracle:
    @settings(deadline=None, max_examples=40)
    @given(intervals_s())
    def test_as_plain_python(self, gaps: list[float]) -> None:
        times_s = np.concatenate([[0.3], 0.3 + np.cumsum(gaps)])
        expected = plain_rr_features(times_s.tolist())
        table = np.array([[values[name] for name in RR_FEATURES] for values in expected])
        np.testing.assert_allclose(rr_features(times_s), table, rtol=1e-9, atol=1e-9)


class TestInvariance:
    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.integers(400, 1500), min_size=2, max_size=60), st.floats(0.5, 2.0))
    def test_the_heart_rate_changes_only_the_absolute_features(
        self, gaps_ms: list[int], factor: float
    ) -> None:
        times_s = times_of([gap_ms / 1000 for gap_ms in gaps_ms])
        usual, slower = rr_features(times_s), rr_features(times_s * factor)
        absolute = np.array([name in ABSOLUTE for name in RR_FEATURES])
        same = ~absolute & ["early" not in name for name in RR_FEATURES]  # a count may round
        np.testing.assert_allclose(slower[:, same], usual[:, same], atol=1e-9)
        expected = np.broadcast_to(log(factor), (len(times_s), len(ABSOLUTE)))
        np.testing.assert_allclose((slower - usual)[:, absolute], expected, atol=1e-9)

    def test_it_changes_no_count_either(self) -> None:
        random = np.random.default_rng(0)
        times_s = times_of(random.uniform(0.5, 1.2, 300).tolist())  # no two intervals are equal
        usual, slower = rr_features(times_s), rr_features(times_s * 1.3)
        relative = [name not in ABSOLUTE for name in RR_FEATURES]
        np.testing.assert_allclose(slower[:, relative], usual[:, relative], atol=1e-9)

    def test_the_start_of_the_recording_does_not_matter(self) -> None:
        np.testing.assert_allclose(rr_features(EARLY_BEAT + 1e5), rr_features(EARLY_BEAT))


class TestFewBeats:
    def test_no_beat(self) -> None:
        assert rr_features(np.zeros(0)).shape == (0, len(RR_FEATURES))

    @pytest.mark.parametrize("n_beats", [1, 2])
    def test_one_or_two_beats_are_regular(self, n_beats: int) -> None:
        features = rr_features(times_of([1.0] * n_beats))
        np.testing.assert_allclose(features, np.zeros((n_beats, len(RR_FEATURES))), atol=1e-12)

    @pytest.mark.parametrize("times_s", [[1.0, 1.0, 1.0], [0.0, 9.0, 9.0], [5.0, 5.001, 5e6]])
    def test_equal_times_and_long_gaps_are_clipped(self, times_s: list[float]) -> None:
        assert np.isfinite(rr_features(np.array(times_s))).all()
        before, after = intervals(np.array(times_s))
        assert min(before.min(), after.min()) >= 0.15
        assert max(before.max(), after.max()) <= 4

    def test_intervals_by_hand(self) -> None:
        before, after = intervals(np.array([0.0, 1.0, 1.1, 9.0]))
        assert before.tolist() == [1.0, 1.0, 0.15, 4.0]
        assert after.tolist() == [1.0, 0.15, 4.0, 4.0]
