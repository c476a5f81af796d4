"""Damaged WFDB records with segments and several samples a frame for fuzz.py, read in pieces."""

import re
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import wfdb
from fuzz_bytes import damaged_bytes, damaged_text, other_number
from fuzz_records import NAME, VERBS, check_record, no_file, prepare
from fuzz_target import WrongError

from ecg_lightning.arrays import Floats
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.wfdb.reader import read_record

FS_HZ, GAIN = 250, 200
_PIECE = 1 << 18  # samples that are read at once
_MOST_PIECES = 20
_MASTER = re.compile(r"r/(\d{1,3}) (\d{1,2}) 250 (\d{1,7})")
_SEGMENT_LINE = re.compile(r"(\S+) (\d{1,7})")
_RECORD = re.compile(r"(\S+) (\d{1,2}) 250 (\d{1,7})")
_SIGNAL = re.compile(
    r"(\S+) (16|0)(?:x([1-9]))? ([1-9]\d{0,2})\((-?\d{1,4})\)/mV 16 0 0 (\d{1,5}) 0 (\w+)"
)


class _Segment(NamedTuple):
    """Its leads: names, samples for each frame, voltages in mV, and checksum less the header's."""

    names: list[str]
    per_frame: list[int]
    voltages: list[Floats]
    sums: list[int]


