"""What the lines above a table say of the recording: its rate, unit, lead and start."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ecg_lightning.records.tables.columns import SECONDS, unit_of
from ecg_lightning.records.tables.times import shortest

_RATE_KEY = re.compile(
    r"(?:(?:ecg|signal|data|original)\W+)?"
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
_RATE_OR_DATE = re.compile(r"\A\d|\d{4}", re.A)
_IN_KEY = re.compile(r"(.*?)\s*[(\[]\s*([^()\[\]]{1,20})\s*[)\]]")
_HERTZ = {
    **dict.fromkeys(("", "hz", "hertz", "sps", "samples/s", "samples/sec", "1/s"), 1.0),
    **dict.fromkeys(("samples/second", "s/s"), 1.0),
    **dict.fromkeys(("khz", "kilohertz"), 1000.0),
}


@dataclass(frozen=True)
class TableFacts:
    """What the lines above a table say for certain.

    Attributes:
        fs_hz: The sampling rate; None where they say none, or several.
        unit: The unit of the leads, or "".
        lead: The name of the lead, or "".
        start_time: When the recording began.
    """

    fs_hz: float | None = None
    unit: str = ""
    lead: str = ""
    start_time: datetime | None = None


def facts_of(lines: Iterable[str], has_decimal_commas: bool) -> TableFacts:
    """Read the lines above a table, of which each may be a key with a value.

    Args:
        lines: The lines, without the header.
        has_decimal_commas: Whether the numbers of the table have them.

    Example:
        >>> facts_of(["Sample Rate,512.2 hertz", "Unit,uV"], False).fs_hz
        512.2
    """
    rates: set[float] = set()
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
        rates.pop() if len(rates) == 1 else None,
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


def _rate(key: str, value: str, has_decimal_commas: bool) -> float | None:
    if (in_key := _IN_KEY.fullmatch(key)) is not None:  # `Sampling rate (Hz): 250`
        key, value = in_key[1], f"{value} {in_key[2]}"
    quantity = _QUANTITY.fullmatch(value)
    if quantity is None or ("," in quantity[1] and not has_decimal_commas):
        return None
    number, unit = float(quantity[1].replace(",", ".")), quantity[2].casefold()
    if _RATE_KEY.fullmatch(key) and unit in _HERTZ:
        return number * _HERTZ[unit]
    if _INTERVAL_KEY.fullmatch(key) and unit in SECONDS and number >= 1e-9:
        _, _, decimals = quantity[1].replace(",", ".").partition(".")
        error = 0.5 * 10.0 ** -len(decimals)
        return shortest(*(1 / (SECONDS[unit] * (number + off)) for off in (error, -error)))
    return None


def _start(value: str) -> datetime | None:
    text = re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", value)
    try:
        return datetime.fromisoformat(text) if len(text) > 10 else None
    except ValueError:
        return None
