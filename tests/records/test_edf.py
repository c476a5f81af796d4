"""EDF and BDF files: samples equal to edfio's, gaps, annotations, damaged and odd headers."""

import math
import tracemalloc
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import numpy.typing as npt
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Recording
from tests.helpers.edf_files import (
    ANNOTATIONS,
    BDF_ANNOTATIONS,
    BDF_VERSION,
    EDF_VERSION,
    EdfSignal,
    edf_header,
    stored,
    time_list,
    write_discontinuous,
    write_edf_records,
)

NAN = math.nan
PLAIN = EdfSignal(physical_min="-2", physical_max="2")  # a thousand steps for each mV


def written(path: Path, seconds: int = 7, is_bdf: bool = False, **words: Any) -> Any:
    """Write a file of three leads with edfio, and return edfio's object."""
    rng = np.random.default_rng(1)
    make: Any = edfio.EdfSignal
    limits = (-32768, 32767)
    if is_bdf:
        make, limits = edfio.BdfSignal, (-8388608, 8388607)
    signals = [
        make(
            rng.normal(size=seconds * fs),
            fs,
            label=label,
            physical_dimension=unit,
            physical_range=(-9.5, 8.25),
            digital_range=limits,
        )
        for fs, label, unit in ((360, "ECG II", "mV"), (250, "V1", "uV"), (32, "ABP", "mmHg"))
    ]
    file = (edfio.Bdf if is_bdf else edfio.Edf)(signals, **words)
    file.write(path)
    return file


def values_of(recording: Recording, lead: int = 0) -> npt.NDArray[np.float64]:
    return recording.read_exactly(leads=lead)[0]


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
@pytest.mark.parametrize("record_s", [1, 7], ids=["small records", "one record"])
def test_samples_are_edfios(tmp_path: Path, is_bdf: bool, record_s: int) -> None:
    path = tmp_path / "a.edf"
    file = written(path, is_bdf=is_bdf, data_record_duration=record_s)
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
    written(tmp_path / "a.edf")
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


# Discontinuous files


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
def test_gaps_are_invalid_samples_at_the_rate_of_each_lead(tmp_path: Path, is_bdf: bool) -> None:
    leads = [replace(PLAIN, label="fast", samples=8), replace(PLAIN, label="slow", samples=2)]
    path = tmp_path / "a.edf"
    onsets = ["+0.25", "+1.25", "+4.75", "+5.75"]
    values = write_discontinuous(path, onsets, leads=leads, is_bdf=is_bdf)
    recording = read_recording(path)
    assert recording.format == ("BDF+D" if is_bdf else "EDF+D")
    for i, (per_second, begins) in enumerate(((8, [0, 8, 36, 44]), (2, [0, 2, 9, 11]))):
        expected = np.full(begins[-1] + per_second, NAN)
        for begin, record in zip(begins, values, strict=True):
            expected[begin : begin + per_second] = record[i] / 1000
        assert recording.leads[i].samples == len(expected)
        np.testing.assert_allclose(values_of(recording, i), expected, atol=1e-12)
        for start in range(len(expected)):
            for stop in range(start, len(expected) + 1, 5):
                piece = recording.read_exactly(start, stop, i)[0]
                np.testing.assert_allclose(piece, expected[start:stop], atol=1e-12)


