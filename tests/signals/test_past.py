"""The beats that a causal result looks back on."""

import numpy as np
import pytest

from ecg_lightning.signals.past import PAST_BEATS, PAST_S, Past, is_update


def test_it_keeps_the_last_beats_only() -> None:
    past = Past(number=(), pair=(2,))
    for beat in range(5 * PAST_BEATS + 7):
        past.add(beat * 0.01, number=beat, pair=(beat, -beat))
        assert len(past) == min(beat + 1, PAST_BEATS)
        assert past["number"][-1] == beat
    expected = np.arange(4 * PAST_BEATS + 7, 5 * PAST_BEATS + 7)
    np.testing.assert_array_equal(past["number"], expected)
    np.testing.assert_array_equal(past["pair"], np.stack([expected, -expected], 1))


def test_no_beat_is_older_than_half_an_hour() -> None:
    past = Past(number=())
    for number, time_s in enumerate([0.0, 1.0, PAST_S, PAST_S + 0.5, PAST_S + 1.0]):
        past.add(time_s, number=number)
    assert past["number"].tolist() == [1, 2, 3, 4]
    past.add(9 * PAST_S, number=5)
    assert past["number"].tolist() == [5]


def test_later_knowledge_can_be_added_to_the_last_beat() -> None:
    past = Past(number=())
    past.add(1.0, number=1.0)
    past["number"][-1] = 7
    past.add(2.0, number=2.0)
    assert past["number"].tolist() == [7, 2]


@pytest.mark.parametrize(
    ("beats", "update"), [(1, True), (2, True), (3, False), (8, True), (12, False), (16, True)]
)
def test_updates_by_hand(beats: int, update: bool) -> None:
    assert is_update(beats) is update


def test_later_updates_come_every_16_beats() -> None:
    assert [beats for beats in range(17, 100) if is_update(beats)] == [32, 48, 64, 80, 96]
