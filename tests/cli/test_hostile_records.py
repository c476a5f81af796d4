"""Hostile records at the command line: one line, status 2, and memory within the files' size."""

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cli import Outcome, command

HEADER = "r1 1 360 7200\nr1.dat 16 200(0)/mV 16 0 MLII\n"


def annotations(*pairs: tuple[int, int]) -> bytes:
    """Samples less than 1,024 apart, and codes, in the format of annot(5)."""
    samples = [0, *(sample for sample, _ in pairs)]
    distances = np.diff(samples).tolist()
    words = [code << 10 | step for (_, code), step in zip(pairs, distances, strict=True)]
    return struct.pack(f"<{len(words) + 1}H", *words, 0)


BEATS = annotations(*((sample, 1) for sample in range(180, 7200, 360)))
REMARK = struct.pack("<2H", 22 << 10, 63 << 10 | 8) + b"## hello" + annotations((180, 1), (540, 1))


def write_record(folder: Path, header: str = HEADER, beats: bytes = BEATS) -> Path:
    folder.mkdir(parents=True)
    signal = np.sin(np.arange(7200) / 9.0) * 200 + np.arange(7200) % 360
    np.round(signal).astype("<i2").tofile(folder / "r1.dat")
    (folder / "r1.hea").write_text(header)
    (folder / "r1.atr").write_bytes(beats)
    return folder


def prepare(folder: Path, root: Path, segmentation: str = "annotations") -> Outcome:
    words = ("--data.source", "wfdb", "--data.split", "all", "--data.segmentation", segmentation)
    cache = folder / "cache"
    return command(
        ("prepare", *words, "--data.root", str(root), "--data.cache_dir", str(cache)), folder
    )


def first(line: str) -> str:
    return HEADER.replace("r1 1 360 7200", line)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (first("r1 1 -360 7200"), "a sampling rate in line 1 from 0.001 to 1,000,000 Hz, found"),
        (first("r1 1 1000000000000 7200"), "a sampling rate in line 1 from 0.001 to 1,000,000 Hz"),
        (first("r1 1 0.01 7200"), "an ECG at 20 to 100,000 Hz, found 0.01 Hz; repair the header"),
        (first(f"r1 {'9' * 5000} 360 7200"), "a number of signals in line 1 from 0 to 10,000,"),
        (first("r1 1 360 999999999999"), "999,999,999,999 samples per channel in format 16, found"),
        (first("r1 1 360 7200e3"), "a number of samples in line 1 from 0 to 1,099,511,627,776,"),
        (HEADER.replace("200(0)", "nan(0)"), "a gain, (baseline) and /unit in line 2, found"),
        (HEADER.replace("200(0)", "1e400(0)"), "a gain from 1e-9 to 1e12 in line 2, found '1e400'"),
        (HEADER.replace("r1.dat", "/proc/kmsg"), "a file in the folder of the header in line 2"),
        (HEADER.replace("16 200", "99 200"), "a signal in one of the formats 8, 16, 24, 32, 61, "),
        (
            "r1/1 1 360 7200\nr1 7200\n",
            "other records as segments, found the record itself; repair",
        ),
        ("x" * 5_000_000, "the header of record r1 of at most 4,194,304 bytes, found 5,000,000"),
    ],
)
def test_a_header_that_claims_something_impossible(
    tmp_path: Path, header: str, expected: str
) -> None:
    outcome = prepare(tmp_path, write_record(tmp_path / "records", header))
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith(f"ecg-lightning: {tmp_path / 'records' / 'r1.'}")
    assert f": expected {expected}" in outcome.err
    assert len(outcome.err) < 400 + len(str(tmp_path))
    assert not list(tmp_path.glob("cache/beats-*"))


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
@pytest.mark.parametrize(("replace", "word"), [(fifo, "a pipe"), (endless, "a device")])
def test_what_is_no_regular_file_is_not_opened(
    tmp_path: Path, ending: str, replace: Callable[[Path], None], word: str
) -> None:
    root = write_record(tmp_path / "records")
    replace(root / f"r1.{ending}")
    outcome = prepare(tmp_path, root)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert f"r1.{ending}: expected the " in outcome.err
    assert outcome.err.endswith(f", found {word}; put a regular file in its place\n")


def test_a_remark_that_begins_like_a_definition_is_read(tmp_path: Path) -> None:
    outcome = prepare(tmp_path, write_record(tmp_path / "records", beats=REMARK))
    assert (outcome.status, outcome.out.split(":")[0]) == (0, "2 beats")


def test_far_more_beats_than_a_record_has_seconds(tmp_path: Path) -> None:
    root = write_record(tmp_path / "records", beats=annotations(*[(180, 1)] * 100_000))
    tracemalloc.start()
    try:
        outcome = prepare(tmp_path, root, "windows")
        assert tracemalloc.get_traced_memory()[1] < 1 << 27
    finally:
        tracemalloc.stop()
    assert outcome.status == 2
    assert "found more than 1,000 of them, 50 a second; fetch the file again" in outcome.err


@pytest.mark.parametrize("name", ["a::b", "s3:", "~", "é"])
def test_a_folder_with_a_name_like_an_address(tmp_path: Path, name: str) -> None:
    root = write_record(tmp_path / name / "records")
    outcome = prepare(tmp_path, root)
    assert (outcome.status, outcome.out.split(":")[0]) == (0, "20 beats")


def test_a_record_whose_name_is_not_utf_8_is_shown_escaped(tmp_path: Path) -> None:
    root = os.fsencode(write_record(tmp_path / "records"))
    for ending in (b"hea", b"dat", b"atr"):
        os.rename(root + b"/r1." + ending, root + b"/\xff." + ending)
    outcome = prepare(tmp_path, tmp_path / "records")
    assert outcome.status == 2
    assert outcome.err.isascii()
    assert r"expected the name of a record in UTF-8, found \udcff; rename its files" in outcome.err
