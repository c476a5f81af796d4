"""Times within a recording in words: the time of day where it is known, else from the start."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from ecg_lightning.text import clock, duration

DAY_S = 86_400
_STEPS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400),
    *(21_600, 43_200, DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S, 90 * DAY_S, 365 * DAY_S),
)
_TICKS = 6
_SHORT_S = 600  # tenths of a second are shown below


class Moments(NamedTuple):
    """Says where in a recording something is.

    Attributes:
        start_time: When the recording began, where that is known.
        length_s: The length of the recording in seconds.
    """

    start_time: datetime | None
    length_s: float

    @property
    def clock(self) -> str:
        """What `text` states: the time of day, with the zone of the file, or from the start."""
        if self.start_time is None:
            return "time from the start"
        zone = self.start_time.tzname()
        return f"time of day, {zone}" if zone else "time of day"

    def text(self, seconds: float) -> str:
        """Return `14:05:12`, on a later day `day 2, 02:14:33`; without a start `3:12:45`."""
        if self.start_time is None:
            return clock(seconds) if self.length_s < _SHORT_S else from_start(seconds)
        day, rest = divmod(math.floor(self._since_midnight_s + seconds + 0.5), DAY_S)
        time = f"{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
        return f"day {day + 1}, {time}" if day else time

    def full_text(self, seconds: float) -> str:
        """Return the time of day and the time from the start."""
        if self.start_time is None:
            return f"{self.text(seconds)} from the start"
        return f"{self.text(seconds)}, {from_start(seconds)} from the start"

    def span(self, start_s: float, end_s: float) -> str:
        """Return the start and the end of a stretch."""
        return f"{self.text(start_s)} to {self.text(end_s)}"

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield about `_TICKS` round times within the recording, in seconds, with their texts.

        They are times of day from a minute on, and seconds from the start below.
        """
        step_s = next((step for step in _STEPS_S if step * _TICKS >= self.length_s), _STEPS_S[-1])
        offset_s = self._since_midnight_s if step_s >= 60 else 0.0
        first = math.ceil(offset_s / step_s)
        last = math.floor((offset_s + self.length_s) / step_s)
        for number in range(first, min(last, first + 4 * _TICKS) + 1):
            yield number * step_s - offset_s, self._tick(number * step_s, step_s)

    def _tick(self, seconds: int, step_s: int) -> str:
        if self.start_time is None or step_s < 60:
            return in_units(seconds, step_s)
        day, rest = divmod(seconds, DAY_S)
        if day and not rest:
            return f"day {day + 1}"
        return f"{rest // 3_600:02}:{rest // 60 % 60:02}"

    @property
    def _since_midnight_s(self) -> float:
        start = self.start_time
        midnight = start and start.replace(hour=0, minute=0, second=0, microsecond=0)
        return (start - midnight) / timedelta(seconds=1) if start and midnight else 0.0


def in_units(seconds: int, step_s: int = 0) -> str:
    """Return whole seconds in the largest unit in which they, and steps of them, are whole.

    Example:
        >>> in_units(15), in_units(600), in_units(7200), in_units(0, 3600)
        ('15 s', '10 min', '2 h', '0 h')
    """
    size, unit = next(
        (size, unit)
        for size, unit in ((3_600, "h"), (60, "min"), (1, "s"))
        if not seconds % size and not step_s % size and (seconds or step_s or size == 1)
    )
    return f"{seconds // size} {unit}"


def from_start(seconds: float) -> str:
    """Return a time as `0:05`, `12:34` or `3:12:45`."""
    whole = math.floor(seconds + 0.5)
    if whole >= 60:
        return duration(whole)
    return f"0:{whole:02}"
