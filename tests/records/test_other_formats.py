"""Formats that ecgdatakit reads, in files that are written here by the formats' descriptions."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.other_formats import LARGEST, MOST_BYTES
from ecg_lightning.records.philips_size import unpacked_bytes
from tests.helpers.other_formats import (
    STEPS,
    aecg,
    compressed,
    kardia,
    lzw,
    mfer,
    mortara,
    muse,
    philips,
    scp,
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "fs_hz", "step_mv", "start"),
    [
        ("HL7 aECG", aecg(STEPS), 250, 2.5e-3, datetime(2020, 1, 2, 3, 4, 5, 250_000)),
        (
            "HL7 aECG",
            aecg(STEPS, increment="0.0039", scale='<scale value="0.0025" unit="mV"/>'),
            1 / 0.0039,
            2.5e-3,
            datetime(2020, 1, 2, 3, 4, 5, 250_000),
        ),
        ("MUSE XML", muse(STEPS), 500, 4.88e-3, datetime(2020, 1, 2, 3, 4, 5)),
        ("MUSE XML", muse(STEPS, "25", "1"), 250, 4.88e-3, datetime(2020, 1, 2, 3, 4, 5)),
        ("Kardia", kardia(STEPS), 300, 5e-4, datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("Kardia", kardia(STEPS, 299.5), 299.5, 5e-4, datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("Mortara XML", mortara(STEPS), 1000, 1 / 400, datetime(2020, 1, 2, 3, 4, 5)),
        ("Philips XML", philips(STEPS), 500, 5e-3, None),
        ("SCP-ECG", scp(STEPS), 500, 2.5e-3, datetime(2020, 1, 2, 3, 4, 5)),
        ("SCP-ECG", scp(STEPS, 3906), 1e6 / 3906, 2.5e-3, datetime(2020, 1, 2, 3, 4, 5)),
    ],
)
def test_samples_rates_units_and_start(
    tmp_path: Path,
    name: str,
    content: bytes,
    fs_hz: float,
    step_mv: float,
    start: datetime | None,
) -> None:
    recording = read_recording(write(tmp_path / "r.one", content))
    assert (recording.format, recording.is_tried, recording.start_time) == (name, False, start)
    assert [(lead.name, lead.unit) for lead in recording.leads] == [("I", "mV"), ("II", "mV")]
    assert recording.fs_hz == pytest.approx(fs_hz, rel=1e-12)
    assert recording.lead.name == "II"
    samples = recording.read_exactly(leads=["I", "II"])
    np.testing.assert_allclose(samples, np.array(list(STEPS.values())) * step_mv, rtol=1e-12)
    np.testing.assert_array_equal(recording.read_exactly(1, 3, "I"), samples[:1, 1:3])
    assert "SECRET" not in repr(recording)


def test_mfer_has_a_rate_or_it_is_stated(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / "r.mwf", mfer(STEPS["II"])))
    assert (recording.format, recording.fs_hz) == ("MFER", 250)
    np.testing.assert_allclose(recording.read_exactly()[0], np.array(STEPS["II"]) * 1e-3)
    path = write(tmp_path / "none.mwf", mfer(STEPS["II"], None))
    with pytest.raises(InputError, match=r"a sampling rate, found none; state it \(fs_hz\)"):
        read_recording(path)
    assert read_recording(path, fs_hz=200).fs_hz == 200


def test_utf_16_and_an_origin(tmp_path: Path) -> None:
    text = aecg(STEPS, origin='<origin value="1" unit="mV"/>').decode().replace("UTF-8", "UTF-16")
    recording = read_recording(write(tmp_path / "r.xml", text.encode("utf-16")))
    np.testing.assert_allclose(recording.read_exactly(0, 2, "I"), [[1.0, 1.25]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (aecg(STEPS, scale='<scale value="2.5" unit="counts"/>'), "the lead I in physical units"),
        (aecg(STEPS, scale='<scale unit="uV"/>'), "the lead I in physical units"),
        (aecg(STEPS, increment="0"), "No usable time increment"),
        (aecg(STEPS)[:900], "damaged"),
        (aecg({}), "No ECG lead sequence"),
        (muse(STEPS, "2505", "-1"), "a sampling rate that is a whole number, found 250.5 Hz"),
        (muse(STEPS, unit="STEPS"), "the lead I in physical units"),
        (muse(STEPS, base=""), "no valid SampleBase"),
        (mortara(STEPS, "999.5"), "a sampling rate that is a whole number, found 999.5 Hz"),
        (philips(STEPS, "500.5"), "a sampling rate that is a whole number, found 500.5 Hz"),
        (mortara(STEPS, per_mv=""), "the lead I in physical units"),
        (kardia(STEPS, resolution=None), "the lead I in physical units"),
        (kardia(STEPS, resolution=1e300), "samples of the lead I below 1e+12"),
        (kardia(STEPS, "many"), "frequency is missing or invalid"),
        (scp(STEPS, 0), "sample interval is 0"),
        (scp(STEPS, step_nv=0), "the lead I in physical units"),
        (scp(STEPS)[:-4], "declares"),
    ],
)
def test_what_is_damaged_or_not_said_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_recording(write(tmp_path / "r.one", content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    for name, content in (("aecg", aecg(STEPS)), ("muse", muse(STEPS)), ("p", philips(STEPS))):
        start, _, rest = content.partition(b"?>")
        path = write(tmp_path / f"{name}.xml", start + b"?>" + bomb + rest)
        with pytest.raises(InputError, match=r"(?i)entit"):
            read_recording(path)


@pytest.mark.parametrize(
    ("content", "most"),
    [(aecg(STEPS), MOST_BYTES), (philips(STEPS), LARGEST["Philips XML"])],
)
def test_a_large_file_is_refused_before_it_is_read(
    tmp_path: Path, content: bytes, most: int
) -> None:
    path = write(tmp_path / "r.xml", content + b" " * most)
    with pytest.raises(InputError, match=f"of at most {most:,} bytes, found"):
        read_recording(path)


def test_compressed_samples_are_counted_before_they_are_unpacked(tmp_path: Path) -> None:
    codes = [0, *range(256, 1022), *[1021] * 8000]
    content = compressed(codes)
    decoder = pytest.importorskip("ecgdatakit.parsing.codecs.lzw").LzwDecoder
    assert unpacked_bytes(content) == len(decoder(lzw(codes)[8:], bits=10).read_all())
    for form in (content, content.replace(b"<restingecgdata>", b"<restingecgdata a='\xff'>")):
        with pytest.raises(InputError, match=r"at most 4,194,304 bytes of samples, found 6,"):
            read_recording(write(tmp_path / "r.xml", form))


@given(st.lists(st.integers(0, 300), min_size=4, max_size=300))
def test_the_count_is_that_of_the_library(codes: list[int]) -> None:
    decoder = pytest.importorskip("ecgdatakit.parsing.codecs.lzw").LzwDecoder
    codes = [codes[0] % 256, *codes[1:]]
    unpacked = decoder(lzw(codes)[8:], bits=10).read_all()
    assert unpacked_bytes(compressed(codes)) == len(unpacked)


def test_another_rate_than_that_of_the_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.xml", aecg(STEPS))
    assert read_recording(path, fs_hz=250).fs_hz == 250
    with pytest.raises(InputError, match=r"own sampling rate, 250 Hz, found 360 Hz stated"):
        read_recording(path, fs_hz=360)


def test_the_librarys_warnings_become_notes(tmp_path: Path) -> None:
    text = muse(STEPS).decode()
    odd = "<LeadID>I</LeadID><FirstSampleBaseline>7</FirstSampleBaseline>"
    path = write(tmp_path / "r.xml", text.replace("<LeadID>I</LeadID>", odd).encode())
    (note,) = read_recording(path).notes
    assert note.topic == "signal"
    assert note.text.startswith("GE MUSE: FirstSampleBaseline is non-zero")


def test_without_the_extra_the_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ecgdatakit", None)
    with pytest.raises(InputError) as caught:
        read_recording(write(tmp_path / "r.xml", aecg(STEPS)))
    assert str(caught.value) == (
        "package ecgdatakit: expected an installed package, found none; run in the folder of "
        "ecg-lightning's code: python -m pip install -e '.[formats]'"
    )