@pytest.mark.parametrize(
    ("onsets", "begins"),
    [
        (["+0", "+1", "+2"], [0, 4, 8]),
        (["+0", "+1.12", "+2.12"], [0, 4, 8]),  # within half a sample of 0.25 s
        (["+0", "+1.13", "+2.13"], [0, 5, 9]),
        (["+0", "+1.1", "+2.2", "+3.3"], [0, 4, 9, 13]),  # a clock that is slow
        (["+0", "+1.6", "+2.5", "+3.5"], [0, 6, 10, 14]),  # times of one decimal
        (["+0", "+7.375", "+8.375", "+9.375"], [0, 30, 34, 38]),  # half a sample stays half
        (["+100", "+101", "+110"], [0, 4, 40]),
        (["-1", "+0", "+5"], [0, 4, 24]),
    ],
)
def test_begins_are_rounded_to_the_nearest_sample(
    tmp_path: Path, onsets: list[str], begins: list[int]
) -> None:
    values = write_discontinuous(tmp_path / "a.edf", onsets, leads=[PLAIN])
    expected = np.full(begins[-1] + 4, NAN)
    for begin, (record,) in zip(begins, values, strict=True):
        expected[begin : begin + 4] = record / 1000
    np.testing.assert_allclose(values_of(read_recording(tmp_path / "a.edf")), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("onsets", "message"),
    [
        (["+0", "+1", "+1.5"], "data record 3, found an overlap of 0.5 s"),
        (["+0", "+5", "+3"], "data record 3, found an overlap of 3 s"),
        (["+0", "+1", "-7"], "data record 3, found an overlap of 9 s"),
        (["+0", "", "+2"], "data record 2, found none"),
        (["", "+1", "+2"], "data record 1, found none"),
        (["+0", "+" + "9" * 40, "+2"], "data record 2, found none"),
        (["+0", "+1e300", "+2"], "data record 2, found none"),
        (["+0", "+nan", "+2"], "data record 2, found none"),
        (["+0", "+2678401", "+2678402"], "a time within 31 days for data record 2, found"),
    ],
)
def test_impossible_times_are_refused_in_one_line(
    tmp_path: Path, onsets: list[str], message: str
) -> None:
    write_discontinuous(tmp_path / "a.edf", onsets)
    with pytest.raises(InputError, match=message):
        read_recording(tmp_path / "a.edf")


