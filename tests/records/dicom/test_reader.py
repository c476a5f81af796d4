"""DICOM waveforms: against pydicom's own arrays, and files that are written here."""

import io
import sys
import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.dicom import reader as module
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.used_leads import detection_leads

pydicom = pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
ECG_STORAGE = "1.2.840.10008.5.1.4.1.1.9.1.1"
RAMP = np.array([[0, 100], [-7, 200], [127, -128], [5, 6]])  # (samples, channels)


def code(value: str, meaning: str) -> Any:
    item = pydicom.Dataset()
    item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = value, meaning, "X"
    return pydicom.Sequence([item])


def channel(name: str, unit: str | None = "uV", **fields: Any) -> Any:
    item = pydicom.Dataset()
    item.ChannelSourceSequence = code("1", name)
    if unit is not None:
        item.ChannelSensitivity = "2.5"
        item.ChannelSensitivityUnitsSequence = code(unit, unit)
        item.ChannelSensitivityCorrectionFactor, item.ChannelBaseline = "1", "0"
    for field, value in fields.items():
        setattr(item, field, value)
    return item


def group(
    samples: Any = RAMP,
    kind: str = "<i2",
    interpretation: str = "SS",
    channels: tuple[Any, ...] = (),
    **fields: Any,
) -> Any:
    item = pydicom.Dataset()
    item.WaveformOriginality, item.MultiplexGroupLabel = "ORIGINAL", "RHYTHM"
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = samples.shape
    item.SamplingFrequency = "250"
    item.ChannelDefinitionSequence = pydicom.Sequence(
        channels or (channel("Lead I"), channel("Lead II (Einthoven)"))
    )
    item.WaveformBitsAllocated = 8 * np.dtype(kind).itemsize
    item.WaveformSampleInterpretation = interpretation
    item.add_new("WaveformData", "OW", samples.astype(kind).tobytes())
    for field, value in fields.items():
        setattr(item, field, value)
    return item


