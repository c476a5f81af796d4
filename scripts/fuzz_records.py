"""Damaged WFDB records for fuzz.py, and an own reading of plain ones to compare with."""

import contextlib
import io
import os
import re
import shutil
import socket
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import wfdb
from fuzz_bytes import damaged_bytes, damaged_text, other_number
from fuzz_target import WrongError, line_problem

from ecg_lightning.cli.main import main
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Record, Recording
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.records.wfdb.reader import read_record

Floats = npt.NDArray[np.float64]
NAME = "r"
# Format, sampling rate in Hz and unit of each valid record; its leads are MLII and V1.
KINDS = (
    *(("212", 360, "mV"), ("16", 360, "mV"), ("16", 250, "uV"), ("80", 128, "mV")),
    *(("24", 360, "mV"), ("32", 500, "mV"), ("212", 360, "mmHg"), ("16", 1000, "V")),
)
_PER_MILLIVOLT = {"uV": 1000.0, "V": 0.001}
_LARGEST = {"80": 127, "212": 2047, "16": 32767, "24": 8388607, "32": 2147483647}
_INVALID = {"16": -32768, "212": -2048}  # signal(5): "this sample is not valid"
_NUMBER = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_FIRST = re.compile(rf"(\S+)[ \t]+(\d+)[ \t]+({_NUMBER})[ \t]+(\d+)")
_SIGNAL = re.compile(
    rf"(\S+)[ \t]+(16|212)[ \t]+({_NUMBER})\((-?\d+)\)/(\S+)[ \t]+(\d+)[ \t]+(-?\d+)"
    r"[ \t]+(-?\d+)[ \t]+(-?\d+)[ \t]+0(?:[ \t]+([^\t\n]+))?"
)
VERBS = ("annotations", "peaks", "windows")  # segmentations


class Plain(NamedTuple):
    """What a plain header says: the rate, the channels' numbers and the samples (T, C)."""

    fs_hz: float
    gains: list[float]
    baselines: list[int]
    units: list[str]
    checksums: list[int]
    digital: npt.NDArray[np.int64]


