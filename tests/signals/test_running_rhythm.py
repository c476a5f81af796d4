"""RR features of beats as they come: by hand, beside plain Python, and beside the offline ones."""

from math import log

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.past import is_update
from ecg_lightning.signals.rhythm import RR_FEATURES, rr_features
from ecg_lightning.signals.running_rhythm import NEED_LATER_BEATS, RunningRhythm
from tests.helpers.rhythms import patient_beats, plain_running_features

UPDATES = [beats for beats in range(1, 3000) if is_update(beats)]
NAMES = [name for name in RR_FEATURES if name not in NEED_LATER_BEATS]


def features_of(times_s: list[float]) -> Floats:
    rhythm = RunningRhythm()
    return np.array([rhythm.push(time_s) for time_s in times_s])


def assert_as_plain_python(times_s: list[float], beats: list[int]) -> None:
    features = features_of(times_s)
    columns = [RR_FEATURES.index(name) for name in NAMES]
    for beat in beats:
        expected = plain_running_features(times_s[: beat + 1], UPDATES)
        assert set(expected) == set(NAMES)
        np.testing.assert_allclose(
            features[beat, columns], [expected[name] for name in NAMES], rtol=1e-9, atol=1e-9
        )


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(50, 5000).map(lambda ms: ms / 1000 + 1e-5), max_size=70))
def test_as_plain_python(gaps: list[float]) -> None:
    times_s = np.concatenate([[0.3], 0.3 + np.cumsum(gaps)]).tolist()
    assert_as_plain_python(times_s, list(range(len(times_s))))


def test_the_last_1000_beats_count() -> None:
    random = np.random.default_rng(0)
    fast_s, slow_s = random.uniform(0.3, 0.5, 1100), random.uniform(0.7, 1.0, 1100)
    times_s = np.cumsum(np.concatenate([fast_s, slow_s])).tolist()
    assert_as_plain_python(times_s, [999, 1000, 1001, 1016, 1500, 2199])


def test_the_last_half_an_hour_counts() -> None:
    random = np.random.default_rng(0)
    gaps_s = random.uniform(0.3, 2.0, 200)
    gaps_s[[60, 130]] = 1790.0, 4000.0  # without any beat
    times_s = np.cumsum(gaps_s).tolist()
    assert_as_plain_python(times_s, [59, *range(130)[-60:], 199])


def test_the_first_beat_is_one_of_a_regular_rhythm_of_1_s() -> None:
    np.testing.assert_allclose(
        np.delete(features_of([7.0]), [RR_FEATURES.index(name) for name in NEED_LATER_BEATS]),
        np.delete(rr_features(np.array([7.0])), [RR_FEATURES.index(x) for x in NEED_LATER_BEATS]),
    )


def test_what_needs_a_later_beat_is_0() -> None:
    features = features_of(patient_beats(50)[1].tolist())
    later = [name in NEED_LATER_BEATS for name in RR_FEATURES]
    assert not features[:, later].any()
    assert features[:, np.logical_not(later)].any(0).all()


def test_the_past_is_what_the_offline_features_say_of_the_last_beat() -> None:
    """Ratios to earlier beats are the same; at an update, so are those to the whole record."""
    times_s = patient_beats(64)[1]
    exact = ("log_rr", "before_over_previous", "before_over_past_10", "before_over_past_40")
    record = ("before_over_mean", "before_over_median", "before_over_q20")
    columns = [RR_FEATURES.index(name) for name in (*exact, *record)]
    last = features_of(times_s.tolist())[-1, columns]
    np.testing.assert_allclose(last, rr_features(times_s)[-1, columns], atol=1e-12)


def test_the_interval_after_the_previous_beat_by_hand() -> None:
    rhythm = RunningRhythm()
    seen = []
    for time_s in (0.0, 1.0, 2.0, 2.5, 4.0):
        rhythm.push(time_s)
        seen.append(rhythm.after_previous)
    np.testing.assert_allclose(seen, [0, 0, 0, log(0.5), log(1.5)], atol=1e-12)


def test_times_that_are_equal_or_far_apart_give_finite_numbers() -> None:
    assert np.isfinite(features_of([1.0, 1.0, 1.0, 5.0, 5e6, 5e6])).all()
