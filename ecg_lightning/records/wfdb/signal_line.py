"""The signal lines of a WFDB header: where a signal is stored, and how."""

import re
from dataclasses import dataclass

from ecg_lightning.records.wfdb.fields import (
    INT32,
    NUMBER,
    WrongFieldError,
    file_name,
    integer,
    readable,
    shown,
)

# header(5): what a header without these fields means.
_DEFAULT_GAIN = 200.0
_DEFAULT_UNIT = "mV"

_FORMAT = re.compile(
    r"(?P<format>\d+)(?:x(?P<frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?", re.ASCII
)
_GAIN = re.compile(
    rf"(?P<gain>{NUMBER})(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<unit>\S*))?", re.ASCII
)
_LIKE_A_NUMBER = re.compile(r"[-+]?\.?\d|[-+]?(?:nan|inf)", re.ASCII | re.IGNORECASE)
_FIELDS = (  # the numbers after the gain, and their ranges
    ("an ADC resolution", (0, 64)),
    ("an ADC zero", INT32),
    ("an initial value", INT32),
    ("a checksum", (-65_535, 65_535)),
    ("a block size", (0, INT32[1])),
)


@dataclass(frozen=True)
class SignalLine:
    """One signal line of a header.

    Attributes:
        file: The name of the signal file, in the folder of the header.
        format: The number of the storage format.
        samples_per_frame: How often the signal is sampled in each frame of the record.
        skew: How many frames later than its place the signal is stored.
        offset: Where the samples begin in the file, in bytes (in samples in a FLAC file).
        gain: Units of the ADC for a physical unit.
        baseline: The ADC's value for 0 physical units.
        unit: The physical unit.
        initial_value: The value from which format 8 counts.
        checksum: The sum of the samples modulo 65,536; `None` where the header has none.
        name: The name of the lead; may be empty.
        calibrated: Whether the header has a gain; otherwise `gain` is the default of header(5).
        has_unit: Whether the header has a unit; otherwise `unit` is the default of header(5).
    """

    file: str
    format: int
    samples_per_frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    initial_value: int
    checksum: int | None
    name: str
    calibrated: bool = True
    has_unit: bool = True


def signal_line(line_number: int, line: str) -> SignalLine:
    """Return a signal line of a header, checked field by field.

    Raises:
        WrongFieldError: A field is wrong.
    """
    where = f" in line {line_number}"
    words = re.split(r"[ \t]+", line, maxsplit=8)
    file = file_name(words[0], where)
    storage = _FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    if storage is None:
        found = shown(words[1] if len(words) > 1 else line)
        raise WrongFieldError(f"a file name and a storage format{where}", found)
    gain, baseline, unit, calibrated = _gain(words[2] if len(words) > 2 else "0", where)
    numbers, name = _numbers(words[3:], where)
    _, zero, initial_value, checksum, _ = numbers
    return SignalLine(
        file=file,
        format=integer(storage["format"], f"a storage format{where}", (0, 999)),
        samples_per_frame=integer(
            storage["frame"] or "1", f"samples for each frame{where}", (1, 100_000)
        ),
        skew=integer(storage["skew"] or "0", f"a skew{where}", (0, INT32[1])),
        offset=integer(storage["offset"] or "0", f"a byte offset{where}", (0, 1 << 40)),
        gain=gain,
        baseline=(zero or 0) if baseline is None else baseline,
        unit=unit or _DEFAULT_UNIT,
        initial_value=initial_value or 0,
        checksum=checksum,
        name=name,
        calibrated=calibrated,
        has_unit=bool(unit),
    )


def _gain(word: str, where: str) -> tuple[float, int | None, str, bool]:
    """The gain, the baseline and the unit where they are there, and whether the gain is known."""
    match = _GAIN.fullmatch(word)
    if match is None:
        raise WrongFieldError(f"a gain, (baseline) and /unit{where}", shown(word))
    gain = float(match["gain"])
    calibrated = bool(re.search("[1-9]", re.split("[eE]", match["gain"])[0]))
    if not calibrated:
        gain = _DEFAULT_GAIN  # header(5): 0 means an unknown gain
    elif not 1e-9 <= gain <= 1e12:
        raise WrongFieldError(f"a gain from 1e-9 to 1e12{where}", shown(match["gain"]))
    text = match["baseline"]
    baseline = None if text is None else integer(text, f"a baseline{where}", INT32)
    return gain, baseline, readable(match["unit"] or ""), calibrated


def _numbers(words: list[str], where: str) -> tuple[list[int | None], str]:
    """The numbers after the gain, `None` for those that are missing, and the lead's name."""
    numbers: list[int | None] = []
    for word, (field, limits) in zip(words, _FIELDS, strict=False):
        if not _LIKE_A_NUMBER.match(word):
            break  # header(5) allows fewer numbers
        numbers.append(integer(word, field + where, limits))
    name = readable(" ".join(words[len(numbers) :]).strip())
    return numbers + [None] * (len(_FIELDS) - len(numbers)), name
