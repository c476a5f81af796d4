"""Headers of EDF and BDF files: start times, damaged fields and harmless deviations."""

import tracemalloc
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from tests.helpers.edf_files import (
    ANNOTATIONS,
    PLAIN,
    EdfSignal,
    edf_header,
    stored,
    time_list,
    values_of,
    write_by_edfio,
    write_edf_records,
)

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
    "duration of nothing": (dict(record_s="1e-90"), "a rate from 0.001 to 1,000,000 Hz"),
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
    file = write_by_edfio(
        tmp_path / "a.edf",
        recording=edfio.Recording(startdate=date(2011, 4, 5)),
        starttime=time(23, 59, 59, 750_000),
        annotations=[edfio.EdfAnnotation(0.5, None, "N")],
    )
    recording = read_recording(tmp_path / "a.edf")
    assert recording.start_time == file.startdatetime == datetime(2011, 4, 5, 23, 59, 59, 750_000)
    assert recording.annotations is not None
    assert recording.annotations.samples.tolist() == [180]
