"""Positions from probabilities: hand-worked, against every pair of samples, and in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks

from ecg_lightning.arrays import Floats32
from ecg_lightning.signals.beat_picker import REFRACTORY_SAMPLES, BeatPicker

APART = REFRACTORY_SAMPLES
# Few distinct values, so that ties are common.
PROBABILITIES = st.lists(st.integers(0, 8), max_size=200).map(
    lambda heights: np.array(heights, np.float32) / 8
)


def picked(probabilities: Floats32, threshold: float, cuts: list[int]) -> list[list[float]]:
    picker = BeatPicker(threshold)
    parts = [picker.push(part) for part in np.split(probabilities, cuts)] + [picker.finish()]
    return [np.concatenate(column).tolist() for column in zip(*parts, strict=True)]


def by_hand(probabilities: Floats32, threshold: float) -> list[int]:
    """Each sample against each of its neighbours."""
    result = []
    for i, p in enumerate(probabilities):
        before = probabilities[max(0, i - APART + 1) : i]
        after = probabilities[i + 1 : i + APART]
        if p >= threshold and all(p > before) and all(p >= after):
            result.append(i)
    return result


@settings(max_examples=200, deadline=None)
@given(PROBABILITIES, st.lists(st.integers(0, 200), max_size=8).map(sorted))
def test_splitting_changes_nothing_and_each_beat_is_the_highest(
    probabilities: Floats32, cuts: list[int]
) -> None:
    places, values = picked(probabilities, 0.5, cuts)
    positions = [int(place) for place in places]
    assert positions == by_hand(probabilities, 0.5)
    assert values == probabilities[positions].tolist()
    assert all(np.diff(positions) >= APART)


def test_beats_of_a_usual_signal_are_scipys_peaks() -> None:
    rng = np.random.default_rng(0)
    probabilities = np.zeros(20_000, np.float32)
    places = np.cumsum(rng.integers(APART + 10, 200, 150))
    for shift, height in zip(range(-3, 4), (0.1, 0.3, 0.6, 1, 0.7, 0.2, 0.1), strict=True):
        probabilities[places + shift] = height * np.linspace(0.3, 1, len(places))
    peaks, _ = find_peaks(probabilities, height=0.5, distance=APART)
    assert len(peaks) > 50
    assert picked(probabilities, 0.5, [777, 5000])[0] == peaks.tolist()


@pytest.mark.parametrize(
    ("heights", "beats"),
    [
        ({0: 0.9}, [0]),  # the first sample and the last one can be beats
        ({299: 0.9}, [299]),
        ({50: 0.5, 100: 0.49}, [50]),  # the threshold belongs to the beats
        ({50: 0.6, 50 + APART - 1: 0.7}, [50 + APART - 1]),  # the higher one wins
        ({50: 0.7, 50 + APART - 1: 0.6}, [50]),
        ({50: 0.6, 50 + APART: 0.7}, [50, 50 + APART]),  # 200 ms apart, both stay
        ({50: 0.7, 51: 0.7, 52: 0.7}, [50]),  # of equal ones the first
    ],
)
def test_hand_worked(heights: dict[int, float], beats: list[int]) -> None:
    probabilities = np.zeros(300, np.float32)
    probabilities[list(heights)] = list(heights.values())
    assert picked(probabilities, 0.5, [])[0] == beats


def test_beat_comes_with_the_last_sample_that_decides_about_it() -> None:
    picker, probabilities = BeatPicker(0.5), np.zeros(100, np.float32)
    probabilities[40] = 0.9
    stop = 40 + picker.delay_samples + 1
    assert not len(picker.push(probabilities[: stop - 1])[0])
    assert picker.push(probabilities[stop - 1 : stop])[0].tolist() == [40]
    assert not len(picker.finish()[0])


def test_nothing_is_picked_from_nothing() -> None:
    assert picked(np.zeros(0, np.float32), 0.5, []) == [[], []]
