"""What the lines above a table say of the recording: its rate, unit, lead and start."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ecg_lightning.records.tables.columns import SECONDS, unit_of
from ecg_lightning.records.tables.times import shortest

_RATE_KEY = re.compile(
    r"(?:(?:ecg|signal|data|(original))\W+)?"
    r"(?:sampl(?:e|ing)[\s_-]*(?:rate|freq(?:uency)?)|samplerate|samplingrate|sfreq|fs|srate"
    r"|freq(?:uency)?\s+of\s+sampling|messrate|messfrequenz|abtast(?:rate|frequenz)"
    r"|fr.{1,2}quence d.{1,3}chantillonnage|frecuencia de muestreo"
    r"|frequenza di campionamento|bemonsteringsfrequentie)",
    re.I,
)
_INTERVAL_KEY = re.compile(r"sampl(?:e|ing)[\s_-]*(?:interval|period|time)", re.I)
_UNIT_KEY = re.compile(r"units?|einheit(?:en)?|unit.{1,2}s?|unidad(?:es)?|unit\W|eenheid", re.I)
_LEAD_KEY = re.compile(r"lead|ableitung|d.{1,2}rivation|derivaci.{1,2}n|derivazione", re.I)
_START_KEY = re.compile(
    r"(?:record(?:ed|ing)[\s_-]*(?:date|start|time)|start(?:ing)?[\s_-]*(?:date|time)?"
    r"|date(?:[\s_-]*time)?|base[\s_-]*time|aufzeichnungsdatum)",
    re.I,
)
_PAIR = re.compile(r"\s*([^,;:=\t|]{1,60}?)\s*(?:[,;:=\t|])\s*(.{0,200}?)[\s,;|]*")
_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)?)\s*([^\s\d.,;()]*)\.?")
# One thousand, or one: such a rate or such a number of microseconds is not taken.
_GROUPED = re.compile(r"[1-9]\d?[.,]\d{3}", re.A)
_RATE_OR_DATE = re.compile(r"\A\d|\d{4}", re.A)
_IN_KEY = re.compile(r"(.*?)\s*[(\[]\s*([^()\[\]]{1,20})\s*[)\]]")
_HERTZ = {
    **dict.fromkeys(("", "hz", "hertz", "sps", "samples/s", "samples/sec", "1/s"), 1.0),
    **dict.fromkeys(("samples/second", "s/s"), 1.0),
    **dict.fromkeys(("khz", "kilohertz"), 1000.0),
}
_WIDEST = 0.01  # half the range of a printed interval that tells a rate, relative to it


class SaidRate(NamedTuple):
    """A sampling rate that a line says.

    Attributes:
        fs_hz: The rate.
        low_hz: The lowest rate that the printed digits allow.
        high_hz: The highest one.
        is_certain: Whether the digits tell the rate.
    """

    fs_hz: float
    low_hz: float
    high_hz: float
    is_certain: bool = True

    def allows(self, fs_hz: float) -> bool:
        """Return whether a rate is this one, as it is printed."""
        return self.low_hz <= fs_hz <= self.high_hz


@dataclass(frozen=True)
class TableFacts:
    """What the lines above a table say for certain.

    Attributes:
        rate: The sampling rate; None where they say none, or several.
        unit: The unit of the leads, or "".
        lead: The name of the lead, or "".
        start_time: When the recording began.
    """

    rate: SaidRate | None = None
    unit: str = ""
    lead: str = ""
    start_time: datetime | None = None

    def fs_hz(self, stated_hz: float | None = None) -> float | None:
        """Return the rate; a stated one, where the printed interval allows it."""
        if self.rate is None:
            return None
        if stated_hz is None:
            return self.rate.fs_hz if self.rate.is_certain else None
        return stated_hz if self.rate.allows(stated_hz) else self.rate.fs_hz


def facts_of(lines: Iterable[str], has_decimal_commas: bool) -> TableFacts:
    """Read the lines above a table, of which each may be a key with a value.

    Args:
        lines: The lines, without the header.
        has_decimal_commas: Whether the numbers of the table have them.

    Example:
        >>> facts_of(["Sample Rate,512.2 hertz", "Unit,uV"], False).fs_hz()
        512.2
    """
    rates: set[SaidRate] = set()
    units, leads, starts = set(), [], []
    for line in lines:
        for key, value in _pairs(line):
            rate = _rate(key, value, has_decimal_commas)
            rates |= {rate} if rate else set()
            if _UNIT_KEY.fullmatch(key):
                units.add(unit_of(value))
            elif _LEAD_KEY.fullmatch(key):
                leads.append(value)
            elif _START_KEY.fullmatch(key):
                starts.append(_start(value))
    return TableFacts(
        _agreed(rates),
        units.pop() if len(units) == 1 else "",
        leads[0][:40] if len(leads) == 1 else "",
        starts[0] if len(starts) == 1 else None,
    )


def is_fact(line: str) -> bool:
    """Return whether a line is a key that this module knows, with a value.

    Rates and dates begin with a digit, or hold a year: `date,V1` names two columns.
    """
    return any(_is_known(key, value) for key, value in _pairs(line) if value)


def _is_known(key: str, value: str) -> bool:
    is_number = _RATE_OR_DATE.search(value) is not None
    keys_of_numbers = (_RATE_KEY, _INTERVAL_KEY, _START_KEY) if is_number else ()
    return any(known.fullmatch(key) for known in (_UNIT_KEY, _LEAD_KEY, *keys_of_numbers))


def _pairs(line: str) -> list[tuple[str, str]]:
    """The keys and values of a line; a comment may hold several, as `# fs = 250 Hz, unit = mV`."""
    text = line.strip().lstrip("#%;/").strip().replace('"', "")
    parts = [text] if len(text) > 200 else [text, *re.split(r"[,;]\s+", text)]
    matches = [_PAIR.fullmatch(part) for part in dict.fromkeys(parts)]
    return [(match[1], match[2].strip()) for match in matches if match]


def _rate(key: str, value: str, has_decimal_commas: bool) -> SaidRate | None:
    if (in_key := _IN_KEY.fullmatch(key)) is not None:  # `Sampling rate (Hz): 250`
        key, value = in_key[1], f"{value} {in_key[2]}"
    quantity = _QUANTITY.fullmatch(value)
    if quantity is None or ("," in quantity[1] and not has_decimal_commas):
        return None
    text, unit = quantity[1].replace(",", "."), quantity[2].casefold()
    is_grouped = _GROUPED.fullmatch(quantity[1]) is not None
    is_rate = _RATE_KEY.fullmatch(key)
    if is_rate and not is_rate[1] and unit in _HERTZ and not (is_grouped and _HERTZ[unit] == 1):
        fs_hz = float(text) * _HERTZ[unit]
        return SaidRate(fs_hz, fs_hz, fs_hz)
    if _INTERVAL_KEY.fullmatch(key) and unit in SECONDS and float(text) >= 1e-9:
        return None if is_grouped and SECONDS[unit] < 1e-3 else _of_interval(text, SECONDS[unit])
    return None


def _agreed(rates: set[SaidRate]) -> SaidRate | None:
    """The most exact rate, where all others allow it."""
    best = min(rates, key=lambda rate: rate.high_hz - rate.low_hz, default=None)
    return best if best and all(rate.allows(best.fs_hz) for rate in rates) else None


def _of_interval(text: str, unit_s: float) -> SaidRate:
    """The rate of a printed interval, which may be exact or rounded."""
    number, decimals = float(text), len(text.partition(".")[2])
    error = 0.5 * 10.0**-decimals
    high = 1 / (unit_s * (number - error)) if number > error else math.inf
    low, exact = 1 / (unit_s * (number + error)), 1 / (unit_s * number)
    if abs(exact - round(exact, 2)) < 1e-9 * exact:
        return SaidRate(round(exact, 2), low, high)
    is_certain = error <= _WIDEST * number
    return SaidRate(shortest(low, high) if is_certain else exact, low, high, is_certain)


def _start(value: str) -> datetime | None:
    text = re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", value)
    try:
        return datetime.fromisoformat(text) if len(text) > 10 else None
    except ValueError:
        return None
