"""ISHNE Holter files and their annotations, compared with plain decoders and bytes by hand."""

import math
import tracemalloc
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.ishne_files import (
    MAGIC,
    ishne_header,
    write_ishne,
    write_ishne_annotations,
)

NAN = math.nan
DIGITAL = np.array([[1, -2, 30, -400, 5000], [7, 8, 9, 10, -32767]])


def test_samples_are_steps_of_the_resolution(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "holter.ecg", DIGITAL)
    recording = read_recording(path)
    assert (recording.name, recording.format, recording.fs_hz) == ("holter", "ISHNE", 200)
    assert [lead.name for lead in recording.leads] == ["II", "V1"]
    assert [lead.unit for lead in recording.leads] == ["mV", "mV"]
    assert recording.samples == 5
    assert recording.notes == ()
    assert recording.start_time == datetime(2002, 3, 2, 13, 4, 5)
    assert recording.annotations is None
    expected = np.stack([DIGITAL[1] * 0.0025, DIGITAL[0] * 0.005])
    np.testing.assert_allclose(recording.read_exactly(leads=["V1", "II"]), expected, rtol=1e-14)
    np.testing.assert_allclose(recording.read_exactly(1, 3), [[-0.01, 0.15]], rtol=1e-14)
    assert recording.read_exactly(2, 2).shape == (1, 0)


def test_the_standard_s_mark_of_a_fault_is_an_invalid_sample(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "a.ecg", [[-32768, 2], [3, -32768]])
    expected = [[NAN, 0.01], [0.0075, NAN]]
    np.testing.assert_allclose(read_recording(path).read_exactly(leads=[0, 1]), expected)


def test_a_block_of_variable_length_lies_in_front_of_the_samples(tmp_path: Path) -> None:
    header = ishne_header(5, block=b"an odd block.")
    recording = read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL, header=header))
    np.testing.assert_allclose(recording.read_exactly(), [DIGITAL[0] * 0.005], rtol=1e-14)
    assert recording.notes == ()


def test_pieces_are_the_same_wherever_they_begin(tmp_path: Path) -> None:
    """The second of two leads of 400,000 samples, read across the reader's own pieces."""
    digital = np.random.default_rng(0).integers(-32767, 32767, (2, 400_000))
    path = write_ishne(tmp_path / "a.ecg", digital)
    recording, expected = read_recording(path), digital[1] * 0.0025
    for start, stop in ((0, 400_000), (1, 399_999), (262_143, 262_145), (399_999, 400_000)):
        piece = recording.read_exactly(start, stop, 1)[0]
        np.testing.assert_allclose(piece, expected[start:stop], rtol=1e-14)
    joined = np.concatenate([piece for _, piece in recording.pieces(1, 77_777)], axis=1)
    np.testing.assert_array_equal(joined[0], expected.astype(np.float32))


def test_names_are_those_of_the_standard(tmp_path: Path) -> None:
    codes = [0, 1, 2, 4, 5, 7, 8, 10, 16, 17, 19, -9]
    zeros, fives = [0] * 12, [5000] * 11 + [-9]
    header = ishne_header(1, leads=codes, qualities=zeros, resolutions_nv=fives)
    recording = read_recording(write_ishne(tmp_path / "a.ecg", [[i] for i in codes], header=header))
    assert [lead.name for lead in recording.leads] == [
        *("channel 0", "bipolar 1", "X", "Z", "I", "III", "aVR", "aVF", "V6", "ES", "AI"),
        "channel 11",
    ]
    assert [lead.unit for lead in recording.leads] == ["mV"] * 11 + [""]
    np.testing.assert_allclose(recording.read_exactly(leads=[1, 11])[:, 0], [0.005, -9.0])


def test_a_poor_lead_is_a_note(tmp_path: Path) -> None:
    header = ishne_header(5, qualities=(1, 3))
    recording = read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL, header=header))
    assert [note.text for note in recording.notes] == ["the file says of lead V1: frequent noise"]


@pytest.mark.parametrize(
    ("checksum", "is_right"),
    [(None, True), (0, True), (0x1234, False)],
    ids=["right", "none", "wrong"],
)
def test_a_wrong_checksum_is_a_note(tmp_path: Path, checksum: int | None, is_right: bool) -> None:
    header = ishne_header(5, checksum=checksum, block=b"x" * 99)
    recording = read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL, header=header))
    expected = [] if is_right else ["the checksum of the header is wrong"]
    assert [note.text for note in recording.notes] == expected
    np.testing.assert_allclose(recording.read_exactly(), [DIGITAL[0] * 0.005], rtol=1e-14)


