"""How tables print times: on a clock, with a date or as numbers."""

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from ecg_lightning.arrays import Floats

_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2}(?:[.,]\d{1,9})?)", re.A)
_RDSAMP = re.compile(r"\[?(\d\d?:\d\d:\d\d(?:\.\d+)?) (\d\d)/(\d\d)/(\d{4})\]?")
_ISO_LINES = re.compile(
    r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:\n|\Z))*+", re.A
)
_CLOCK_LINES = re.compile(r"(?:(?:\d{1,6}:)?\d{1,6}:\d{1,2}(?:\.\d{1,9})?(?:\n|\Z))*+", re.A)
# Dates of other orders than ISO 8601, and clocks of twelve hours.
_DATED = re.compile(
    r"(?:(\d\d?)([./])(\d\d?)\2(\d{4}),? )?(\d\d?):(\d\d)(?::(\d\d(?:[.,]\d{1,9})?))?"
    r"(?: ?([AP])\.?M\.?)?",
    re.I | re.A,
)
_FRACTION = re.compile(r"(?:[.,]|:\d\d:\d\d:)(\d+)(?=$|[Z+\-\]\s])")
_EPOCH = datetime(1970, 1, 1)


class UnevenError(Exception):
    """Times that are not even.

    Args:
        row: The index of the row in its piece; None where no single row is to blame.
        found: What is there.
    """

    def __init__(self, row: int | None, found: str) -> None:
        super().__init__(row, found)
        self.row, self.found = row, found


def is_time(cell: str) -> bool:
    """Return whether a cell is a time of day, an elapsed time or a date with a time."""
    return any(form.fullmatch(cell) for form in (_CLOCK, _RDSAMP, _DATED)) or is_date(cell)


def is_date(cell: str) -> bool:
    """Return whether a cell is a date with a time."""
    return bool(_RDSAMP.fullmatch(cell) or _date(cell))


def date_of(cell: str) -> datetime | None:
    """Return the date and time of a cell; None where it has none, or one of an unknown order."""
    dotted = _DATED.fullmatch(cell)
    if dotted and dotted[2] == ".":
        day, _, month, year = dotted.groups()[:4]
        midnight = _date(f"{year}-{month:>02}-{day:>02} 00:00:00")
        return midnight and midnight + timedelta(seconds=_twelve_hours(dotted))
    if match := _RDSAMP.fullmatch(cell):
        cell = f"{match[4]}-{match[3]}-{match[2]} {match[1].zfill(8)}"
    return _date(cell)


def seconds_of(cells: Sequence[str]) -> Floats:
    """Return times in seconds: since 1970, since midnight, or since the start.

    Raises:
        UnevenError: A cell is no time.
    """
    text = "\n".join(cells).replace(",", ".")
    seconds = _iso_seconds(text)
    if seconds is None:
        seconds = _clock_seconds(text, len(cells))
    if seconds is None:
        seconds = np.array([_seconds(row, cell) for row, cell in enumerate(cells)], np.float64)
    return seconds


def _iso_seconds(text: str) -> Floats | None:
    """The times of ISO 8601 without a zone, all at once; None where one is another text."""
    if not _ISO_LINES.fullmatch(text):
        return None
    try:
        return np.array(text.split("\n"), "datetime64[us]").astype(np.int64) / 1e6
    except ValueError:
        return None


def _clock_seconds(text: str, count: int) -> Floats | None:
    """The times of a clock, all at once; None where they differ in form."""
    n_colons = text.count(":") // max(count, 1)
    if n_colons not in (1, 2) or not _CLOCK_LINES.fullmatch(text):
        return None
    try:
        parts = np.loadtxt(text.split("\n"), delimiter=":", ndmin=2)
    except ValueError:
        return None
    if parts.shape != (count, n_colons + 1):
        return None
    return np.asarray(parts @ np.array([3600.0, 60.0, 1.0])[-n_colons - 1 :])


def resolution_of(cells: Sequence[str], is_clock: bool) -> float:
    """Return the worth of the last printed digit, in the unit of the cells.

    Numbers may have a fixed number of decimals or of significant digits. The coarser one counts.
    """
    if is_clock:
        fractions = [_FRACTION.search(cell) for cell in cells]
        return float(10.0 ** -max((len(match[1]) for match in fractions if match), default=0))
    decimals, digits, largest = 0, 1, 0.0
    for cell in cells:
        mantissa, _, exponent = cell.lower().replace(",", ".").lstrip("+-").partition("e")
        whole, _, fraction = mantissa.partition(".")
        decimals = max(decimals, len(fraction) - int(exponent or 0))
        digits = max(digits, len((whole + fraction).lstrip("0")))
        largest = max(largest, abs(float(cell.replace(",", "."))))
    fixed = 10.0 ** -min(decimals, 18)
    place = math.floor(math.log10(largest)) if largest else 0
    return float(max(fixed, 10.0 ** (place + 1 - min(digits, 15))))


def _date(cell: str) -> datetime | None:
    if len(cell) < 16 or cell[4:5] != "-":  # at least 2020-01-01 12:00
        return None
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _seconds(row: int, cell: str) -> float:
    if len(cell) >= 16 and is_date(cell) and (date := date_of(cell)) is not None:
        return _since_1970(date)
    if (dated := _DATED.fullmatch(cell)) and (dated[8] or dated[4]):
        return _twelve_hours(dated)  # a new day is where the clock begins again
    match = _CLOCK.fullmatch(cell)
    if match is None:
        raise UnevenError(row, "no time")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600.0 + int(minutes) * 60.0 + float(seconds.replace(",", "."))


def _twelve_hours(match: re.Match[str]) -> float:
    """The seconds since midnight of a match of `_DATED`."""
    hours, minutes, seconds, half = match.groups()[4:]
    hours = int(hours) % 12 + 12 * (half.upper() == "P") if half else int(hours)
    return hours * 3600.0 + int(minutes) * 60.0 + float((seconds or "0").replace(",", "."))


def _since_1970(date: datetime) -> float:
    offset = date.utcoffset()
    naive = date.replace(tzinfo=None)
    return (naive - _EPOCH).total_seconds() - (offset.total_seconds() if offset else 0.0)
