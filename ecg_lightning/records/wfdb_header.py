"""The header of a WFDB record, in the format header(5) of the WFDB Applications Guide.

Every field is read whole and has a range. A field that is cut short, no number or out of its range
is refused by name, because a default in its place would change the signal without a word.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb_start import start_time
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import escaped

# header(5): what a header without these fields means.
_DEFAULT_FS_HZ = 250.0
_DEFAULT_GAIN = 200.0
_DEFAULT_UNIT = "mV"

_MOST_BYTES = 1 << 22  # a header of 100,000 segments with long comments is smaller
_MOST_FRAMES = 1 << 40
_INT32 = (-(1 << 31), (1 << 31) - 1)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RECORD = re.compile(r"(?P<name>[^/]+)(?:/(?P<segments>.*))?")
_RATE = re.compile(rf"(?P<fs>{_NUMBER})(?:/{_NUMBER})?(?:\({_NUMBER}\))?", re.ASCII)
_FORMAT = re.compile(
    r"(?P<format>\d+)(?:x(?P<frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?", re.ASCII
)
_GAIN = re.compile(
    rf"(?P<gain>{_NUMBER})(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<unit>\S*))?", re.ASCII
)
_SEGMENT = re.compile(r"(?P<name>[^ \t]+)[ \t]+(?P<length>[^ \t]+)")
_LIKE_A_NUMBER = re.compile(r"[-+]?\.?\d|[-+]?(?:nan|inf)", re.ASCII | re.IGNORECASE)
_FIELDS = (  # the numbers behind the gain, and their ranges
    ("an ADC resolution", (0, 64)),
    ("an ADC zero", _INT32),
    ("an initial value", _INT32),
    ("a checksum", (-65_535, 65_535)),
    ("a block size", (0, _INT32[1])),
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


class SegmentLine(NamedTuple):
    """One segment line of a header: the name of a record, or `~` for a gap, and its frames."""

    name: str
    n_frames: int


@dataclass(frozen=True)
class Header:
    """The header of a record.

    Attributes:
        path: Its file.
        name: The name of the record in the file.
        n_segments: The number of segments; `None` for a record without segments.
        fs_hz: Frames for each second.
        n_frames: The length of the record in frames; `None` where the header leaves it open.
        signals: The signal lines; none for a record with segments.
        comments: The comments without their `#`.
        has_rate: Whether the header has a rate; otherwise `fs_hz` is the default of header(5).
        n_signals: The number of signals by the record line.
        segments: The segment lines; none for a record without segments.
        start: When the record begins; `None` where the header has no date and time that are one.
    """

    path: Path
    name: str
    n_segments: int | None
    fs_hz: float
    n_frames: int | None
    signals: tuple[SignalLine, ...]
    comments: tuple[str, ...]
    has_rate: bool = True
    n_signals: int = 0
    segments: tuple[SegmentLine, ...] = ()
    start: datetime | None = None

    @property
    def leads(self) -> list[str]:
        """The names of the leads; `channel 2` for one without a name."""
        return [signal.name or f"channel {i}" for i, signal in enumerate(self.signals)]


class _WrongFieldError(Exception):
    """A field of a header is wrong: what was expected, and what was found."""


class _RecordLine(NamedTuple):
    name: str
    n_segments: int | None
    n_signals: int
    fs_hz: float | None
    n_frames: int | None
    start: datetime | None


def read_header(path: Path, hint: str = "check the name") -> Header:
    """Read and check a header.

    Args:
        path: The file, with its ending `.hea`.
        hint: What to do if there is no such file.

    Returns:
        The header. The files that it names are not looked at.

    Raises:
        InputError: There is no such file, or it is no header, or one of its fields is wrong.
    """
    expected = f"the header of record {path.stem}"
    content = read_input(path, _MOST_BYTES, expected, hint)
    # Bytes that are no UTF-8 are kept as they are for the names of files.
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    numbered = [(n, line.strip(" \t")) for n, line in enumerate(re.split("\r\n|\n|\r", text), 1)]
    lines = [(n, line) for n, line in numbered if line and not line.startswith("#")]
    comments = tuple(_readable(line[1:].strip(" \t#")) for _, line in numbered if line[:1] == "#")
    if not lines:
        raise _refused(path, "a WFDB header", "a file without a record line")
    try:
        return _header(path, lines, comments)
    except _WrongFieldError as error:
        raise _refused(path, *error.args) from error


def _header(path: Path, lines: list[tuple[int, str]], comments: tuple[str, ...]) -> Header:
    record, others = _record_line(*lines[0]), lines[1:]
    word, count = "signal", record.n_signals
    if record.n_segments is not None:
        word, count = "segment", record.n_segments
    if len(others) != count or not others:
        raise _WrongFieldError(f"{count or 'one or more'} {word} lines", f"{len(others)}")
    signals, segments = tuple[SignalLine, ...](), tuple[SegmentLine, ...]()
    if record.n_segments is None:
        signals = tuple(_signal_line(number, line) for number, line in others)
    else:
        segments = tuple(_segment_line(number, line) for number, line in others)
    return Header(
        path,
        record.name,
        record.n_segments,
        record.fs_hz or _DEFAULT_FS_HZ,
        record.n_frames,
        signals,
        comments,
        bool(record.fs_hz),
        record.n_signals,
        segments,
        record.start,
    )


def _record_line(line_number: int, line: str) -> _RecordLine:
    words = re.split(r"[ \t]+", line)
    match = _RECORD.fullmatch(words[0])
    if match is None or len(words) < 2 or not words[1][:1].isdecimal():
        raise _WrongFieldError(
            "a WFDB header that begins with a name and a number of signals", _shown(line)
        )
    where = f" in line {line_number}"
    segments = match["segments"]
    n_segments = segments and _integer(segments, f"a number of segments{where}", (1, 1_000_000))
    n_signals = _integer(words[1], f"a number of signals{where}", (0, 10_000))
    fs_hz: float | None = None
    n_frames = 0
    if len(words) > 2:
        fs_hz = _rate(words[2], f"a sampling rate{where}")
    if len(words) > 3:
        n_frames = _integer(words[3], f"a number of samples{where}", (0, _MOST_FRAMES))
    # header(5): 0 means an open length.
    start = start_time(words[4:])
    name = _readable(match["name"])
    return _RecordLine(name, n_segments or None, n_signals, fs_hz, n_frames or None, start)


def _segment_line(line_number: int, line: str) -> SegmentLine:
    match, where = _SEGMENT.fullmatch(line), f" in line {line_number}"
    if match is None:
        raise _WrongFieldError(
            f"the name of a record and its number of samples{where}", _shown(line)
        )
    length = _integer(match["length"], f"a number of samples{where}", (0, _MOST_FRAMES))
    return SegmentLine(_file_name(match["name"], where), length)


def _signal_line(line_number: int, line: str) -> SignalLine:
    where = f" in line {line_number}"
    words = re.split(r"[ \t]+", line, maxsplit=8)
    file = _file_name(words[0], where)
    storage = _FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    if storage is None:
        found = _shown(words[1] if len(words) > 1 else line)
        raise _WrongFieldError(f"a file name and a storage format{where}", found)
    gain, baseline, unit, calibrated = _gain(words[2] if len(words) > 2 else "0", where)
    numbers, name = _numbers(words[3:], where)
    _, zero, initial_value, checksum, _ = numbers
    return SignalLine(
        file=file,
        format=_integer(storage["format"], f"a storage format{where}", (0, 999)),
        samples_per_frame=_integer(
            storage["frame"] or "1", f"samples for each frame{where}", (1, 100_000)
        ),
        skew=_integer(storage["skew"] or "0", f"a skew{where}", (0, _INT32[1])),
        offset=_integer(storage["offset"] or "0", f"a byte offset{where}", (0, 1 << 40)),
        gain=gain,
        baseline=(zero or 0) if baseline is None else baseline,
        unit=unit or _DEFAULT_UNIT,
        initial_value=initial_value or 0,
        checksum=checksum,
        name=name,
        calibrated=calibrated,
        has_unit=bool(unit),
    )


def _file_name(word: str, where: str) -> str:
    """A name in the header's own folder, as header(5) has it; never a path or an address."""
    if word in (".", "..") or any(letter in word for letter in "/\\\0"):
        raise _WrongFieldError(f"a file in the folder of the header{where}", _shown(word))
    return word


