"""WFDB headers: every field is read whole or refused by its name, and equals wfdb's reading."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.header import Header, read_header
from ecg_lightning.records.wfdb.reader import read_record

RECORD, SIGNAL = "r1 1 360 7200", "r1.dat 16 200(0)/mV 16 0 0 0 0 MLII"


def header_of(folder: Path, text: str | bytes) -> Header:
    path = folder / "r1.hea"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_header(path)


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        header_of(folder, text)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400 + len(str(folder))
    assert message.endswith("; repair the header")
    return message.removeprefix(f"{folder}/r1.hea: ").removesuffix("; repair the header")


RATE = "expected a sampling rate in line 1 from 0.001 to 1,000,000 Hz, found"
SAMPLES = "expected a number of samples in line 1 from 0 to 1,099,511,627,776, found"
SIGNALS = "expected a number of signals in line 1 from 0 to 10,000, found"
BEGIN = "expected a WFDB header that begins with a name and a number of signals, found"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("r1 1 -360 7200", f"{RATE} '-360'"),
        ("r1 1 0 7200", f"{RATE} '0'"),
        ("r1 1 nan 7200", f"{RATE} 'nan'"),
        ("r1 1 inf 7200", f"{RATE} 'inf'"),
        ("r1 1 1e12 7200", f"{RATE} '1e12'"),
        ("r1 1 1e-400 7200", f"{RATE} '1e-400'"),
        ("r1 1 360Hz 7200", f"{RATE} '360Hz'"),
        ("r1 1 3,6 7200", f"{RATE} '3,6'"),
        ("r1 1 360/ 7200", f"{RATE} '360/'"),
        ("r1 1 1000000000000 7200", f"{RATE} '1000000000000'"),
        ("r1 1 ٣٦٠ 7200", f"{RATE} '٣٦٠'"),
        ("r1 1 360 -7200", f"{SAMPLES} '-7200'"),
        ("r1 1 360 7e3", f"{SAMPLES} '7e3'"),
        ("r1 1 360 7200.5", f"{SAMPLES} '7200.5'"),
        ("r1 1 360 12:00:00", f"{SAMPLES} '12:00:00'"),
        (f"r1 1 360 {'9' * 5000}", f"{SAMPLES} '{'9' * 18}...{'9' * 18}'"),
        (f"r1 {'9' * 5000} 360 7200", f"{SIGNALS} '{'9' * 18}...{'9' * 18}'"),
        ("r1 1e0 360 7200", f"{SIGNALS} '1e0'"),
        ("r1 -1 360 7200", f"{BEGIN} 'r1 -1 360 7200'"),
        ("r1", f"{BEGIN} 'r1'"),
        ("r1\x1b[31m x", rf"{BEGIN} 'r1\x1b[31m x'"),
        (
            "r1/0 1 360 7200",
            "expected a number of segments in line 1 from 1 to 1,000,000, found '0'",
        ),
        (
            "r1/x 1 360 7200",
            "expected a number of segments in line 1 from 1 to 1,000,000, found 'x'",
        ),
        ("r1 2 360 7200", "expected 2 signal lines, found 1"),
        ("r1 0 360 7200", "expected one or more signal lines, found 1"),
    ],
)
def test_a_wrong_record_line(tmp_path: Path, record: str, message: str) -> None:
    assert refused(tmp_path, f"{record}\n{SIGNAL}\n") == message


INT32 = "from -2,147,483,648 to 2,147,483,647, found"


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ("r1.dat 16 nan(0)/mV", "a gain, (baseline) and /unit in line 2, found 'nan(0)/mV'"),
        ("r1.dat 16 inf/mV", "a gain, (baseline) and /unit in line 2, found 'inf/mV'"),
        ("r1.dat 16 200(1/mV", "a gain, (baseline) and /unit in line 2, found '200(1/mV'"),
        ("r1.dat 16 200(0.5)/mV", "a gain, (baseline) and /unit in line 2, found '200(0.5)/mV'"),
        ("r1.dat 16 MLII", "a gain, (baseline) and /unit in line 2, found 'MLII'"),
        ("r1.dat 16 -200/mV", "a gain from 1e-9 to 1e12 in line 2, found '-200'"),
        ("r1.dat 16 1e300/mV", "a gain from 1e-9 to 1e12 in line 2, found '1e300'"),
        ("r1.dat 16 1e999/mV", "a gain from 1e-9 to 1e12 in line 2, found '1e999'"),
        ("r1.dat 16 1e-300/mV", "a gain from 1e-9 to 1e12 in line 2, found '1e-300'"),
        ("r1.dat 16 1e-400/mV", "a gain from 1e-9 to 1e12 in line 2, found '1e-400'"),
        ("r1.dat 16 200(99999999999)/mV", f"a baseline in line 2 {INT32} '99999999999'"),
        ("r1.dat 16 200/mV 99", "an ADC resolution in line 2 from 0 to 64, found '99'"),
        ("r1.dat 16 200/mV 16 1e3", f"an ADC zero in line 2 {INT32} '1e3'"),
        ("r1.dat 16 200/mV 16 nan", f"an ADC zero in line 2 {INT32} 'nan'"),
        ("r1.dat 16 200/mV 16 0 2147483648", f"an initial value in line 2 {INT32} '2147483648'"),
        (
            f"r1.dat 16 200/mV 16 0 0 {'9' * 500}",
            f"a checksum in line 2 from -65,535 to 65,535, found '{'9' * 18}...{'9' * 18}'",
        ),
        (
            "r1.dat 16 200/mV 16 0 0 0 -1",
            "a block size in line 2 from 0 to 2,147,483,647, found '-1'",
        ),
        ("r1.dat", "a file name and a storage format in line 2, found 'r1.dat'"),
        ("r1.dat x", "a file name and a storage format in line 2, found 'x'"),
        ("r1.dat 16x", "a file name and a storage format in line 2, found '16x'"),
        ("r1.dat 16:-3", "a file name and a storage format in line 2, found '16:-3'"),
        ("r1.dat 16+1e3", "a file name and a storage format in line 2, found '16+1e3'"),
        ("r1.dat 16x0", "samples for each frame in line 2 from 1 to 100,000, found '0'"),
        ("r1.dat 16:9999999999", "a skew in line 2 from 0 to 2,147,483,647, found '9999999999'"),
        ("/etc/passwd 16", "a file in the folder of the header in line 2, found '/etc/passwd'"),
        ("../r1.dat 16", "a file in the folder of the header in line 2, found '../r1.dat'"),
        (".. 16", "a file in the folder of the header in line 2, found '..'"),
        ("s3://b/r1.dat 16", "a file in the folder of the header in line 2, found 's3://b/r1.dat'"),
        ("r1\0.dat 16", r"a file in the folder of the header in line 2, found 'r1\x00.dat'"),
    ],
)
def test_a_wrong_signal_line(tmp_path: Path, signal: str, message: str) -> None:
    assert refused(tmp_path, f"{RECORD}\n{signal}\n") == f"expected {message}"


def test_what_header_5_leaves_open(tmp_path: Path) -> None:
    header = header_of(tmp_path, "r1 1\nr1.dat 212\n")
    assert (header.fs_hz, header.n_frames, header.n_segments) == (250.0, None, None)
    line = header.signals[0]
    assert (line.gain, line.baseline, line.unit, line.checksum) == (200.0, 0, "mV", None)
    assert (line.samples_per_frame, line.skew, line.offset, line.name) == (1, 0, 0, "")
    assert header.leads == ["channel 0"]


@pytest.mark.parametrize("gain", ["0", "0/mV", "0.0", "-0", "0e5"])
def test_gain_0_means_200(tmp_path: Path, gain: str) -> None:
    line = header_of(tmp_path, f"{RECORD}\nr1.dat 16 {gain}\n").signals[0]
    assert (line.gain, line.calibrated) == (200.0, False)


def test_every_field(tmp_path: Path) -> None:
    text = "r1 1 3.6e2/720(-3.5) 7200 12:00:00 01/02/1990\n"
    text += (
        "r1.dat 212x4:3+24 1.052e+04(-7)/uV/s 12 1024 995 -22131 0 a lead  of mine \n#<age>: 3\n"
    )
    header = header_of(tmp_path, text)
    assert (header.name, header.fs_hz, header.n_frames) == ("r1", 360.0, 7200)
    assert header.comments == ("<age>: 3",)
    line = header.signals[0]
    assert (line.format, line.samples_per_frame, line.skew, line.offset) == (212, 4, 3, 24)
    assert (line.gain, line.baseline, line.unit) == (10520.0, -7, "uV/s")
    assert (line.initial_value, line.checksum, line.name) == (995, -22131, "a lead  of mine")


def test_the_baseline_is_the_adc_zero_where_it_is_missing(tmp_path: Path) -> None:
    assert header_of(tmp_path, f"{RECORD}\nr1.dat 16 200 11 1024\n").signals[0].baseline == 1024


def test_a_name_may_follow_any_number(tmp_path: Path) -> None:
    line = header_of(tmp_path, f"{RECORD}\nr1.dat 16 200(0)/mV 16 lead II\n").signals[0]
    assert (line.name, line.checksum) == ("lead II", None)


def test_texts_in_utf_8_and_in_latin_1(tmp_path: Path) -> None:
    text = f"\N{ZERO WIDTH NO-BREAK SPACE}{RECORD}\né1.dat 16 200/µV 16 0 0 0 0 Größe\n# naïve\n"
    line = header_of(tmp_path, text).signals[0]
    assert (line.file, line.unit, line.name) == ("é1.dat", "µV", "Größe")
    header = header_of(tmp_path, text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").encode("latin-1"))
    line = header.signals[0]
    assert (os.fsencode(line.file), line.unit, line.name) == (b"\xe91.dat", "µV", "Größe")
    assert header.comments == ("naïve",)


def test_line_ends_of_other_systems_and_a_lead_with_a_control_character(tmp_path: Path) -> None:
    text = f"{RECORD}\r\n{SIGNAL}\r\n# one\x0btwo\r".replace("MLII", "ML\x1cII")
    header = header_of(tmp_path, text)
    assert header.leads == [r"ML\x1cII"]
    assert header.comments == (r"one\x0btwo",)


def test_a_long_line_is_not_echoed(tmp_path: Path) -> None:
    assert refused(tmp_path, "x" * 4_000_000) == f"{BEGIN} '{'x' * 18}...{'x' * 18}'"


def test_a_header_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "r1.hea").open("wb") as file:
        file.truncate(1 << 33)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="header of record r1 of at most 4,194,304 bytes"):
            read_header(tmp_path / "r1.hea")
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_regular_file_is_no_header(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r1.hea"
    makers: dict[str, Callable[[Path], Any]] = {
        "fifo": os.mkfifo,
        "folder": Path.mkdir,
        "device": lambda path: path.symlink_to("/dev/zero"),
    }
    makers[kind](path)
    word = {"fifo": "a pipe", "folder": "a folder", "device": "a device"}[kind]
    with pytest.raises(InputError, match=f"expected the header of record r1, found {word};"):
        read_record(tmp_path, "r1")


NUMBERS = st.integers(-65_535, 65_535)
SIGNAL_LINES = st.tuples(
    *(st.sampled_from(["16", "212", "16x4", "80:3", "16+24", "212x2:1+7"]),),
    *(st.sampled_from(["200", "1.5e3", "7", ".25", "200.", "0"]),),
    *(st.sampled_from(["", "(0)", "(-1024)"]), st.sampled_from(["", "/mV", "/mmHg", "/%"])),
    *(st.lists(NUMBERS, max_size=3), st.sampled_from(["", "MLII", "ECG 1", "lead-x"])),
)


@given(
    st.sampled_from(["360", "360.5", "128/256", "250/25.0(-3)"]),
    st.lists(SIGNAL_LINES, min_size=1, max_size=3),
)
def test_equals_wfdb(tmp_path_factory: pytest.TempPathFactory, fs: str, lines: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("header")
    text = f"r1 {len(lines)} {fs} 400\n"
    for form, gain, baseline, unit, numbers, name in lines:
        words = ["16", *map(str, numbers)] if numbers else []
        text += " ".join(["r1.dat", form, f"{gain}{baseline}{unit}", *words, name]).strip() + "\n"
    ours, theirs = header_of(folder, text), wfdb.rdheader(str(folder / "r1"))
    assert (ours.fs_hz, ours.n_frames) == (theirs.fs, theirs.sig_len)
    for i, line in enumerate(ours.signals):
        assert (line.file, str(line.format)) == (theirs.file_name[i], theirs.fmt[i])
        assert line.samples_per_frame == theirs.samps_per_frame[i]
        assert (line.skew, line.offset) == (theirs.skew[i] or 0, theirs.byte_offset[i] or 0)
        assert (line.gain, line.baseline) == (theirs.adc_gain[i], theirs.baseline[i])
        assert (line.unit, line.checksum) == (theirs.units[i], theirs.checksum[i])
        assert line.initial_value == (theirs.init_value[i] or 0)
        assert line.name == (theirs.sig_name[i] or "")
