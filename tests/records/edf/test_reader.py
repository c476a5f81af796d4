"""EDF and BDF files: samples equal to edfio's, lengths, what a user states, memory."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import edfio
import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.edf_files import (
    ANNOTATIONS,
    BDF_VERSION,
    EDF_VERSION,
    PLAIN,
    edf_header,
    stored,
    values_of,
    write_by_edfio,
    write_edf_records,
)


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
@pytest.mark.parametrize("record_s", [1, 7], ids=["small records", "one record"])
def test_samples_are_edfios(tmp_path: Path, is_bdf: bool, record_s: int) -> None:
    path = tmp_path / "a.edf"
    file = write_by_edfio(path, is_bdf=is_bdf, data_record_duration=record_s)
    recording = read_recording(path)
    assert recording.format == ("BDF" if is_bdf else "EDF")
    assert [lead.name for lead in recording.leads] == ["ECG II", "V1", "ABP"]
    assert [lead.unit for lead in recording.leads] == ["mV", "mV", "mmHg"]
    assert [lead.fs_hz for lead in recording.leads] == [360, 250, 32]
    assert [lead.samples for lead in recording.leads] == [7 * 360, 7 * 250, 7 * 32]
    for i, factor in enumerate((1, 1e-3, 1)):
        expected = file.signals[i].data * factor
        np.testing.assert_allclose(values_of(recording, i), expected, rtol=1e-12, atol=1e-12)
    assert not recording.notes
    assert recording.annotations is None


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("samples", [1, 5, 9_000, 400_000, 600_000])
def test_pieces_are_the_same_wherever_they_begin(tmp_path: Path, width: int, samples: int) -> None:
    """Records that are read whole, whose columns are read, and that are read in parts."""
    n_records = 600_000 // samples + 2 if samples > 5 else 40
    rng = np.random.default_rng(2)
    digital = rng.integers(-2000, 2000, (n_records, 2, samples))
    leads = [replace(PLAIN, label=label, samples=samples) for label in ("A", "B")]
    version = BDF_VERSION if width == 3 else EDF_VERSION
    path = write_edf_records(
        tmp_path / "a.edf",
        edf_header(leads, n_records=n_records, version=version, record_s=samples / 100),
        [[stored(lead, width) for lead in record] for record in digital],
    )
    recording = read_recording(path)
    expected = digital.transpose(1, 0, 2).reshape(2, -1) / 1000
    length = recording.samples
    assert length == expected.shape[1]
    for start, stop in ((0, length), (0, 1), (3, 3), (length - 1, length), (2, length - 1)):
        piece = recording.read_exactly(start, stop, ["B", "A"])
        np.testing.assert_allclose(piece, expected[::-1, start:stop], atol=1e-12)
    joined = np.concatenate([piece for _, piece in recording.pieces("B", 70_001)], axis=1)
    np.testing.assert_array_equal(joined[0], expected[1].astype(np.float32))


def test_leads_of_two_rates_are_read_one_at_a_time(tmp_path: Path) -> None:
    write_by_edfio(tmp_path / "a.edf")
    recording = read_recording(tmp_path / "a.edf", lead="V1")
    assert (recording.lead.name, recording.fs_hz) == ("V1", 250)
    with pytest.raises(InputError, match="leads of one sampling rate"):
        recording.read(leads=[0, 1])


def test_a_value_beyond_the_digital_limits_is_on_the_same_line_as_for_edfio(tmp_path: Path) -> None:
    lead = replace(PLAIN, samples=3)
    path = write_edf_records(
        tmp_path / "a.edf", edf_header([lead]), [[stored([-32768, 2001, 32767])]]
    )
    values = values_of(read_recording(path))
    np.testing.assert_allclose(values, [-32.768, 2.001, 32.767])
    with pytest.warns(UserWarning, match="header indicates -1"):
        np.testing.assert_allclose(values, edfio.read_edf(path).signals[0].data)


@pytest.mark.parametrize(
    ("n_records", "rest", "note"),
    [
        (3, b"", ""),
        (-1, b"", ""),
        (-1, b"\0\0\0", "the file holds 3 and a part of one, which is not read"),
        (
            4,
            b"\0\0\0",
            "the header says 4 data records, the file holds 3 and a part of one, which is not read",
        ),
        (3, b"\0\0\0", "the file holds 3 and a part of one, which is not read"),
        (1000, b"", "the header says 1,000 data records, the file holds 3"),
        (1, b"", "the header says 1 data record, the file holds 3"),
        (0, b"", "the header says 0 data records, the file holds 3"),
    ],
)
def test_the_size_of_the_file_gives_the_number_of_data_records(
    tmp_path: Path, n_records: int, rest: bytes, note: str
) -> None:
    digital = np.arange(12).reshape(3, 4)
    path = write_edf_records(
        tmp_path / "a.edf",
        edf_header([PLAIN], n_records=n_records),
        [[stored(record)] for record in digital],
        rest,
    )
    recording = read_recording(path)
    assert [one.text for one in recording.notes] == ([note] if note else [])
    np.testing.assert_allclose(values_of(recording), np.arange(12) / 1000)


def test_stated_rates_and_units(tmp_path: Path) -> None:
    leads = [replace(PLAIN, unit=""), replace(PLAIN, label="V1")]
    path = write_edf_records(
        tmp_path / "a.edf", edf_header(leads), [[stored(range(4)), stored(range(4))]]
    )
    assert [lead.unit for lead in read_recording(path).leads] == ["", "mV"]
    assert read_recording(path, "V1", 4, unit="mv").lead.unit == "mV"
    stated = read_recording(path, 0, unit="uV")
    assert [lead.unit for lead in stated.leads] == ["mV", "mV"]
    np.testing.assert_allclose(values_of(stated), np.arange(4) / 1e6)
    with pytest.raises(InputError, match="the file's own unit, mV, found uV stated"):
        read_recording(path, "V1", unit="uV")
    with pytest.raises(InputError, match="the file's own sampling rate, 4 Hz"):
        read_recording(path, fs_hz=360)


def test_nobody_is_told_who_the_patient_is(tmp_path: Path) -> None:
    header = edf_header(
        [PLAIN],
        patient="MCH-7 F 02-MAY-1951 Jane_Doe",
        recording="Startdate 02-MAR-2002 PSG Dr_Roe",
    )
    recording = read_recording(write_edf_records(tmp_path / "a.edf", header, [[stored(range(4))]]))
    for name in ("Doe", "1951", "MCH", "Roe", "PSG"):
        assert name not in repr(recording)


def test_a_file_that_becomes_shorter_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = write_edf_records(tmp_path / "a.edf", edf_header([PLAIN]), [[stored(range(4))]] * 9)
    recording = read_recording(path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match="72 bytes from byte 512 on, found 70"):
        recording.read()


def test_a_day_is_read_in_pieces_of_bounded_memory(tmp_path: Path) -> None:
    leads = [replace(PLAIN, label=label, samples=360) for label in ("A", "B")]
    path = tmp_path / "a.edf"
    path.write_bytes(edf_header([*leads, ANNOTATIONS], n_records=86_400))
    with path.open("r+b") as file:
        file.truncate(1024 + 86_400 * (2 * 720 + 64))
    tracemalloc.start()
    recording = read_recording(path)
    for _, piece in recording.pieces(["A", "B"]):
        assert piece[0, 0] == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.samples == 86_400 * 360
    assert peak < 20 << 20


def test_a_real_file_is_edfios(formats: Path) -> None:
    recording = read_recording(formats / "edf" / "sample.edf")
    signal = edfio.read_edf(formats / "edf" / "sample.edf").signals[0]
    assert (recording.lead.name, recording.lead.unit, recording.fs_hz) == ("ECG", "mV", 300)
    np.testing.assert_allclose(values_of(recording), signal.data, rtol=1e-12, atol=1e-12)
