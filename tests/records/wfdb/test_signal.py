"""WFDB signals: equal to wfdb's in every format, and bounded by the size of the file."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.header import read_header
from ecg_lightning.records.wfdb.samples import WfdbSamples
from tests.helpers.records import make_no_file

BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5}
BYTES |= {"310": 4 / 3, "311": 4 / 3}
FLAC = {"508": ("PCM_S8", 8), "516": ("PCM_16", 0), "524": ("PCM_24", 8)}


def signal_of(folder: Path, channel: int = 0) -> np.ndarray:
    header = read_header(folder / "r1.hea")
    samples = WfdbSamples(header, channel)
    length = samples.n_frames * header.signals[channel].samples_per_frame
    return samples.read(0, length, [channel])[0]


def refused(folder: Path, channel: int = 0) -> str:
    with pytest.raises(InputError) as caught:
        signal_of(folder, channel)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{folder}/")


def write_header(folder: Path, record: str, *signals: str) -> None:
    (folder / "r1.hea").write_text("\n".join([record, *signals]) + "\n")


@pytest.mark.parametrize("fmt", BYTES)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_equals_wfdb(tmp_path: Path, fmt: str, channels: int) -> None:
    for length in (1, 2, 3, 4, 5, 998, 999, 1000):
        # Few bytes that differ give many marks of invalid samples.
        random = np.random.default_rng(length)
        size = -(-int(BYTES[fmt] * length * channels * 3 + 6) // 3)
        content = random.choice(np.array([0, 1, 2, 7, 8, 127, 128, 255], np.uint8), size)
        if fmt == "311":
            content[3::4] &= 63  # signal(5) has no use for two of 32 bits; wfdb adds one of them
        content.tofile(tmp_path / "r1.dat")
        line = f"r1.dat {fmt} 200(3)/mV 12 0 -5"
        write_header(tmp_path, f"r1 {channels} 360 {length}", *[line] * channels)
        expected = wfdb.rdrecord(str(tmp_path / "r1")).p_signal
        for channel in range(channels):
            np.testing.assert_array_equal(signal_of(tmp_path, channel), expected[:, channel])
    assert np.isnan(expected).any() or fmt in ("8", "32")


@pytest.mark.parametrize("fmt", FLAC)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_flac_equals_wfdb(tmp_path: Path, fmt: str, channels: int) -> None:
    subtype, shift = FLAC[fmt]
    bits = {"508": 8, "516": 16, "524": 24}[fmt]
    low, high = -(1 << bits - 1), 1 << bits - 1
    samples = np.random.default_rng(0).integers(low, high, (999, channels))
    samples[0] = low  # the mark of an invalid sample
    stored = (samples << shift).astype(np.int32 if fmt == "524" else np.int16)
    soundfile.write(tmp_path / "r1.dat", stored, 360, subtype, format="FLAC")
    for offset, length in ((0, 999), (17, 500)):
        line = f"r1.dat {fmt}+{offset} 200(3)/mV"
        write_header(tmp_path, f"r1 {channels} 360 {length}", *[line] * channels)
        expected = wfdb.rdrecord(str(tmp_path / "r1")).p_signal
        for channel in range(channels):
            np.testing.assert_array_equal(signal_of(tmp_path, channel), expected[:, channel])
        assert np.isnan(expected[0]).all() == (offset == 0)


def test_a_long_record_is_read_in_pieces(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-2047, 2048, (1_000_001, 3)).astype("<i2")
    raw = np.zeros((samples.size + 1) // 2 * 2, np.int64)
    raw[: samples.size] = samples.reshape(-1) & 4095
    low, high = raw.reshape(-1, 2).T
    packed = np.stack([low & 255, low >> 8 | high >> 8 << 4, high & 255], axis=1)
    packed.astype(np.uint8).tofile(tmp_path / "r1.dat")
    line = "r1.dat 212 1(0)/mV"
    write_header(tmp_path, "r1 3 360 1000001", line, line, line)
    for channel in range(3):
        np.testing.assert_array_equal(signal_of(tmp_path, channel), samples[:, channel])


@pytest.mark.parametrize("skew", [1, 99, 100, 2_000_000_000])
def test_skew_moves_the_signal_and_leaves_invalid_samples(tmp_path: Path, skew: int) -> None:
    np.arange(100, dtype="<i2").tofile(tmp_path / "r1.dat")
    write_header(tmp_path, "r1 1 360 100", f"r1.dat 16:{skew} 1(0)/mV")
    signal = signal_of(tmp_path)
    kept = max(100 - skew, 0)
    np.testing.assert_array_equal(signal[:kept], np.arange(100)[skew:])
    assert len(signal) == 100
    assert np.isnan(signal[kept:]).all()


def test_byte_offset_initial_value_and_signals_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"head" + np.arange(10, dtype="<i2").tobytes())
    (tmp_path / "b.dat").write_bytes(np.full(5, -2, np.int8).tobytes())
    write_header(
        tmp_path, "r1 3 360 5", "a.dat 16+4 1(0)/mV", "a.dat 16 1(0)/mV", "b.dat 8 1(0) 8 0 70"
    )
    assert signal_of(tmp_path, 0).tolist() == [0, 2, 4, 6, 8]
    assert signal_of(tmp_path, 1).tolist() == [1, 3, 5, 7, 9]
    assert signal_of(tmp_path, 2).tolist() == [68, 66, 64, 62, 60]


def test_the_length_of_the_file_where_the_header_leaves_it_open(tmp_path: Path) -> None:
    np.arange(11, dtype="<i2").tofile(tmp_path / "r1.dat")
    for record in ("r1 2 360", "r1 2 360 0"):
        write_header(tmp_path, record, "r1.dat 16 1", "r1.dat 16 1")
        assert signal_of(tmp_path, 1).tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("fmt", [*BYTES, *FLAC])
@pytest.mark.parametrize("claimed", [101, 1_000_000_000_000])
def test_a_header_that_claims_more_than_the_file_holds(
    tmp_path: Path, fmt: str, claimed: int
) -> None:
    if fmt in FLAC:
        flac(tmp_path / "r1.dat", np.zeros(100), FLAC[fmt][0])
    else:
        (tmp_path / "r1.dat").write_bytes(bytes(int(100 * BYTES[fmt])))
    write_header(tmp_path, f"r1 1 360 {claimed}", f"r1.dat {fmt} 1")
    tracemalloc.start()
    try:
        message = refused(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert f"r1.dat: expected {claimed:,} samples per channel in format {fmt}, found " in message
    assert message.endswith("; fetch the record again")


def test_many_signals_in_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(1000))
    lines = ["r1.dat 16 1", *["r1.dat 16x100000 1"] * 9_999]
    write_header(tmp_path, "r1 10000 360 1000", *lines)
    assert "found 1000 bytes that do not hold them" in refused(tmp_path)


def test_an_offset_behind_the_file(tmp_path: Path) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(1000))
    write_header(tmp_path, "r1 1 360", "r1.dat 16+1000000 1")
    assert "expected samples in format 16, found 1000 bytes that do not" in refused(tmp_path)


def flac(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> None:
    soundfile.write(path, samples.astype(np.int16), 360, subtype, format="FLAC")


def test_a_flac_file_that_unpacks_to_far_too_much(tmp_path: Path) -> None:
    flac(tmp_path / "r1.dat", np.zeros((9_000_000, 8)))
    size = (tmp_path / "r1.dat").stat().st_size
    assert size < 1 << 18
    write_header(tmp_path, "r1 8 360 9000000", *["r1.dat 516 1"] * 8)
    assert f"found 9,000,000 samples in {size:,} bytes" in refused(tmp_path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("r1.dat 508 1", "FLAC with PCM_16"),
        ("r1.dat 516+1 1", "100 samples in"),
    ],
)
def test_a_flac_file_that_is_not_the_headers(tmp_path: Path, line: str, found: str) -> None:
    flac(tmp_path / "r1.dat", np.arange(100))
    write_header(tmp_path, "r1 1 360 100", line)
    assert f", found {found}" in refused(tmp_path)


def test_a_flac_file_with_other_channels_or_none_at_all(tmp_path: Path) -> None:
    flac(tmp_path / "r1.dat", np.zeros((100, 2)))
    write_header(tmp_path, "r1 1 360 100", "r1.dat 516 1")
    assert "found 2 channels" in refused(tmp_path)
    (tmp_path / "r1.dat").write_bytes(b"fLaC" + bytes(200))
    assert "in format 516, found " in refused(tmp_path)
    soundfile.write(tmp_path / "r1.dat", np.zeros(100, np.int16), 360, format="WAV")
    assert "found WAV with PCM_16" in refused(tmp_path)


def test_a_flac_file_that_is_cut_short(tmp_path: Path) -> None:
    flac(tmp_path / "r1.dat", np.random.default_rng(0).integers(-9999, 9999, 20_000))
    path = tmp_path / "r1.dat"
    path.write_bytes(path.read_bytes()[:20_000])
    write_header(tmp_path, "r1 1 360 20000", "r1.dat 516 1")
    assert refused(tmp_path).endswith("; fetch the record again")


@pytest.mark.parametrize("fmt", ["0", "99", "17"])
def test_an_unknown_format(tmp_path: Path, fmt: str) -> None:
    (tmp_path / "r1.dat").write_bytes(bytes(100))
    write_header(tmp_path, "r1 1 360 10", f"r1.dat {fmt} 1")
    assert refused(tmp_path) == (
        "r1.hea: expected a signal in one of the formats 8, 16, 24, 32, 61, 80, 160, 212, 310, "
        f"311, 508, 516, 524, found format {fmt}; "
        "repair the header, or convert the record to format 16"
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["a.dat 16 1", "b.dat 16 1", "a.dat 16 1"],
        ["a.dat 16 1", "a.dat 212 1", "b.dat 16 1"],
        ["a.dat 16 1", "a.dat 16+2 1", "b.dat 16 1"],
    ],
)
def test_signals_that_cannot_share_a_file(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(100))
    write_header(tmp_path, "r1 3 360 10", *lines)
    assert "expected neighbours of one format and byte offset that share a.dat" in refused(tmp_path)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_what_is_no_regular_file_is_no_signal(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r1.dat"
    make_no_file(path, kind)
    write_header(tmp_path, "r1 1 360 10", "r1.dat 16 1")
    hint = "put it next to its header" if kind == "a folder" else "put a regular file in its place"
    assert refused(tmp_path) == f"r1.dat: expected the signal of r1.hea, found {kind}; {hint}"