class Segments:
    """Records of three layouts, with damaged headers, signals or files."""

    def prepare(self, folder: Path) -> None:
        """Write the records."""
        self.kinds = []
        for kind, (layout, per_frame) in enumerate((("", 1), ("", 4), ("lay", 1), ("lay", 2))):
            place = folder / f"{kind}"
            place.mkdir()
            _write_record(place, layout, per_frame)
            self.kinds.append({path.name: path.read_bytes() for path in place.iterdir()})

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write a record and damage one or two of its files; one in 30 stays valid."""
        files = dict(rng.choice(self.kinds))
        headers = sorted(name for name in files if name.endswith(".hea"))
        signals = sorted(name for name in files if name.endswith(".dat"))
        choice = rng.randrange(30) if damage else 29
        for _ in range(rng.choice((1, 1, 2)) if choice < 27 else 0):
            name = rng.choice((f"{NAME}.hea", *headers)) if choice < 20 else rng.choice(signals)
            change = (
                damaged_bytes
                if choice >= 20
                else rng.choice((damaged_text, other_number, other_number, _other_line))
            )
            files[name] = change(files[name], rng)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        if 27 <= choice < 29:
            no_file(folder / rng.choice((*headers, *signals)), rng)

    def past_header(self, folder: Path) -> bool:
        """Whether the header of the record is plain, by the grammar of header(5)."""
        header = folder / f"{NAME}.hea"
        return header.is_file() and _master(header) is not None

    def check(self, folder: Path, rng: Random) -> None:
        """Read the record whole and in pieces; then prepare its folder as the command line does."""
        lead = rng.choice((0, 1, "II", None))
        recording = read_recording(folder / NAME, lead)
        record = read_record(folder, NAME, recording.used)
        _check_lead(recording, plain_lead(folder, recording.lead.name), rng)
        check_record(record)
        if record.fs_hz != recording.fs_hz or len(record.signal) != recording.samples:
            raise WrongError("the record has another rate or length than the recording")
        if rng.random() < 0.2:
            prepare(folder, rng.choice(VERBS))


def _check_lead(recording: Recording, expected: Floats | None, rng: Random) -> None:
    """Compare a lead, read in pieces, with the own reading of it and with other pieces."""
    length = recording.samples
    if expected is not None and len(expected) != length:
        raise WrongError(f"{length} samples, the headers say {len(expected)}")
    step = rng.choice((_PIECE, 1 + length // 3, 1 + length // 40))
    for start in [*range(0, length, max(step, length // _MOST_PIECES))]:
        piece = recording.read_exactly(start, min(start + step, length))[0]
        if np.isinf(piece).any():
            raise WrongError("accepted infinite samples")
        if expected is not None and not _equal(piece, expected[start : start + step]):
            raise WrongError("accepted with another signal than the file's")
        inner = sorted(rng.randint(0, len(piece)) for _ in range(2))
        again = recording.read_exactly(start + inner[0], start + inner[1])[0]
        if not np.array_equal(again, piece[slice(*inner)], equal_nan=True):
            raise WrongError("a piece of a piece has other samples")


def _equal(samples: Floats, expected: Floats) -> bool:
    return np.allclose(samples, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


def plain_lead(folder: Path, lead: str) -> Floats | None:
    """Read a lead of a record whose headers are all plain: (T,) in mV."""
    lines = _master(folder / f"{NAME}.hea")
    names = [name for name, _ in lines or () if name != "~"]
    if not lines or not all((folder / f"{name}.hea").is_file() for name in names):
        return None
    segments = {name: _segment(folder, name) for name in names}
    first = segments[names[0]]
    if None in segments.values() or first is None or lead not in first.names:
        return None
    per_frame, parts = first.per_frame[first.names.index(lead)], list[Floats]()
    for name, length in lines:
        segment = segments.get(name)
        part = np.full(length * per_frame, np.nan)
        if segment is not None and length and lead in segment.names:
            part = segment.voltages[segment.names.index(lead)]
            if segment.sums[segment.names.index(lead)]:
                raise WrongError("accepted a segment with another checksum")
        parts.append(part)
    return np.concatenate(parts)


def _master(header: Path) -> list[tuple[str, int]] | None:
    """The names and lengths of the segments of a plain header."""
    first, *others = _lines(header)
    match, lines = _MASTER.fullmatch(first), [_SEGMENT_LINE.fullmatch(line) for line in others]
    known = [line for line in lines if line]
    if not match or len(known) != len(lines) or len(lines) != int(match[1]):
        return None
    segments = [(line[1], int(line[2])) for line in known]
    total = sum(length for _, length in segments)
    return segments if total == int(match[3]) and any(n != "~" for n, _ in segments) else None


def _segment(folder: Path, name: str) -> _Segment | None:
    """A plain segment in format 16, or the layout, whose leads have no samples."""
    first, *others = _lines(folder / f"{name}.hea")
    match, lines = _RECORD.fullmatch(first), [_SIGNAL.fullmatch(line) for line in others]
    known = [line for line in lines if line]
    if not match or not known or len(known) != len(lines) or len(known) != int(match[2]):
        return None
    per_frame, length = [int(line[3] or 1) for line in known], int(match[3])
    names = [line[7] for line in known]
    if {line[2] for line in known} == {"0"}:
        return _Segment(names, per_frame, [], [])
    path, width = folder / known[0][1], sum(per_frame)
    if {line[1] for line in known} != {path.name} or not path.is_file():
        return None
    content = path.read_bytes()[: 2 * length * width]
    if len(content) < 2 * length * width or not length:
        return None
    frames = np.frombuffer(content, "<i2").reshape(length, width)
    voltages, sums = list[Floats](), list[int]()
    for line, end in zip(known, np.cumsum(per_frame).tolist(), strict=True):
        stored = frames[:, end - int(line[3] or 1) : end].reshape(-1).astype(np.float64)
        sums.append((int(stored.sum()) - int(line[6])) % 65_536)
        voltage = (stored - int(line[5])) / int(line[4])
        voltages.append(np.where(stored == -32_768, np.nan, voltage))
    return _Segment(names, per_frame, voltages, sums)


def _lines(header: Path) -> list[str]:
    text = header.read_bytes().decode("latin-1")
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")] or [""]


def _other_line(content: bytes, rng: Random) -> bytes:
    """A line lost, doubled or moved."""
    lines = content.splitlines(keepends=True)
    line = lines.pop(rng.randrange(len(lines))) if lines else b""
    for _ in range(rng.choice((0, 1, 1, 2))):
        lines.insert(rng.randint(0, len(lines)), line)
    return b"".join(lines)


def _write_record(folder: Path, layout: str, per_frame: int) -> None:
    """Three segments and a gap. With a layout, the second one has only one lead."""
    storage = "16" if per_frame == 1 else f"16x{per_frame}"
    lines, length = [], 0
    for i, frames in enumerate((900, 301, 700)):
        leads = ["II"] if layout and i == 1 else ["II", "V1"]
        waves = np.sin(np.arange(frames * per_frame) / (9.0 + i)) * 150
        stored = np.stack([np.rint(waves).reshape(frames, -1) + j for j in range(len(leads))], 1)
        stored.astype("<i2").tofile(folder / f"s{i}.dat")
        signals = [
            f"s{i}.dat {storage} {GAIN}({i})/mV 16 0 0 {int(stored[:, j].sum()) % 65_536} 0 {lead}"
            for j, lead in enumerate(leads)
        ]
        header = [f"s{i} {len(leads)} {FS_HZ} {frames}", *signals]
        (folder / f"s{i}.hea").write_text("\n".join(header) + "\n")
        lines.append(f"s{i} {frames}")
        length += frames
    if layout:
        signals = [
            f"~ {storage.replace('16', '0')} {GAIN}(0)/mV 16 0 0 0 0 {lead}"
            for lead in ("II", "V1")
        ]
        header = [f"{layout} 2 {FS_HZ} 0", *signals]
        (folder / f"{layout}.hea").write_text("\n".join(header) + "\n")
        lines = [f"{layout} 0", *lines[:2], "~ 250", lines[2]]
        length += 250
    master = [f"{NAME}/{len(lines)} 2 {FS_HZ} {length}", *lines]
    (folder / f"{NAME}.hea").write_text("\n".join(master) + "\n")
    beats = np.arange(100, length, 200)
    wfdb.wrann(NAME, "atr", beats, ["N"] * len(beats), write_dir=str(folder))