def _gain(word: str, where: str) -> tuple[float, int | None, str, bool]:
    """The gain, the baseline and the unit where they are there, and whether the gain is known."""
    match = _GAIN.fullmatch(word)
    if match is None:
        raise _WrongFieldError(f"a gain, (baseline) and /unit{where}", _shown(word))
    gain = float(match["gain"])
    calibrated = bool(re.search("[1-9]", re.split("[eE]", match["gain"])[0]))
    if not calibrated:
        gain = _DEFAULT_GAIN  # header(5): 0 means an unknown gain
    elif not 1e-9 <= gain <= 1e12:
        raise _WrongFieldError(f"a gain from 1e-9 to 1e12{where}", _shown(match["gain"]))
    text = match["baseline"]
    baseline = None if text is None else _integer(text, f"a baseline{where}", _INT32)
    return gain, baseline, _readable(match["unit"] or ""), calibrated


def _numbers(words: list[str], where: str) -> tuple[list[int | None], str]:
    """The numbers behind the gain, `None` for those that are missing, and the lead's name."""
    numbers: list[int | None] = []
    for word, (field, limits) in zip(words, _FIELDS, strict=False):
        if not _LIKE_A_NUMBER.match(word):
            break  # header(5) allows fewer numbers
        numbers.append(_integer(word, field + where, limits))
    name = _readable(" ".join(words[len(numbers) :]).strip())
    return numbers + [None] * (len(_FIELDS) - len(numbers)), name


def _rate(word: str, field: str) -> float:
    match = _RATE.fullmatch(word)
    value = float(match["fs"]) if match else 0.0
    if not 1e-3 <= value <= 1e6:
        raise _WrongFieldError(f"{field} from 0.001 to 1,000,000 Hz", _shown(word))
    return value


def _integer(word: str, field: str, limits: tuple[int, int]) -> int:
    is_integer = re.fullmatch(r"[-+]?\d{1,18}", word, re.ASCII)
    if not is_integer or not limits[0] <= int(word) <= limits[1]:
        raise _WrongFieldError(f"{field} from {limits[0]:,} to {limits[1]:,}", _shown(word))
    return int(word)


def _readable(text: str) -> str:
    """Foreign text: Latin-1 where its bytes are no UTF-8, and no control characters."""
    raw = _is_raw(text)
    return escaped(text.encode("utf-8", "surrogateescape").decode("latin-1") if raw else text)


def _is_raw(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _shown(text: str) -> str:
    return f"'{escaped(text, 40)}'"


def _refused(path: Path, expected: str, found: str) -> InputError:
    return InputError(f"{path}", expected=expected, found=found, hint="repair the header")