def test_a_checksum_of_swapped_bytes_is_right(tmp_path: Path) -> None:
    header = bytearray(ishne_header(5))
    header[8:10] = header[9:7:-1]
    assert not read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL, b"", bytes(header))).notes


@pytest.mark.parametrize(
    ("said", "rest", "note"),
    [
        (5, b"", ""),
        (5, b"\0\0\0", "the file holds 5 and a part of one, which is not read"),
        (
            6,
            b"\0\0",
            "the header says 6 samples of each lead, the file holds 5 and a part of one, "
            "which is not read",
        ),
        (10, b"", "the header says 10 samples of each lead, the file holds 5"),
        (2, b"", "the header says 2 samples of each lead, the file holds 5"),
        (-9, b"", "the header says -9 samples of each lead, the file holds 5"),
    ],
)
def test_the_size_of_the_file_gives_the_length(
    tmp_path: Path, said: int, rest: bytes, note: str
) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL, rest, ishne_header(said))
    recording = read_recording(path)
    assert recording.samples == 5
    assert [one.text for one in recording.notes] == ([note] if note else [])


@pytest.mark.parametrize(("block", "offset", "block_size"), [(b"abc", 522, 3), (b"", 522, 77)])
def test_of_two_offsets_the_one_that_fits_the_length_counts(
    tmp_path: Path, block: bytes, offset: int, block_size: int
) -> None:
    header = ishne_header(5, block=block, offset=offset, block_size=block_size)
    recording = read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL, header=header))
    np.testing.assert_allclose(recording.read_exactly(), [DIGITAL[0] * 0.005], rtol=1e-14)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ((29, 2, 2004, 0, 0, 0), datetime(2004, 2, 29)),
        ((29, 2, 2003, 0, 0, 0), None),
        ((-9, -9, -9, 7, 0, 0), None),
        ((1, 1, 2004, -9, -9, -9), None),
    ],
)
def test_start_time(tmp_path: Path, start: tuple[int, ...], expected: datetime | None) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL, header=ishne_header(5, start=start))
    assert read_recording(path).start_time == expected


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no leads": ({"n_leads": 0}, "1 to 12 leads, found 0"),
    "13 leads": ({"n_leads": 13}, "1 to 12 leads, found 13"),
    "no rate": ({"fs_hz": 0}, "a positive sampling rate, found 0 Hz"),
    "negative rate": ({"fs_hz": -200}, "a positive sampling rate, found -200 Hz"),
    "huge block": ({"block_size": (1 << 31) - 1}, "samples from byte 2,147,484,169 on"),
    "negative block": ({"block_size": -522}, "samples from byte 0 on"),
    "offset": ({"offset": 530}, "samples from byte 522 on, .* found samples from byte 530 on"),
    "offset behind": ({"offset": 542, "block_size": 20}, "samples of 2 leads, found 0 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    words, message = WRONG[name]
    header = ishne_header(4, **words)  # not the true length: it does not help to find the samples
    path = write_ishne(tmp_path / "a.ecg", DIGITAL, header=header)
    with pytest.raises(InputError, match=message) as refused:
        read_recording(path)
    assert "Doe" not in str(refused.value)
    tracemalloc.start()
    with pytest.raises(InputError):
        read_recording(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("size", [8, 521, 522, 525])
def test_a_file_without_a_whole_sample_is_refused(tmp_path: Path, size: int) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"a\.ecg: expected"):
        read_recording(path)


def test_another_rate_than_the_file_s_is_refused(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL)
    assert read_recording(path, fs_hz=200).fs_hz == 200
    with pytest.raises(InputError, match="the file's own sampling rate, 200 Hz"):
        read_recording(path, fs_hz=250)


def test_nobody_is_told_who_the_patient_is(tmp_path: Path) -> None:
    recording = read_recording(write_ishne(tmp_path / "a.ecg", DIGITAL))
    assert "Doe" not in repr(recording)
    assert "1951" not in repr(recording)


def test_a_file_that_becomes_shorter_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL)
    recording = read_recording(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="20 bytes from byte 522 on, found 19"):
        recording.read()


