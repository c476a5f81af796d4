"""Which places of a recording get a strip, and what is said of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.annotation.output.page_of import rhythm_of
from ecg_lightning.annotation.output.worth_a_look import (
    MOST_STRIPS,
    Event,
    Place,
    events_of,
    places_of,
)
from tests.helpers.annotated_text import annotations_of_text


def events_of_text(
    text: str, rr_s: float = 0.8, unusable_s: tuple[tuple[float, float], ...] = ()
) -> dict[str, Event]:
    """Title to event, in their order."""
    annotations = annotations_of_text(text, rr_s, unusable_s)
    beats = annotations.beats
    events = list(events_of(rhythm_of(annotations), beats.probabilities, beats.p_beat))
    return {event.title: event for event in events}


def test_events_by_hand() -> None:
    text = "NNVVVVNNNVVNNSSSNNVNVNVNN" + "N" * 10 + "   N"
    events = events_of_text(text, unusable_s=((29.1, 30.7),))
    assert list(events) == [
        "longest and fastest run of V",
        "couplet of V",
        "longest and fastest run of S",
        "longest bigeminy of V",
        "fastest heart rate",  # no pause: it would lie across the unusable stretch
        "slowest heart rate",
        "least certain class",
        "longest unusable stretch",
        "most certain N",
        "least certain beat",
        "most certain V",
        "most certain S",
    ]
    run = events["longest and fastest run of V"]
    assert [run.start_s, run.end_s] == pytest.approx([2.4, 4.8])
    assert run.detail == "4 beats, 75 bpm, 2.4 s"
    assert events["longest bigeminy of V"].detail == "6 beats, 4 s"
    assert events["longest unusable stretch"].start_s == pytest.approx(29.1)


def test_the_longest_pause() -> None:
    pause = events_of_text("NNNN    NNNN  N")["longest pause"]
    assert [pause.start_s, pause.end_s] == pytest.approx([3.2, 7.2])
    assert pause.detail.startswith("RR 4.00 s")
    assert "longest pause" not in events_of_text("NNNN NNNN", 0.9)


def test_the_least_and_the_most_certain_beats() -> None:
    annotations = annotations_of_text("NNNNN")
    probabilities = np.zeros((5, 5), np.float32)
    probabilities[:, 0] = [0.9, 0.99, 0.6, 0.8, 0.7]
    probabilities[:, 2] = 1 - probabilities[:, 0]
    p_beat = np.array([1, 1, 1, 0.4, 1], np.float32)
    events = list(events_of(rhythm_of(annotations), probabilities, p_beat))
    times_s = {
        title: [round(event.start_s, 6) for event in events if event.title == title]
        for title in ("least certain class", "least certain beat", "most certain N")
    }
    assert times_s == {
        "least certain class": [2.4, 4.0],
        "least certain beat": [3.2],
        "most certain N": [1.6],
    }
    assert "N 60.0 %, V 40.0 %" in [event.detail for event in events]


def test_an_event_that_a_strip_shows_gets_no_strip_of_its_own() -> None:
    events = [Event("a", "", "V", 10.0, 12.0), Event("b", "", "N", 13.0, 14.0)]
    far = Event("c", "", "N", 15.9, 16.7)
    first, second = places_of(iter([*events, far]), 100.0, 8.0)
    assert first == Place(8.5, tuple(events))
    assert second.events == (far,)
    assert second.start_s == pytest.approx(13.8)


@pytest.mark.parametrize(
    ("event", "start_s"),
    [
        (Event("short", "", "V", 50.0, 51.0), 48.0),  # it lies in the first of two pieces
        (Event("middle", "", "V", 50.0, 56.0), 49.0),  # it lies in the middle
        (Event("long", "", "V", 50.0, 80.0), 49.0),  # its first 7 s
        (Event("start", "", "unusable", 50.0, 80.0, look_at_s=50.0), 47.5),
        (Event("end", "", "unusable", 0.0, 30.0, look_at_s=30.0), 27.5),
        (Event("early", "", "V", 0.5, 1.0), 0.0),
        (Event("late", "", "V", 99.0, 99.5), 92.0),
    ],
)
def test_where_a_strip_begins(event: Event, start_s: float) -> None:
    assert places_of(iter([event]), 100.0, 8.0)[0].start_s == pytest.approx(start_s)


def test_a_recording_shorter_than_a_strip_has_one() -> None:
    events = [Event("a", "", "V", 1.0, 2.0), Event("b", "", "N", 2.5, 2.5)]
    assert [place.start_s for place in places_of(iter(events), 3.0, 8.0)] == [0.0]


def test_two_strips_show_a_recording_of_up_to_twice_their_length() -> None:
    events = [Event(f"{at}", "", "N", at, at + 0.5) for at in (0.0, 3.3, 7.2, 7.7, 9.4)]
    places = places_of(iter(events), 10.0, 8.0)
    assert [place.start_s for place in places] == [0.0, 2.0]
    assert [len(place.events) for place in places] == [3, 2]


def test_an_unusable_stretch_is_looked_at_where_it_begins_or_else_ends() -> None:
    early = events_of_text("N" * 60, unusable_s=((0.0, 20.1),))["longest unusable stretch"]
    late = events_of_text("N" * 60, unusable_s=((20.1, 30.5),))["longest unusable stretch"]
    assert (early.look_at_s, late.look_at_s) == (20.1, 20.1)


@given(st.lists(st.tuples(st.floats(0, 990), st.floats(0, 60)), max_size=40))
def test_every_strip_lies_in_the_recording_and_shows_its_event(
    limits: list[tuple[float, float]],
) -> None:
    events = [Event(f"{n}", "", "V", at, min(at + s, 1_000.0)) for n, (at, s) in enumerate(limits)]
    places = places_of(iter(events), 1_000.0, 8.0)
    assert len(places) <= MOST_STRIPS
    for place in places:
        assert 0 <= place.start_s <= 992
        first = place.events[0]
        assert place.start_s <= first.start_s <= place.start_s + 8
        for event in place.events[1:]:
            assert place.start_s <= event.start_s <= event.end_s <= place.start_s + 8
    shown = [event.title for place in places for event in place.events]
    assert len(shown) == len(set(shown))
    if len(places) < MOST_STRIPS:
        assert len(shown) == len(events)


@given(st.text("NVSFQ ", max_size=60), st.sampled_from([0.3, 0.8, 3.0]))
def test_every_event_of_any_rhythm_lies_in_the_recording(text: str, rr_s: float) -> None:
    for event in events_of_text(text, rr_s).values():
        assert 0 <= event.start_s <= event.end_s <= (len(text) + 1) * rr_s
