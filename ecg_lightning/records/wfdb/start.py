"""When a WFDB record begins: the base time and the base date of the record line."""

import re
from collections.abc import Sequence
from datetime import datetime

_TIME = re.compile(
    r"(?:(?:(?P<hour>\d{1,2}):)?(?P<minute>\d{1,2}):)?(?P<second>\d{1,2})(?:\.(?P<fraction>\d*))?",
    re.ASCII,
)
_DATE = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})", re.ASCII)


def start_time(words: Sequence[str]) -> datetime | None:
    """Return when a record begins.

    A date without a time is its midnight, by header(5). A time without a date tells no day, so it
    is none. A wrong time or date is none either: nothing else depends on it.

    Args:
        words: Those after the number of samples, such as `["10:44:18.529", "04/05/2704"]`.

    Example:
        >>> start_time(["8:26:04.5", "26/10/1994"])
        datetime.datetime(1994, 10, 26, 8, 26, 4, 500000)
    """
    date, time = (_DATE.fullmatch(words[-1]) if words else None), _TIME.fullmatch("0")
    if date is None or len(words) > 2:
        return None
    if len(words) == 2:
        time = _TIME.fullmatch(words[0])
    if time is None:
        return None
    year, month, day = (int(date[field]) for field in ("year", "month", "day"))
    hour, minute, second = (int(time[field] or 0) for field in ("hour", "minute", "second"))
    microseconds = int((time["fraction"] or "")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, microseconds)
    except ValueError:
        return None