def test_a_day_is_read_in_pieces_of_bounded_memory(tmp_path: Path) -> None:
    n_samples = 86_400 * 200
    path = tmp_path / "a.ecg"
    path.write_bytes(ishne_header(n_samples))
    with path.open("r+b") as file:
        file.truncate(522 + 4 * n_samples)
    tracemalloc.start()
    recording = read_recording(path)
    for _, piece in recording.pieces(["II", "V1"]):
        assert piece[0, 0] == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.samples == n_samples
    assert peak < 20 << 20


# Annotations


def test_annotations_become_physionets(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "a.ecg", np.zeros((2, 200_000)))
    labels = "NVSBPUXCZ\xe9"
    entries = [(label, 10) for label in labels] + [("!", 65535), ("!", 65535), ("N", 1000)]
    entries += [("V", 65535), ("N", 65535)]
    write_ishne_annotations(tmp_path / "a.ann", 5, entries)
    annotations = read_recording(path).annotations
    assert annotations is not None
    assert annotations.samples.tolist() == [
        *range(15, 106, 10),
        105 + 2 * 65535 + 1000,
        105 + 3 * 65535 + 1000,
    ]
    assert annotations.symbols.tolist() == [*'NVSB/Q|"""NV']
    assert annotations.texts[7:10] == ("calibration pulse", "ISHNE label Z", "ISHNE label é")
    assert not any(annotations.texts[:7] + annotations.texts[10:])
    assert annotations.notes == ("1 annotation outside the signal is dropped",)


def test_an_annotation_file_may_have_capitals_and_be_empty(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "A.ECG", DIGITAL)
    write_ishne_annotations(tmp_path / "A.ANN", 0, [])
    annotations = read_recording(path).annotations
    assert annotations is not None
    assert len(annotations.samples) == len(annotations.symbols) == len(annotations.texts) == 0


def test_a_cut_annotation_is_a_note(tmp_path: Path) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL)
    write_ishne_annotations(tmp_path / "a.ann", 0, [("N", 2)], rest=b"V#\1")
    annotations = read_recording(path).annotations
    assert annotations is not None
    assert annotations.samples.tolist() == [2]
    assert annotations.notes == (
        "the annotation file ends within an annotation, which is not read",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected ISHNE annotations, found another file"),
        (MAGIC * 100, "expected ISHNE annotations, found another file"),
        (ishne_header(0, magic=b"ANN  1.0"), "expected ISHNE annotations, found another file"),
        (ishne_header(0, magic=b"ANN  1.0", fs_hz=250) + bytes(4), "200 Hz, .* found 250 Hz"),
        (ishne_header(0, magic=b"ANN  1.0", block_size=1) + bytes(4), "after the header"),
        (ishne_header(0, magic=b"ANN  1.0", block_size=-1) + bytes(4), "after the header"),
    ],
    ids=["empty", "magic", "short", "rate", "block", "negative block"],
)
def test_a_wrong_annotation_file_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = write_ishne(tmp_path / "a.ecg", DIGITAL)
    (tmp_path / "a.ann").write_bytes(content)
    recording = read_recording(path)
    assert recording.read().shape == (1, 5)
    with pytest.raises(InputError, match=message):
        assert recording.annotations


def test_a_real_file_is_a_plain_decoder_s(formats: Path) -> None:
    path = formats / "ishne" / "ECG_P28.01.ecg"
    recording = read_recording(path)
    digital = np.fromfile(path, "<i2", offset=522).reshape(-1, 12)
    assert [lead.name for lead in recording.leads] == [
        *("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    ]
    assert (recording.fs_hz, recording.samples) == (1000, len(digital))
    assert recording.notes == ()
    read = recording.read_exactly(leads=range(12))
    np.testing.assert_allclose(read, digital.T * 0.005, rtol=1e-14)
    annotations = recording.annotations
    assert annotations is not None
    distances = np.fromfile(path.with_suffix(".ann"), "<u2", offset=526)[1::2]
    assert annotations.samples.tolist() == np.cumsum(distances, dtype=int).tolist()
    assert set(annotations.symbols.tolist()) == {"N", "|"}
    lead = read[1]
    steepest = [abs(np.diff(lead[i - 60 : i + 60])).max() for i in annotations.samples[:-1]]
    assert min(steepest) > 0.02  # each lies at a QRS complex