class Records:
    """Records with a damaged header, signal or file; the annotations are valid."""

    def prepare(self, folder: Path) -> None:
        """Write one record of each of `KINDS`."""
        self.folder = folder
        write_synthetic(folder / "made", patients=1, minutes=0.2)
        made = wfdb.rdrecord(str(folder / "made" / "s01"))
        for i, (fmt, fs_hz, unit) in enumerate(KINDS):
            place = folder / f"{i}"
            place.mkdir()
            gain = min(200.0, 0.4 * _LARGEST[fmt] / float(abs(made.p_signal).max()))
            gain *= 1 / _PER_MILLIVOLT.get(unit, 1)
            digital = np.rint(made.p_signal * gain * _PER_MILLIVOLT.get(unit, 1)).astype(np.int64)
            wfdb.wrsamp(
                *(NAME, fs_hz, [unit, unit], ["MLII", "V1"]),
                d_signal=digital,
                fmt=[fmt] * 2,
                adc_gain=[gain] * 2,
                baseline=[0, 0],
                comments=["64 M", "a comment"],
                write_dir=str(place),
            )
            shutil.copy(folder / "made" / "s01.atr", place / f"{NAME}.atr")

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Copy a valid record and damage it; one in 30 stays valid."""
        kind = rng.randrange(len(KINDS))
        for path in (self.folder / f"{kind}").iterdir():
            shutil.copyfile(path, folder / path.name)
        header, signal = folder / f"{NAME}.hea", folder / f"{NAME}.dat"
        choice = rng.randrange(30) if damage else 29
        if choice < 13:
            header.write_bytes(damaged_text(header.read_bytes(), rng))
        elif choice < 19:
            header.write_bytes(_other_numbers(header.read_bytes(), rng))
        elif choice < 25:
            signal.write_bytes(damaged_bytes(signal.read_bytes(), rng))
        elif choice < 27:
            _equal_samples(header, signal, rng)
        elif choice < 29:
            no_file(rng.choice((header, signal, folder / f"{NAME}.atr")), rng)

    def past_header(self, folder: Path) -> bool:
        """Whether the header is one by the grammar of header(5), and names its channels."""
        header = folder / f"{NAME}.hea"
        if not header.is_file():
            return False
        lines = _lines(header)
        first = _FIRST.match(lines[0]) if lines else None
        return first is not None and len(lines) == int(first[2][:9]) + 1

    def check(self, folder: Path, rng: Random) -> None:
        """Read the record; then prepare its folder as the command line does."""
        segmentation, lead = rng.choice(VERBS), rng.choice((0, 0, 0, "MLII", 1))
        prepared = rng.random() < 0.25 and prepare(folder, segmentation) >= 0
        record = read_record(folder, NAME, lead)
        check_record(record)
        _check_against(record, plain_record(folder), 1 if lead == 1 else 0)
        _check_pieces(record, read_recording(folder / NAME, lead), rng)
        valid = bool(np.isfinite(record.signal).any())
        if not prepared or not valid:
            status = prepare(folder, segmentation)
            if lead == 0 and not valid and status == 0:
                raise WrongError("prepared beats of a record without a valid sample")


def prepare(folder: Path, segmentation: str) -> int:
    """Run `ecg-lightning prepare` on a folder of records, and return its status.

    Raises:
        WrongError: It ends in another way than with beats, or one line and status 2.
    """
    cache = folder.parent / "beats"
    shutil.rmtree(cache, ignore_errors=True)
    words = ["prepare", "--data.source", "wfdb", "--data.root", str(folder), "--data.split", "all"]
    words += ["--data.segmentation", segmentation, "--data.cache_dir", str(cache)]
    return whole_command(words)


def whole_command(words: list[str], allowed: tuple[int, ...] = (0, 1, 2)) -> int:
    """Run a command in this process, and return its status.

    Raises:
        WrongError: Its status is not allowed, or its error is not one printable line.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    for folder in ("runs", "resumed"):
        shutil.rmtree(folder, ignore_errors=True)
    text, command = err.getvalue(), words[0]
    if status not in allowed:
        raise WrongError(f"{command} ends with status {status}: {text[:500]}")
    lines = text.splitlines()
    if status == 2 and (len(lines) != 1 or not text.startswith("ecg-lightning: ")):
        raise WrongError(f"{command} ends with status 2 and {len(lines)} lines: {text[:1000]!r}")
    for line in [*lines, *out.getvalue().splitlines()]:
        if problem := line_problem(line):
            raise WrongError(f"{command} prints {problem}: {line[:300]!r}")
    return int(status)


def check_record(record: Record) -> None:
    """Refuse numbers that cannot be right in any record.

    Raises:
        WrongError: A number is.
    """
    signal, samples = record.signal, record.annotation_samples
    if not 0 < record.fs_hz < 1e9:
        raise WrongError(f"accepted a sampling rate of {record.fs_hz}")
    if signal.ndim != 1 or np.isinf(signal).any():
        raise WrongError("accepted a signal with infinite samples")
    if abs(signal[np.isfinite(signal)]).max(initial=0) > 1e9:
        raise WrongError("accepted a signal of more than 1e9 mV")
    if len(samples) != len(record.annotation_symbols) or (np.diff(samples) < 0).any():
        raise WrongError("annotations are not in order")
    if len(samples) and not 0 <= samples[0] <= samples[-1] < len(signal):
        raise WrongError("an annotation lies outside the signal")


def plain_record(folder: Path) -> Plain | None:
    """Read a record whose header is plain and whose signal has the format 16 or 212."""
    header = folder / f"{NAME}.hea"
    lines = _lines(header)
    first = _FIRST.fullmatch(lines[0].strip()) if lines else None
    channels = [_SIGNAL.fullmatch(line.strip()) for line in lines[1:]]
    if not first or len(channels) != int(first[2]) or not channels:
        return None
    known = [channel for channel in channels if channel]
    formats = {(channel[1], channel[2]) for channel in known}
    if len(known) != len(channels) or len(formats) != 1:
        return None
    file, fmt = formats.pop()
    if not (folder / file).is_file() or len(first[4]) > 9:
        return None
    digital = _samples(np.fromfile(folder / file, np.uint8), fmt)
    wanted = int(first[4]) * len(channels)
    if wanted == 0 or len(digital) < wanted:
        return None
    return Plain(
        float(first[3]),
        [float(channel[3]) for channel in known],
        [int(channel[4]) for channel in known],
        [channel[5] for channel in known],
        [int(channel[9]) for channel in known],
        digital[:wanted].reshape(-1, len(channels)),
    )


