"""Headers of EDF, EDF+, BDF and BDF+ files: fields of fixed width in ASCII.

The specifications are on https://www.edfplus.info/specs and https://www.biosemi.com/faq/file_format.
edfio is not used here: it has no public name for the place of a signal in a data record, and it
reads every sample of a BDF file for its header. The tests compare with it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from ecg_lightning.errors import InputError
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.system.input_files import input_size, open_input

EXPECTED = "an EDF or BDF file"
_FIXED = 256  # bytes of the header, and as many for each signal
_BDF = b"\xffBIOSEMI"
_ANNOTATIONS = ("edf annotations", "bdf annotations")
# The fields of each signal and their widths; the header has all labels, then all transducers, ...
_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical minimum": 8,
    "physical maximum": 8,
    "digital minimum": 8,
    "digital maximum": 8,
    "filters": 80,
    "number of samples": 8,
    "reserved": 32,
}
_MOST = 99_999_999  # the largest number of eight characters
_INTEGER = re.compile(r"([+-]?\d+)(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)  # 1,000: one, or a thousand?
_VARIANT = re.compile(r"[EB]DF(\+[CD])", re.I)
_DATE = re.compile(r" ?(\d{1,2})[.:'/ -] ?(\d{1,2})[.:'/ -] ?(\d{1,2})", re.ASCII)
_START_DATE = re.compile(r"Startdate (?:X|(\d{1,2})-([A-Z]{3})-(\d{4}))(?: |$)", re.ASCII | re.I)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNKNOWN_DATE = "01.01.85"  # EDF+ and converters write it where they know none


@dataclass(frozen=True)
class Signal:
    """One signal of a file.

    Attributes:
        name: Its label; "" where it has none.
        unit: Its physical dimension; "" where it has none.
        physical: The physical minimum and maximum.
        digital: The digital minimum and maximum.
        samples: The number of its samples in a data record.
        offset: The byte in a data record where they begin.
    """

    name: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    samples: int
    offset: int

    @property
    def is_annotations(self) -> bool:
        """Whether it holds annotations and no samples."""
        return self.name.casefold() in _ANNOTATIONS


@dataclass(frozen=True)
class Header:
    """The header of a file. It has no name of a patient.

    Attributes:
        path: The file.
        format: `EDF`, `EDF+C`, `EDF+D`, `BDF`, `BDF+C` or `BDF+D`.
        start: The date and the time of the first data record, in whole seconds.
        n_records: The number of data records; None where the file does not say it.
        record_s: The duration of a data record.
        signals: All signals, with those that hold annotations.
        width: The bytes of a sample.
    """

    path: Path
    format: str
    start: datetime | None
    n_records: int | None
    record_s: Fraction
    signals: tuple[Signal, ...]
    width: int

    @property
    def size(self) -> int:
        """The bytes of the header."""
        return _FIXED * (len(self.signals) + 1)

    @property
    def record_size(self) -> int:
        """The bytes of a data record."""
        return self.width * sum(signal.samples for signal in self.signals)

    @cached_property
    def leads(self) -> tuple[Signal, ...]:
        """The signals that hold samples."""
        return tuple(signal for signal in self.signals if not signal.is_annotations)

    @cached_property
    def annotation_signals(self) -> tuple[Signal, ...]:
        """The signals that hold annotations."""
        return tuple(signal for signal in self.signals if signal.is_annotations)

    def rate_hz(self, signal: Signal) -> float:
        """Return the sampling rate of a signal."""
        return float(signal.samples / self.record_s)


def read_header(path: Path) -> Header:
    """Read the header of a file, and check every field that its samples depend on.

    Raises:
        InputError: The file is missing, too short or no EDF or BDF file, or a field is wrong.
    """
    size = input_size(path, EXPECTED)
    with open_input(path, EXPECTED) as file:
        fixed = read_block(file, path, 0, min(_FIXED, size))
        if len(fixed) < _FIXED or fixed[:8] not in (b"0       ", _BDF):
            hint = "check the path, or fetch the file again"
            raise _refused(path, EXPECTED, "another file, or a part of one", hint)
        n_signals = _integer(path, "the number of signals", fixed[252:256], (1, 9999))
        if size < _FIXED * (n_signals + 1):
            found = f"a file of {size:,} bytes"
            raise _refused(
                path, f"a header of {n_signals:,} signals", found, "fetch the file again"
            )
        columns = _columns(file, path, n_signals)
    return _header(path, fixed, columns)


def _header(path: Path, fixed: bytes, columns: dict[str, list[bytes]]) -> Header:
    is_bdf, n_signals = fixed[:8] == _BDF, len(columns["label"])
    size = _integer(path, "the size of the header", fixed[184:192], (0, _MOST))
    if size != _FIXED * (n_signals + 1):
        expected = f"a header of {_FIXED * (n_signals + 1):,} bytes for {n_signals} signals"
        raise _refused(path, expected, f"{size:,} bytes")
    kind, width = ("BDF", 3) if is_bdf else ("EDF", 2)
    variant = _VARIANT.match(_text(fixed[192:236]))
    n_records = _integer(path, "the number of data records", fixed[236:244], (-1, _MOST))
    record_s = _number(path, "the duration of a data record", fixed[244:252])
    if not 0 < record_s <= _MOST:
        expected = "a positive duration of a data record"
        raise _refused(path, expected, _text(fixed[244:252]))
    header = Header(
        path,
        kind + (variant[1].upper() if variant else ""),
        _start(_text(fixed[88:168]), _text(fixed[168:176]), _text(fixed[176:184])),
        None if n_records == -1 else n_records,
        record_s,
        tuple(_signals(path, columns, width)),
        width,
    )
    for signal in header.leads:
        if not is_rate(header.rate_hz(signal)):
            found = f"{header.rate_hz(signal):g} Hz for {signal.name}"
            raise _refused(path, f"a rate from {RATES}", found)
    return header


def _columns(file: BinaryIO, path: Path, n_signals: int) -> dict[str, list[bytes]]:
    """The fields of all signals by their names."""
    content = read_block(file, path, _FIXED, _FIXED * n_signals)
    columns, at = {}, 0
    for name, width in _FIELDS.items():
        ends = range(at + width, at + width * n_signals + 1, width)
        columns[name] = [content[end - width : end] for end in ends]
        at += width * n_signals
    return columns


def _signals(path: Path, columns: dict[str, list[bytes]], width: int) -> list[Signal]:
    signals: list[Signal] = []
    offset = 0
    for i, label in enumerate(columns["label"]):
        fields = {name: column[i] for name, column in columns.items()}
        name, what = _text(label), f"of signal {i} ({_text(label)})"
        samples = fields["number of samples"]
        n_samples = _integer(path, f"the number of samples {what}", samples, (1, _MOST))
        if (
            name.casefold() in _ANNOTATIONS
        ):  # they are no numbers, and nothing depends on their limits
            physical, digital = (0.0, 1.0), (0, 1)
        else:
            physical, digital = _limits(path, fields, what, width)
        signals.append(Signal(name, _text(fields["unit"]), physical, digital, n_samples, offset))
        offset += width * n_samples
    return signals


def _limits(
    path: Path, fields: dict[str, bytes], what: str, width: int
) -> tuple[tuple[float, float], tuple[int, int]]:
    """The physical and the digital minimum and maximum of a signal."""
    most = 1 << (8 * width - 1)
    names = ("digital minimum", "digital maximum")
    low, high = (_integer(path, f"the {n} {what}", fields[n], (-most, most)) for n in names)
    if low >= high:
        raise _refused(path, f"a digital minimum below the maximum {what}", f"{low} and {high}")
    names = ("physical minimum", "physical maximum")
    bottom, top = (float(_number(path, f"the {n} {what}", fields[n])) for n in names)
    if (top - bottom) / (high - low) == 0:
        expected = f"a physical minimum other than the maximum {what}"
        raise _refused(path, expected, f"{bottom:g} and {top:g}")
    return (bottom, top), (low, high)


def _integer(path: Path, what: str, field: bytes, limits: tuple[int, int]) -> int:
    text = _text(field)
    match = _INTEGER.fullmatch(text)
    if match is None or not limits[0] <= int(match[1]) <= limits[1]:
        expected = f"{what} as a whole number from {limits[0]:,} to {limits[1]:,}"
        raise _refused(path, expected, repr(text))
    return int(match[1])


def _number(path: Path, what: str, field: bytes) -> Fraction:
    """A number of a field. A decimal comma is read unless it may separate thousands."""
    text = _text(field)
    plain = text if _THOUSANDS.fullmatch(text) else text.replace(",", ".")
    if not _NUMBER.fullmatch(plain) or abs(float(plain)) > _MOST:
        expected = f"{what} as a number with a decimal point, of at most {_MOST:,}"
        raise _refused(path, expected, repr(text))
    return Fraction(Decimal(plain))


def _text(field: bytes) -> str:
    """The text of a field: ASCII by the standard, but some recorders write UTF-8 or Latin-1."""
    field = field.strip(b" \0")
    try:
        return field.decode("utf-8").strip()
    except UnicodeDecodeError:
        return field.decode("latin-1").strip()


def _start(recording: str, date: str, time: str) -> datetime | None:
    """The date and the time; None where one of them is not known.

    EDF+ has the date with four digits of the year in the field of the recording. In the other field
    85 is 1985 and 84 is 2084.
    """
    hms, dmy, plus = _DATE.fullmatch(time), _DATE.fullmatch(date), _START_DATE.match(recording)
    if hms is None:
        return None
    try:
        if plus:
            day, month, year = int(plus[1]), _MONTHS.index(plus[2].upper()) + 1, int(plus[3])
        elif dmy and date != _UNKNOWN_DATE:
            day, month, year = int(dmy[1]), int(dmy[2]), int(dmy[3])
            year += 1900 if year >= 85 else 2000
        else:
            return None
        hour, minute, second = map(int, hms.groups())
        is_possible = 1900 <= year <= 2100
        return datetime(year, month, day, hour, minute, second) if is_possible else None
    except (ValueError, TypeError):  # TypeError: `Startdate X` has no day
        return None


def _refused(path: Path, expected: str, found: str, hint: str = "repair the header") -> InputError:
    return InputError(str(path), expected=expected, found=found, hint=hint)