def test_a_long_gap_takes_no_memory(tmp_path: Path) -> None:
    lead = replace(PLAIN, samples=1000)
    values = write_discontinuous(tmp_path / "a.edf", ["+0", "+2678400"], leads=[lead])
    recording = read_recording(tmp_path / "a.edf")
    tracemalloc.start()
    piece = recording.read(recording.samples - 2000)
    middle = recording.read(1_000_000_000, 1_000_000_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.samples == 2_678_401_000
    assert peak < 1 << 20
    assert np.isnan(middle).all()
    assert np.isnan(piece[0, :1000]).all()
    np.testing.assert_allclose(piece[0, 1000:], values[1][0] / 1000, rtol=1e-6)


def test_a_discontinuous_file_without_times_is_refused(tmp_path: Path) -> None:
    header = edf_header([PLAIN], reserved="EDF+D")
    path = write_edf_records(tmp_path / "a.edf", header, [[stored(range(4))]])
    with pytest.raises(InputError, match="annotations with the times of the data records"):
        read_recording(path)


def test_a_continuous_file_has_no_gaps_whatever_its_times_are(tmp_path: Path) -> None:
    values = write_discontinuous(tmp_path / "a.edf", ["+0.5", "", "+0"], leads=[PLAIN], kind="+C")
    recording = read_recording(tmp_path / "a.edf")
    assert recording.format == "EDF+C"
    expected = np.concatenate([record[0] for record in values]) / 1000
    np.testing.assert_allclose(values_of(recording), expected, atol=1e-12)


# Start time


@pytest.mark.parametrize(
    ("recording", "date", "time", "expected"),
    [
        ("Startdate 02-MAR-2002 X X X", "02.03.02", "13.04.05", datetime(2002, 3, 2, 13, 4, 5)),
        ("Startdate 02-mar-2099 X X X", "02.03.yy", "13.04.05", datetime(2099, 3, 2, 13, 4, 5)),
        ("Startdate X X X X", "02.03.02", "13.04.05", None),
        ("Startdate 31-FEB-2002 X X X", "02.03.02", "13.04.05", None),
        ("ward 3", "02.03.85", "13.04.05", datetime(1985, 3, 2, 13, 4, 5)),
        ("ward 3", "31.12.84", "23:59:59", datetime(2084, 12, 31, 23, 59, 59)),
        ("ward 3", " 2/ 3/99", " 3. 4. 5", datetime(1999, 3, 2, 3, 4, 5)),
        ("Startdate not recorded", "01.01.85", "00.33.34", None),
        ("", "00.00.00", "00.00.00", None),
        ("", "02.03.02", "24.00.00", None),
        ("", "", "", None),
        ("", "\xe9", "\xe9", None),
        ("Startdate 31-DEC-9999 X X X", "02.03.02", "13.04.05", None),
    ],
)
def test_start_time(
    tmp_path: Path, recording: str, date: str, time: str, expected: datetime | None
) -> None:
    header = edf_header([PLAIN], recording=recording, date=date, time=time)
    path = write_edf_records(tmp_path / "a.edf", header, [[stored(range(4))]])
    assert read_recording(path).start_time == expected


def test_start_time_with_a_fraction_of_a_second_is_edfios(tmp_path: Path) -> None:
    from datetime import date, time

    file = written(
        tmp_path / "a.edf",
        recording=edfio.Recording(startdate=date(2011, 4, 5)),
        starttime=time(23, 59, 59, 750_000),
        annotations=[edfio.EdfAnnotation(0.5, None, "N")],
    )
    recording = read_recording(tmp_path / "a.edf")
    assert recording.start_time == file.startdatetime == datetime(2011, 4, 5, 23, 59, 59, 750_000)
    assert recording.annotations is not None
    assert recording.annotations.samples.tolist() == [180]


# Annotations


@pytest.mark.parametrize("is_bdf", [False, True], ids=["EDF", "BDF"])
def test_annotations_are_edfios(tmp_path: Path, is_bdf: bool) -> None:
    texts = ["N", "V", "sleep", "/", "(AFIB", '"', "é", "N", "?", " "]
    marks = [
        edfio.EdfAnnotation(0.6 * i + 0.001, 2.5 if i % 2 else None, text)
        for i, text in enumerate(texts)
    ]
    written(tmp_path / "a.edf", is_bdf=is_bdf, annotations=marks)
    recording = read_recording(tmp_path / "a.edf")
    read = edfio.read_bdf if is_bdf else edfio.read_edf
    said = read(tmp_path / "a.edf").annotations[:-1]  # the last has no text
    annotations = recording.annotations
    assert annotations is not None
    assert recording.format == ("BDF+C" if is_bdf else "EDF+C")
    assert annotations.samples.dtype == np.int64
    assert annotations.samples.tolist() == [round(one.onset * 360) for one in said]
    assert annotations.symbols.tolist() == ["N", "V", '"', "/", '"', '"', '"', "N", "?"]
    assert annotations.texts == ("", "", "sleep", "", "(AFIB", '"', "é", "", "")
    assert annotations.notes == ()


def test_annotations_count_at_the_rate_of_the_lead_that_would_be_used(tmp_path: Path) -> None:
    written(tmp_path / "a.edf", annotations=[edfio.EdfAnnotation(2, None, "N")])
    for lead, position in (("ECG II", 720), ("V1", 500), ("ABP", 64)):
        annotations = read_recording(tmp_path / "a.edf", lead=lead).annotations
        assert annotations is not None
        assert annotations.samples.tolist() == [position]


def test_annotations_in_and_behind_a_gap(tmp_path: Path) -> None:
    marks = {
        0: ["+0.5\x14N", "+3\x14in the gap"],
        1: ["+6.25\x15" + "0.5\x14V\x14S", "+9\x14Q"],
        2: ["-1\x14V"],
    }
    write_discontinuous(tmp_path / "a.edf", ["+0.25", "+5.25", "+6.25"], leads=[PLAIN], marks=marks)
    annotations = read_recording(tmp_path / "a.edf").annotations
    assert annotations is not None
    assert annotations.samples.tolist() == [1, 11, 24, 24]
    assert annotations.symbols.tolist() == ["N", '"', "V", "S"]
    assert annotations.texts == ("", "in the gap", "", "")
    assert annotations.notes == ("2 annotations outside the signal dropped",)


def test_what_edfio_refuses_or_loses_is_read_or_counted(tmp_path: Path) -> None:
    """Texts of several lines, texts in Latin-1, damaged lists, and a record without a list."""
    lists = [
        b"+0\x14\x14\0+0\x14two\nlines\x14\0",
        b"+0.5\x14caf\xe9\x14\0",
        b"noise\x14\0+0.5\x14N\x14\0+0.75\x14cut",
        b"",
    ]
    records = [[stored(range(4)), one.ljust(64, b"\0")] for one in lists]
    path = write_edf_records(
        tmp_path / "a.edf", edf_header([PLAIN, ANNOTATIONS], reserved="EDF+C"), records
    )
    annotations = read_recording(path).annotations
    assert annotations is not None
    assert annotations.texts == ("two\nlines", "café", "")
    assert annotations.symbols.tolist() == ['"', '"', "N"]
    assert annotations.notes == ("2 lists of annotations cannot be read",)


def test_two_annotation_signals_in_a_file_without_a_mark_of_edf_plus(tmp_path: Path) -> None:
    records = [
        [time_list(f"+{i}", f"+{i}.25\x14N"), stored(range(4)), time_list(f"+{i}\x14V")]
        for i in range(2)
    ]
    header = edf_header([ANNOTATIONS, PLAIN, BDF_ANNOTATIONS], reserved="any text")
    recording = read_recording(write_edf_records(tmp_path / "a.edf", header, records))
    assert recording.format == "EDF"
    assert len(recording.leads) == 1
    np.testing.assert_allclose(values_of(recording), [0, 0.001, 0.002, 0.003] * 2, atol=1e-12)
    assert recording.annotations is not None
    assert recording.annotations.samples.tolist() == [0, 1, 4, 5]
    assert recording.annotations.symbols.tolist() == ["V", "N", "V", "N"]


def test_more_annotations_than_beats_can_be_are_refused(tmp_path: Path) -> None:
    marks = replace(ANNOTATIONS, samples=1000)
    records = [[stored(range(4)), (b"+0\x14N\x14\0" * 333).ljust(2000, b"\0")]]
    path = write_edf_records(tmp_path / "a.edf", edf_header([PLAIN, marks]), records)
    recording = read_recording(path)
    with pytest.raises(InputError, match="at most 50 annotations, 50 a second, found more"):
        assert recording.annotations


# Damaged and odd headers


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no signals": (dict(n_signals=0), "the number of signals as a whole number from 1 to 9,999"),
    "10,000 signals": (dict(n_signals=9999), "a header of 9,999 signals, found a file of 520 byt"),
    "a word of signals": (dict(n_signals="one"), "found 'one'"),
    "header size": (dict(header_bytes=768), "a header of 512 bytes for 1 signals, found 768"),
    "no header size": (dict(header_bytes=""), "the size of the header as a whole number"),
    "records": (dict(n_records="many"), "the number of data records as a whole number"),
    "minus two records": (dict(n_records=-2), "the number of data records as a whole number"),
    "no duration": (dict(record_s=0), "a positive duration of a data record, found 0"),
    "negative duration": (dict(record_s=-1), "a positive duration of a data record, found -1"),
    "duration nan": (dict(record_s="nan"), "the duration of a data record as a number"),
    "duration 1e99": (dict(record_s="1e99"), "the duration of a data record as a number"),
    "duration of nothing": (dict(record_s="1e-90"), "a rate of at most 1,000,000 Hz"),
    "samples": (dict(samples="4x"), "the number of samples of signal 0 .ECG. as a whole number"),
    "no samples": (dict(samples=0), "the number of samples of signal 0"),
    "many samples": (dict(samples=900000), "data records of 1,800,000 bytes, found 8 bytes"),
    "physical minimum": (dict(physical_min="low"), "the physical minimum of signal 0"),
    "physical infinite": (dict(physical_max="inf"), "the physical maximum of signal 0"),
    "physical 1e30": (dict(physical_max="1e30"), "the physical maximum of signal 0"),
    "underscore": (dict(physical_max="1_0"), "the physical maximum of signal 0"),
    "thousands": (dict(physical_max="32,767"), "a number with a decimal point"),
    "physical equal": (dict(physical_max="-2"), "a physical minimum other than the maximum"),
    "digital minimum": (dict(digital_min="1.5"), "the digital minimum of signal 0"),
    "digital maximum": (dict(digital_max="32769"), "the digital maximum of signal 0"),
    "digital equal": (dict(digital_max="-2000"), "a digital minimum below the maximum"),
    "digital reversed": (dict(digital_max="-2001"), "a digital minimum below the maximum"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    words, message = WRONG[name]
    of_signal = {key: value for key, value in words.items() if hasattr(PLAIN, key)}
    of_file = {key: value for key, value in words.items() if key not in of_signal}
    header = edf_header([replace(PLAIN, **of_signal)], patient="MCH-7 F X Jane_Doe", **of_file)
    path = write_edf_records(tmp_path / "a.edf", header, [[stored(range(4))]])
    with pytest.raises(InputError, match=message) as refused:
        read_recording(path)
    tracemalloc.start()
    with pytest.raises(InputError):
        read_recording(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert str(path) in str(refused.value)
    assert "Jane" not in str(refused.value)


@pytest.mark.parametrize("size", [8, 255, 256, 511])
def test_a_file_that_is_cut_in_the_header_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.edf"
    path.write_bytes(edf_header([PLAIN])[:size])
    with pytest.raises(InputError, match=r"a\.edf: expected"):
        read_recording(path)


def test_a_file_of_annotations_only_is_refused(tmp_path: Path) -> None:
    header = edf_header([ANNOTATIONS], reserved="EDF+C", record_s=1)
    path = write_edf_records(tmp_path / "a.edf", header, [[time_list("+0")]])
    with pytest.raises(InputError, match="one or more signals with samples, found annotations"):
        read_recording(path)


@pytest.mark.parametrize(
    "lead",
    [
        replace(PLAIN, unit=b"\xb5V", physical_min="-2000", physical_max="2000"),
        replace(PLAIN, unit="µV".encode(), physical_min="-2000", physical_max="2000"),
        replace(PLAIN, unit="uV", physical_min="-2000.", physical_max="+2E+3"),
        replace(PLAIN, unit="V", physical_min="-0,002", physical_max="0,002"),
        replace(PLAIN, physical_min="-2,0", physical_max="2,0"),
        replace(PLAIN, physical_min=b"-2\0\0", physical_max=b" 2"),
        replace(
            PLAIN,
            digital_min="-32768",
            digital_max="32768",
            physical_min="-32.768",
            physical_max="32.768",
        ),
        replace(PLAIN, digital_min="-2000.0", digital_max="2000.", samples="4.0"),
    ],
    ids=["Latin-1", "UTF-8", "E+3", "0,002", "2,0", "NUL", "32768", "4.0"],
)
def test_a_harmless_deviation_is_read(tmp_path: Path, lead: EdfSignal) -> None:
    lead = replace(lead, label="Brustwand \xe9")
    header = edf_header([lead], reserved="EDF#?", date="00.00.00", patient="J\xf6rg")
    path = write_edf_records(tmp_path / "a.edf", header, [[stored([-2000, 0, 1, 2000])]])
    recording = read_recording(path)
    assert recording.lead.unit == "mV"
    assert recording.lead.name == "Brustwand é"
    np.testing.assert_allclose(values_of(recording), [-2, 0, 0.001, 2], atol=1e-12)


def test_physical_limits_may_be_reversed(tmp_path: Path) -> None:
    lead = replace(PLAIN, physical_min="2", physical_max="-2")
    path = write_edf_records(tmp_path / "a.edf", edf_header([lead]), [[stored([1, 2, 3, 4])]])
    np.testing.assert_allclose(values_of(read_recording(path)), [-0.001, -0.002, -0.003, -0.004])


@pytest.mark.parametrize(("record_s", "fs_hz"), [("0.7", 10), ("0.3", 70 / 3), ("10", 0.7)])
def test_the_rate_is_exact(tmp_path: Path, record_s: str, fs_hz: float) -> None:
    lead = replace(PLAIN, samples=7)
    path = write_edf_records(
        tmp_path / "a.edf", edf_header([lead], record_s=record_s), [[stored(range(7))]]
    )
    assert read_recording(path).fs_hz == fs_hz


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
