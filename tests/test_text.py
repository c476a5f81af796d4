"""Numbers, counts and times as people read them."""

import pytest

from ecg_lightning.text import clock, counted, duration, percent, ratio, shown_name


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "no such beats"),
        (0, "0.0"),
        (1, "100.0"),
        (0.0004, "<0.1"),
        (0.9996, ">99.9"),
        (0.12345, "12.3"),
        (0.9994, "99.9"),
    ],
)
def test_percentages(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_other_numbers() -> None:
    assert (ratio(-0.05), ratio(None), ratio(0.61249)) == ("−0.050", "no such beats", "0.612")
    assert (counted(1, "beat"), counted(1234, "beat")) == ("1 beat", "1,234 beats")
    assert (clock(0), clock(59.96), clock(754.25), clock(60)) == (
        "0:00.0",
        "1:00.0",
        "12:34.3",
        "1:00.0",
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(0.0, "0 s"), (0.0125, "0.0125 s"), (9.5, "9.5 s"), (59.4, "59.4 s"), (59.6, "1:00")],
        *[(1805.56, "30:06"), (3599.4, "59:59"), (3599.5, "1:00:00"), (90_061.0, "25:01:01")],
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("100", "100"),
        ("Müller", "Müller"),
        ("a\nb", "a?b"),
        ("漢", "?"),
        ("\udc80", "?"),
        ("x" * 30, "x" * 23 + "…"),
    ],
)
def test_shown_names(name: str, shown: str) -> None:
    assert shown_name(name) == shown