def _check_against(record: Record, plain: Plain | None, channel: int) -> None:
    """Compare an accepted record with the own reading of it."""
    if plain is None:
        return
    if record.fs_hz != plain.fs_hz:
        raise WrongError(f"the rate is {record.fs_hz}, the header says {plain.fs_hz}")
    gain, digital = plain.gains[channel] or 200.0, plain.digital[:, channel]  # header(5): 0
    if (int(digital.sum()) - plain.checksums[channel]) % 65536:
        raise WrongError("accepted a signal with another checksum")
    if not 0 < gain < np.inf:
        raise WrongError(f"accepted the gain {gain}")
    unit = plain.units[channel]
    expected = (digital - plain.baselines[channel]) / gain / _PER_MILLIVOLT.get(unit, 1.0)
    invalid = [value for value in _INVALID.values() if value == digital.min()]
    expected = np.where(np.isin(digital, invalid), np.nan, expected)
    if len(record.signal) != len(expected):
        raise WrongError(f"{len(record.signal)} samples, the header says {len(expected)}")
    read = np.where(np.isnan(expected), np.nan, record.signal)
    if not np.allclose(read, expected, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise WrongError("accepted with another signal than the file's")


def _check_pieces(record: Record, recording: Recording, rng: Random) -> None:
    """Compare pieces of an accepted record with the whole of it."""
    for _ in range(3):
        start, stop = sorted(rng.randint(0, len(record.signal)) for _ in range(2))
        piece = recording.read_exactly(start, stop)[0]
        if not np.array_equal(piece, record.signal[start:stop], equal_nan=True):
            raise WrongError("a piece has other samples than the whole")


def _samples(content: npt.NDArray[np.uint8], fmt: str) -> npt.NDArray[np.int64]:
    """All samples of a file of format 16 or 212, by signal(5)."""
    if fmt == "16":
        return content[: len(content) // 2 * 2].view("<i2").astype(np.int64)
    triples = content[: len(content) // 3 * 3].reshape(-1, 3).astype(np.int64)
    low = triples[:, 0] | (triples[:, 1] & 0x0F) << 8
    high = triples[:, 2] | (triples[:, 1] & 0xF0) << 4
    pairs = np.stack([low, high], axis=1).reshape(-1)
    return np.where(pairs > 2047, pairs - 4096, pairs)


def _lines(header: Path) -> list[str]:
    """The lines of a header that are no comments."""
    text = header.read_bytes().decode("ascii", errors="replace")
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]


def _other_numbers(content: bytes, rng: Random) -> bytes:
    """One or two numbers of the first lines replaced; the comments stay."""
    lines = content.splitlines(keepends=True)
    for _ in range(rng.randint(1, 2)):
        i = rng.choice((0, 0, 1, 2))
        lines[i] = other_number(lines[i], rng)
    return b"".join(lines)


def _equal_samples(header: Path, signal: Path, rng: Random) -> None:
    """Give all samples one value, with a header of any checksum."""
    value = rng.choice((b"\0", b"\x80", b"\x00\x80", b"\xff", b"\xff\x7f", b"\x00\x88\x00"))
    size = signal.stat().st_size
    signal.write_bytes((value * size)[:size])
    lines = header.read_text().splitlines()
    without = [" ".join(line.split()[:3]) for line in lines[1:3]]
    header.write_text("\n".join([lines[0], *without]) + "\n")


def no_file(path: Path, rng: Random) -> None:
    """Put something else where a file should be, or nothing."""
    path.unlink()
    kind = rng.choice(("missing", "pipe", "folder", "loop", "socket", "empty"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "socket":
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    elif kind == "empty":
        path.touch()
