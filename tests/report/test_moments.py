"""Times within a recording, in words, and the round ones on an axis."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.report.moments import Moments

EVENING = datetime(2026, 11, 26, 23, 59, 50)


@pytest.mark.parametrize(
    ("start", "length_s", "seconds", "text"),
    [
        (EVENING, 60, 5.2, "23:59:55"),
        (EVENING, 60, 9.6, "day 2, 00:00:00"),
        (EVENING, 172_800, 86_410, "day 3, 00:00:00"),
        (None, 30, 1.23, "0:01.2"),
        (None, 1_800, 754.6, "12:35"),
        (None, 86_400, 11_565, "3:12:45"),
    ],
)
def test_a_time_in_words(
    start: datetime | None, length_s: float, seconds: float, text: str
) -> None:
    assert Moments(start, length_s).text(seconds) == text


def test_the_time_of_day_is_followed_by_the_time_from_the_start() -> None:
    assert Moments(EVENING, 3_600).full_text(70) == "day 2, 00:01:00, 1:10 from the start"
    assert Moments(None, 3_600).full_text(70) == "1:10 from the start"


@pytest.mark.parametrize(
    ("start", "clock"),
    [
        (None, "time from the start"),
        (EVENING, "time of day"),
        (EVENING.replace(tzinfo=UTC), "time of day, UTC"),
        (EVENING.replace(tzinfo=timezone(-timedelta(hours=3))), "time of day, UTC-03:00"),
    ],
)
def test_what_the_times_are(start: datetime | None, clock: str) -> None:
    assert Moments(start, 3_600).clock == clock


@pytest.mark.parametrize(
    ("start", "length_s", "ticks"),
    [
        (None, 10, ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]),
        (None, 1_805, ["0 min", "10 min", "20 min", "30 min"]),
        (None, 86_400, ["0 h", "4 h", "8 h", "12 h", "16 h", "20 h", "24 h"]),
        (EVENING, 30, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]),
        (EVENING, 172_800, ["day 2", "12:00", "day 3", "12:00"]),
        (EVENING, 3 * 3_600, ["day 2", "00:30", "01:00", "01:30", "02:00", "02:30"]),
    ],
)
def test_ticks_are_round(start: datetime | None, length_s: float, ticks: list[str]) -> None:
    assert [text for _, text in Moments(start, length_s).ticks()] == ticks


def test_ticks_of_a_time_of_day_are_where_the_clock_shows_it() -> None:
    ticks = dict((text, at_s) for at_s, text in Moments(EVENING, 3 * 3_600).ticks())
    assert ticks["01:00"] == 3_610


@given(
    st.floats(0.01, 86_400 * 1_000),
    st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
)
def test_ticks_lie_in_the_recording_and_are_few(length_s: float, start: datetime | None) -> None:
    ticks = list(Moments(start, length_s).ticks())
    assert len(ticks) <= 8
    assert all(-1e-6 <= at_s <= length_s + 1e-6 for at_s, _ in ticks)
    assert len(ticks) >= 2 or length_s < 10 or start is not None