def write(path: Path, *groups: Any, syntax: str = EXPLICIT, **fields: Any) -> Path:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = ECG_STORAGE, "1.2.3"
    dataset.PatientName, dataset.PatientID = "SECRET^NAME", "SECRET"
    dataset.AcquisitionDateTime = "20200102030405.25"
    if groups:
        dataset.WaveformSequence = pydicom.Sequence(groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for field, value in fields.items():
            setattr(dataset, field, value)
        dataset.save_as(path, enforce_file_format=True)
    return path


def test_the_real_file_is_as_pydicom_reads_it(formats: Path) -> None:
    path = formats / "dicom" / "sample.dcm"
    recording = read_recording(path)
    names = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert [lead.name for lead in recording.leads] == names
    assert {(lead.unit, lead.fs_hz, lead.samples) for lead in recording.leads} == {
        ("mV", 500.0, 5000)
    }
    assert (recording.format, recording.lead.name, recording.is_tried) == ("DICOM", "II", True)
    assert recording.start_time == datetime(2009, 4, 28, 11, 39, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        microvolts = pydicom.dcmread(path).waveform_array(0)
    samples = recording.read_exactly(leads=names)
    np.testing.assert_allclose(samples, microvolts.T / 1000, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(recording.read_exactly(7, 4999, "V6"), samples[-1:, 7:4999])
    assert recording.notes == (
        RecordNote("sample", "signal", "1 group of median beats or derived waveforms not read"),
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG])
@pytest.mark.parametrize(
    ("kind", "interpretation"),
    [("i1", "SB"), ("u1", "UB"), ("i2", "SS"), ("u2", "US"), ("i4", "SL")],
)
def test_types_and_transfer_syntaxes(
    tmp_path: Path, syntax: str, kind: str, interpretation: str
) -> None:
    samples = np.abs(RAMP) if kind[0] == "u" else RAMP
    samples = np.clip(samples, np.iinfo(kind).min, np.iinfo(kind).max)
    order = (">" if syntax == BIG else "<") + kind
    path = write(tmp_path / "r.dcm", group(samples, order, interpretation), syntax=syntax)
    recording = read_recording(path)
    expected = samples.T * 2.5e-3
    np.testing.assert_allclose(recording.read_exactly(leads=[0, 1]), expected, atol=1e-15)
    np.testing.assert_allclose(recording.read_exactly(1, 3), expected[1:, 1:3], atol=1e-15)


def test_sensitivity_correction_baseline_unit_and_padding(tmp_path: Path) -> None:
    channels = (
        channel("MDC_ECG_LEAD_V1", "mV", ChannelSensitivityCorrectionFactor="2"),
        channel("Lead aVR, augmented voltage, right", ChannelBaseline="-10"),
    )
    one = group(channels=channels)
    one.add_new("WaveformPaddingValue", "OW", np.array(-7, "<i2").tobytes())
    pressure = group(channels=(channel("Pressure", "mm[Hg]"), channel("")), SamplingFrequency="125")
    recording = read_recording(write(tmp_path / "r.dcm", one, pressure))
    assert [(lead.name, lead.unit, lead.fs_hz) for lead in recording.leads] == [
        ("V1", "mV", 250),
        ("aVR", "mV", 250),
        ("Pressure", "mm[Hg]", 125),
        ("channel 3", "mV", 125),
    ]
    samples = recording.read_exactly(leads=["V1", "aVR"])
    np.testing.assert_allclose(samples[0], [0, np.nan, 127 * 5, 25])
    np.testing.assert_allclose(samples[1], (np.array([100, 200, -128, 6]) * 2.5 - 10) / 1000)
    np.testing.assert_allclose(recording.read_exactly(leads="Pressure")[0], RAMP[:, 0] * 2.5)
    with pytest.raises(InputError, match="leads of one sampling rate"):
        recording.read(leads=[0, 2])


def test_originals_are_preferred_and_median_beats_are_not_read(tmp_path: Path) -> None:
    rhythm, derived = group(), group(RAMP + 1, WaveformOriginality="DERIVED")
    median = group(RAMP + 2, WaveformOriginality="DERIVED", MultiplexGroupLabel="MEDIAN BEAT")
    both = read_recording(write(tmp_path / "both.dcm", median, derived, rhythm))
    assert len(both.leads) == 2
    np.testing.assert_allclose(both.read_exactly(leads="I")[0], RAMP[:, 0] * 2.5e-3)
    assert [note.text for note in both.notes] == [
        "2 groups of median beats or derived waveforms not read"
    ]
    only = read_recording(write(tmp_path / "derived.dcm", derived, median))
    np.testing.assert_allclose(only.read_exactly(leads="I")[0], (RAMP[:, 0] + 1) * 2.5e-3)
    assert "the waveforms are derived, not original" in [note.text for note in only.notes]
    with pytest.raises(InputError, match="expected a recording, found median beats only"):
        read_recording(write(tmp_path / "median.dcm", median))


def test_a_group_that_begins_later_is_named(tmp_path: Path) -> None:
    later = group(channels=(channel("V1"), channel("V2")), MultiplexGroupTimeOffset="2500")
    recording = read_recording(write(tmp_path / "r.dcm", group(), later))
    assert [note.text for note in recording.notes] == [
        "the lead V1 begins 2.5 s after the first, and its times count from its own start",
        "the lead V2 begins 2.5 s after the first, and its times count from its own start",
    ]
    assert [lead.start_s for lead in recording.leads] == [0.0, 0.0, 2.5, 2.5]


@pytest.mark.parametrize(("offset_ms", "leads"), [("10000", (0,)), ("0", (0, 2))])
def test_leads_of_another_time_are_not_used_together(
    tmp_path: Path, offset_ms: str, leads: tuple[int, ...]
) -> None:
    first = group(channels=(channel("II"), channel("RESP")), MultiplexGroupTimeOffset="0")
    second = group(channels=(channel("V1"), channel("V2")), MultiplexGroupTimeOffset=offset_ms)
    recording = read_recording(write(tmp_path / "r.dcm", first, second))
    assert detection_leads(recording) == leads


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        ({}, {}, []),
        ({"ChannelSampleSkew": "0"}, {"ChannelTimeSkew": "0.001"}, []),  # a quarter of a sample
        (
            {"ChannelSampleSkew": "500"},
            {},
            ["the skew of lead I (500 samples) is not applied"],
        ),
        (
            {"ChannelSampleSkew": "-2"},
            {"ChannelTimeSkew": "0.004"},
            ["the skew of leads I (-2 samples), II (0.004 s) is not applied"],
        ),
    ],
)
def test_a_skew_has_a_note(
    tmp_path: Path, first: dict[str, str], second: dict[str, str], texts: list[str]
) -> None:
    channels = (channel("Lead I", **first), channel("Lead II", **second))
    recording = read_recording(write(tmp_path / "r.dcm", group(channels=channels)))
    assert [note.text for note in recording.notes] == texts
    np.testing.assert_allclose(recording.read_exactly(leads=[0, 1]), RAMP.T * 2.5e-3)


def test_without_a_sensitivity_the_stored_numbers_are_read(tmp_path: Path) -> None:
    bare = channel("Lead II", ChannelBaseline="7", ChannelSensitivityCorrectionFactor="3")
    del bare.ChannelSensitivity
    path = write(tmp_path / "r.dcm", group(channels=(channel("Lead I"), bare)))
    recording = read_recording(path)
    assert [lead.unit for lead in recording.leads] == ["mV", ""]
    np.testing.assert_allclose(recording.read_exactly(leads="II")[0], RAMP[:, 1])
    unused = "the unit of lead II (uV) is not used, as the file has no sensitivity"
    unknown = "the lead II has no unit, so it may be no voltage"
    assert [note.text for note in recording.notes] == [unused, unknown]
    stated = read_recording(path, unit="uV")
    assert (stated.lead.unit, [note.text for note in stated.notes]) == ("mV", [unused])
    np.testing.assert_allclose(stated.read_exactly(leads="II")[0], RAMP[:, 1] / 1000)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("20200102030405", datetime(2020, 1, 2, 3, 4, 5)),
        ("20200102030405.5+0000", datetime(2020, 1, 2, 3, 4, 5, 500_000, UTC)),
        (
            "20200102030405-0330",
            datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        ),
        ("2020", None),
        ("20209902030405", None),
        ("", None),
    ],
)
def test_the_start(tmp_path: Path, text: str, start: datetime | None) -> None:
    path = write(tmp_path / "r.dcm", group(), AcquisitionDateTime=text)
    assert read_recording(path).start_time == start


