"""What the columns of a table are, by their names and units: leads, times, indices, marks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ecg_lightning.records.leads import millivolts_in, without_brackets

SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "sekunden"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "\u00b5s", "\u03bcs", "usec", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minutes"), 60.0),
}
_OTHER_UNITS = frozenset(
    (
        *("%", "mmhg", "bpm", "adu", "a.u.", "au", "nu", "g", "m/s2", "\u00b0c", "degc", "ohm"),
        *("hh:mm:ss.mmm", "hh:mm:ss", "mm:ss.mmm", "samples", "sample", "pm", "l/min", "mg"),
    )
)
_TIME_WORDS = frozenset(
    (
        *("time", "times", "t", "timestamp", "timestamps", "ts", "elapsed", "datetime", "zeit"),
        *("uhrzeit", "zeitstempel", "temps", "tiempo", "tempo", "epoch", "unix", "clock"),
    )
)
_TIME_NOUNS = frozenset(("time", "times", "timestamp", "timestamps", "datetime", "elapsed"))
_CLOCK = frozenset(("hh", "mm", "ss", "mmm"))
_FILLERS = frozenset(("in", "of", "day", "date", "since", "start", "local", "utc", "relative"))
_INDEX_WORDS = frozenset(
    ("sample", "samples", "index", "idx", "number", "no", "nr", "num", "row", "frame")
)
_MARKER_WORDS = frozenset(
    (
        *("label", "labels", "annotation", "annotations", "ann", "class", "classes", "target"),
        *("marker", "markers", "event", "events", "trigger", "symbol", "symbols", "beat", "beats"),
        *("rpeak", "rpeaks", "peak", "peaks", "flag", "flags", "type", "quality"),
    )
)
_BESIDE_MARKERS = frozenset(("r", "is", "rhythm", "ecg", "signal", "aami", "true", "id"))
_OWNER_WORDS = frozenset(("date", "day", "patient", "subject", "record", "recording", "file", "id"))
_BRACKETS = re.compile(r"(.*?)\s*[(\[{]\s*([^()\[\]{}]{1,20}?)\s*[)\]}]")
_SUFFIX = re.compile(r"(.*\S)(?:_|\s*/\s*|\s+|-|\.)([munµμ]v)", re.I)


class Role(Enum):
    """What a column is."""

    LEAD, TIME, INDEX, MARKER, TEXT, EMPTY = range(6)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: What the header says.
        name: The title without its unit.
        unit: Of the title or the line of units; "" where both say none.
        role: What the column is.
    """

    title: str
    name: str
    unit: str
    role: Role

    @property
    def seconds(self) -> float | None:
        """The unit of a time column in seconds; None where nothing says it."""
        if (seconds := SECONDS.get(self.unit.casefold())) is not None:
            return seconds
        units = [SECONDS[word] for word in words_of(self.title) if word in SECONDS]
        return units[0] if len(units) == 1 else None


def column_of(title: str, unit: str) -> Column:
    """Return a column by its title and the unit of the line of units, which may be ""."""
    name, own = _name_and_unit(title)
    return Column(title, name, unit_of(unit) or own, _role(title))


def unit_of(text: str) -> str:
    """Return a unit without brackets; "" for a text that is none.

    Example:
        >>> unit_of("(microvolts)"), unit_of("mmHg"), unit_of("chest")
        ('microvolts', 'mmHg', '')
    """
    text = without_brackets(text)
    word = text.casefold()
    known = millivolts_in(text) is not None or word in SECONDS or word in _OTHER_UNITS
    return text if known else ""


def are_units(cells: Sequence[str]) -> bool:
    """Return whether a line holds units: each cell is one or empty, and one is there."""
    return any(cells) and all(not cell or unit_of(cell) for cell in cells)


def is_time_title(title: str) -> bool:
    """Return whether a title is that of a column of times, such as `Time (ms)`."""
    words = {*words_of(title)}
    return not words - _TIME_WORDS - _FILLERS - SECONDS.keys() - _CLOCK and not words <= _FILLERS


def may_be_times(column: Column) -> bool:
    """Return whether a column that rises evenly holds times, by its unit or a word of its title."""
    return column.unit.casefold() in SECONDS or bool(_TIME_NOUNS & {*words_of(column.title)})


def words_of(title: str) -> list[str]:
    """Return the words of a title, in lower case."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    return re.findall(r"[^\W_]+", spaced.casefold())


def _role(title: str) -> Role:
    words = words_of(title)
    if not words or not set(words) - _INDEX_WORDS:
        return Role.INDEX if words else Role.LEAD
    if set(words) <= _OWNER_WORDS:
        return Role.MARKER
    if is_time_title(title):
        return Role.TIME
    left = set(words) - _MARKER_WORDS
    is_marker = len(left) < len(set(words)) and left <= _BESIDE_MARKERS
    return Role.MARKER if is_marker else Role.LEAD


def _name_and_unit(title: str) -> tuple[str, str]:
    bracket = _BRACKETS.fullmatch(title)
    if bracket and unit_of(bracket[2]):
        return bracket[1] or title, unit_of(bracket[2])
    suffix = _SUFFIX.fullmatch(title)
    if suffix:
        return suffix[1], suffix[2]
    return title, unit_of(title) if millivolts_in(title) is not None and len(title) > 1 else ""
