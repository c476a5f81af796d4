"""The header of a WFDB record, in the format header(5) of the WFDB Applications Guide.

Every field is read whole and has a range. A field that is cut short, no number or out of its range
is refused by name, because a default in its place would change the signal without a word.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.records.wfdb.fields import (
    NO_NAME,
    NUMBER,
    WrongFieldError,
    file_name,
    integer,
    readable,
    shown,
)
from ecg_lightning.records.wfdb.signal_line import SignalLine, signal_line
from ecg_lightning.records.wfdb.start import start_time
from ecg_lightning.system.input_files import read_input

# header(5): what a header without this field means.
_DEFAULT_FS_HZ = 250.0

_MOST_BYTES = 1 << 22  # a header of 100,000 segments with long comments is smaller
_MOST_FRAMES = 1 << 40
_RECORD = re.compile(r"(?P<name>[^/]+)(?:/(?P<segments>.*))?")
_RATE = re.compile(rf"(?P<fs>{NUMBER})(?:/{NUMBER})?(?:\({NUMBER}\))?", re.ASCII)
_SEGMENT = re.compile(r"(?P<name>[^ \t]+)[ \t]+(?P<length>[^ \t]+)")


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
        """The names of the leads; `channel` and its index for one without a name."""
        return [signal.name or f"channel {i}" for i, signal in enumerate(self.signals)]


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
    numbered = list(enumerate(lines_of(content), 1))
    lines = [(n, line) for n, line in numbered if line and not line.startswith("#")]
    comments = tuple(readable(line[1:].strip(" \t#")) for _, line in numbered if line[:1] == "#")
    if not lines:
        raise _refused(path, "a WFDB header", "a file without a record line")
    try:
        return _header(path, lines, comments)
    except WrongFieldError as error:
        raise _refused(path, *error.args) from error


def lines_of(content: bytes) -> list[str]:
    """Return the lines of a header; bytes that are no UTF-8 stay what they are in names."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [line.strip(" \t") for line in re.split("\r\n|\n|\r", text)]


def named_files(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the signal files and the segments that a header names, each once.

    The other fields are not looked at, so that the headers of a large folder are read quickly.

    Args:
        lines: Those of the header.
    """
    words = [re.split(r"[ \t]", line, maxsplit=1)[0] for line in lines if line and line[0] != "#"]
    is_name = (word not in (".", "..") and not NO_NAME & {*word} for word in words[1:])
    names = [*dict.fromkeys(itertools.compress(words[1:], is_name))]
    return ([], names) if words and "/" in words[0] else (names, [])


def _header(path: Path, lines: list[tuple[int, str]], comments: tuple[str, ...]) -> Header:
    record, others = _record_line(*lines[0]), lines[1:]
    word, count = "signal", record.n_signals
    if record.n_segments is not None:
        word, count = "segment", record.n_segments
    if len(others) != count or not others:
        raise WrongFieldError(f"{count or 'one or more'} {word} lines", f"{len(others)}")
    signals, segments = tuple[SignalLine, ...](), tuple[SegmentLine, ...]()
    if record.n_segments is None:
        signals = tuple(signal_line(number, line) for number, line in others)
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
        raise WrongFieldError(
            "a WFDB header that begins with a name and a number of signals", shown(line)
        )
    where = f" in line {line_number}"
    segments = match["segments"]
    n_segments = segments and integer(segments, f"a number of segments{where}", (1, 1_000_000))
    n_signals = integer(words[1], f"a number of signals{where}", (0, 10_000))
    fs_hz: float | None = None
    n_frames = 0
    if len(words) > 2:
        fs_hz = _rate(words[2], f"a sampling rate{where}")
    if len(words) > 3:
        n_frames = integer(words[3], f"a number of samples{where}", (0, _MOST_FRAMES))
    # header(5): 0 means an open length.
    start = start_time(words[4:])
    name = readable(match["name"])
    return _RecordLine(name, n_segments or None, n_signals, fs_hz, n_frames or None, start)


def _segment_line(line_number: int, line: str) -> SegmentLine:
    match, where = _SEGMENT.fullmatch(line), f" in line {line_number}"
    if match is None:
        raise WrongFieldError(f"the name of a record and its number of samples{where}", shown(line))
    length = integer(match["length"], f"a number of samples{where}", (0, _MOST_FRAMES))
    return SegmentLine(file_name(match["name"], where), length)


def _rate(word: str, field: str) -> float:
    match = _RATE.fullmatch(word)
    value = float(match["fs"]) if match else 0.0
    if not is_rate(value):
        raise WrongFieldError(f"{field} from {RATES}", shown(word))
    return value


def _refused(path: Path, expected: str, found: str) -> InputError:
    return InputError(f"{path}", expected=expected, found=found, hint="repair the header")