def test_a_unit_is_stated_only_where_the_file_has_none(tmp_path: Path) -> None:
    none = write(tmp_path / "none.dcm", group(channels=(channel("I", None), channel("II", None))))
    bare = read_recording(none)
    assert bare.lead.unit == ""
    assert [note.text for note in bare.notes] == [
        "the lead II has no unit, so it may be no voltage"
    ]
    stated = read_recording(none, unit="uV")
    assert (stated.lead.unit, stated.notes) == ("mV", ())
    np.testing.assert_allclose(stated.read_exactly()[0], RAMP[:, 1] / 1000)
    with pytest.raises(InputError, match=r"own unit, uV, found mV stated; .* \(unit\)"):
        read_recording(write(tmp_path / "r.dcm", group()), unit="mV")
    with pytest.raises(InputError, match=r"own sampling rate, 250 Hz, found 360 Hz"):
        read_recording(tmp_path / "r.dcm", fs_hz=360)


def test_without_a_preamble_and_without_the_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "r.dcm", group(), syntax=IMPLICIT)
    dataset = pydicom.dcmread(path)
    content = io.BytesIO()
    dataset.file_meta, dataset.preamble = pydicom.dataset.FileMetaDataset(), None
    pydicom.dcmwrite(content, dataset, implicit_vr=True, little_endian=True)
    bare = tmp_path / "bare"
    bare.write_bytes(content.getvalue())
    assert bare.read_bytes()[128:132] != b"DICM"
    recording = read_recording(bare)
    np.testing.assert_array_equal(
        recording.read_exactly(leads=[0, 1]), read_recording(path).read_exactly(leads=[0, 1])
    )


def test_no_field_of_the_patient_is_kept(tmp_path: Path) -> None:
    assert "SECRET" not in repr(read_recording(write(tmp_path / "r.dcm", group())))


@pytest.mark.parametrize(
    ("groups", "fields", "message"),
    [
        ((), {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "found CT Image Storage"),
        ((group(),) * 65, {}, "65 groups of channels"),
        ((group(SamplingFrequency="0"),), {}, "a sampling rate from 0.001"),
        ((group(NumberOfWaveformSamples=5),), {}, "20 bytes of samples, found 16"),
        ((group(NumberOfWaveformSamples=2**31),), {}, "bytes of samples, found 16"),
        ((group(NumberOfWaveformSamples=0),), {}, "channels with samples"),
        ((group(NumberOfWaveformChannels=3),), {}, "3 channels of 4 samples, 2 described"),
        ((group(RAMP, "u1", "MB"),), {}, "8 bits, MB"),
        ((group(WaveformBitsAllocated=12),), {}, "12 bits, SS"),
        (
            (group(channels=(channel("I", ChannelSensitivity="0"), channel("II"))),),
            {},
            "a sensitivity and a baseline up to 1e12",
        ),
        (
            (group(channels=(channel("I", ChannelBaseline="1e99"), channel("II"))),),
            {},
            "a sensitivity and a baseline up to 1e12",
        ),
    ],
)
def test_what_is_no_recording_or_damaged_is_refused(
    tmp_path: Path, groups: tuple[Any, ...], fields: dict[str, str], message: str
) -> None:
    path = write(tmp_path / "r.dcm", *groups, **fields)
    with pytest.raises(InputError) as caught:
        read_recording(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_file_ends_in_one_line_at_every_byte(tmp_path: Path) -> None:
    content = write(tmp_path / "r.dcm", group()).read_bytes()
    cut = tmp_path / "cut.dcm"
    for size in range(132, len(content), 7):
        cut.write_bytes(content[:size])
        with pytest.raises(InputError) as caught:
            read_recording(cut).read()
        assert "\n" not in str(caught.value)


def test_a_file_that_becomes_shorter_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "r.dcm", group())
    recording = read_recording(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"expected 16 bytes from byte \d+ on, found 8"):
        recording.read()


def test_a_large_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "r.dcm", group())
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="of at most 100 bytes"):
        read_recording(path)


def test_a_deflated_file_is_inflated_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "r.dcm", group(np.zeros((50_000, 2), int)), syntax=DEFLATED)
    assert path.stat().st_size < 4000
    assert read_recording(path).samples == 50_000
    monkeypatch.setattr(module, "MOST_BYTES", 4000)
    with pytest.raises(InputError, match="at most 4,000 bytes once the file is inflated"):
        read_recording(path)


def test_without_the_extra_the_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "r.dcm", group())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(InputError, match=r"package pydicom: .* install -e '\.\[dicom\]'"):
        read_recording(path)
