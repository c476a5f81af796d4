"""Formats that ecgdatakit reads, in files that are written here by the formats' descriptions."""

import base64
import json
import struct
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

STEPS = {"I": [0, 100, -200, 300, 7], "II": [5, -5, 1000, -1000, 32000]}


def aecg(
    steps: dict[str, list[int]],
    increment: str = "0.004",
    scale: str = '<scale value="2.5" unit="uV"/>',
    origin: str = '<origin value="0" unit="uV"/>',
) -> bytes:
    """HL7 aECG: `value = origin + scale * digit`, and the time from one sample to the next."""
    leads = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{name}" codeSystem="2.16.840.1.113883"/>'
        f'<value xsi:type="SLIST_PQ">{origin}{scale}<digits>{" ".join(map(str, values))}</digits>'
        "</value></sequence></component>"
        for name, values in steps.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<effectiveTime><low value="20200102030405.250"/></effectiveTime>'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        "<subjectDemographicPerson><name>SECRET</name></subjectDemographicPerson>"
        "</trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>"
        '<component><series><code code="RHYTHM"/><component><sequenceSet>'
        '<component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS">'
        f'<head value="20200102030405.250"/><increment value="{increment}" unit="s"/></value>'
        f"</sequence></component>{leads}</sequenceSet></component></series></component>"
        "</AnnotatedECG>"
    ).encode()


def muse(
    steps: dict[str, list[int]],
    base: str = "500",
    exponent: str = "0",
    unit: str = "MICROVOLTS",
    scale: str = "4.88",
) -> bytes:
    """MUSE: little-endian 16-bit samples in Base64, and microvolts for each step."""
    leads = "".join(
        f"<LeadData><LeadByteCountTotal>{2 * len(values)}</LeadByteCountTotal>"
        f"<LeadSampleCountTotal>{len(values)}</LeadSampleCountTotal>"
        f"<LeadAmplitudeUnitsPerBit>{scale}</LeadAmplitudeUnitsPerBit>"
        f"<LeadAmplitudeUnits>{unit}</LeadAmplitudeUnits><LeadID>{name}</LeadID>"
        f"<LeadSampleSize>2</LeadSampleSize><WaveFormData>"
        f"{base64.b64encode(np.array(values, '<i2').tobytes()).decode()}</WaveFormData></LeadData>"
        for name, values in steps.items()
    )
    return (
        "<?xml version='1.0' encoding='ISO-8859-1'?><RestingECG>"
        "<PatientDemographics><PatientLastName>SECRET</PatientLastName></PatientDemographics>"
        "<TestDemographics><AcquisitionTime>03:04:05</AcquisitionTime>"
        "<AcquisitionDate>01-02-2020</AcquisitionDate></TestDemographics>"
        "<Waveform><WaveformType>Rhythm</WaveformType>"
        f"<SampleBase>{base}</SampleBase><SampleExponent>{exponent}</SampleExponent>{leads}"
        "</Waveform></RestingECG>"
    ).encode()


def kardia(steps: dict[str, list[int]], fs_hz: object = 300, resolution: object = 500) -> bytes:
    """Kardia: nanovolts for each step."""
    raw = {
        "frequency": fs_hz,
        "amplitudeResolution": resolution,
        "samples": {f"lead{name}": values for name, values in steps.items()},
    }
    return json.dumps(
        {
            "recordedAt": "2020-01-02T03:04:05Z",
            "patientID": "SECRET",
            "algorithmDetermination": "normal",
            "data": {"raw": raw},
        }
    ).encode()


def mortara(steps: dict[str, list[int]], fs_hz: str = "1000", per_mv: str = "400") -> bytes:
    channels = "".join(
        f'<CHANNEL NAME="{name}" UNITS_PER_MV="{per_mv}" DURATION="{len(values)}" '
        f'SAMPLE_FREQ="{fs_hz}" FORMAT="SIGNED" BITS="16" ENCODING="BASE64" '
        f'DATA="{base64.b64encode(np.array(values, "<i2").tobytes()).decode()}"/>'
        for name, values in steps.items()
    )
    return f'<?xml version="1.0"?><ECG ACQUISITION_TIME="20200102030405">{channels}</ECG>'.encode()


def philips(steps: dict[str, list[int]], fs_hz: str = "500", resolution: str = "5") -> bytes:
    samples = np.concatenate([np.array(values, "<i2") for values in steps.values()])
    ms = 1000 * len(next(iter(steps.values()))) / float(fs_hz)
    return (
        '<?xml version="1.0"?><restingecgdata><documentinfo><documenttype>PhilipsECG</documenttype>'
        "<documentversion>1.03</documentversion></documentinfo>"
        "<dataacquisition><signalcharacteristics>"
        f"<samplingrate>{fs_hz}</samplingrate><resolution>{resolution}</resolution>"
        "<signalsigned>True</signalsigned>"
        f"<numberchannelsallocated>{len(steps)}</numberchannelsallocated>"
        "</signalcharacteristics></dataacquisition><waveforms>"
        f'<parsedwaveforms samplespersecond="{fs_hz}" dataencoding="Base64" '
        f'durationperchannel="{ms:g}" resolution="{resolution}" leadlabels="{" ".join(steps)}" '
        f'numberofleads="{len(steps)}">'
        f"{base64.b64encode(samples.tobytes()).decode()}</parsedwaveforms></waveforms>"
        "</restingecgdata>"
    ).encode()


def scp(steps: dict[str, list[int]], interval_us: int = 2000, step_nv: int = 2500) -> bytes:
    """SCP-ECG: sections 0 (pointers), 1 (date), 3 (leads) and 6 (samples, not compressed)."""
    n_samples = len(next(iter(steps.values())))
    codes = {"I": 1, "II": 2}
    leads = b"".join(struct.pack("<IIB", 1, n_samples, codes[name]) for name in steps)
    data = b"".join(np.array(values, "<i2").tobytes() for values in steps.values())
    sizes = struct.pack(f"<{len(steps)}H", *(2 * n_samples for _ in steps))
    date = struct.pack("<BHHBB", 25, 4, 2020, 1, 2) + struct.pack("<BHBBB", 26, 3, 3, 4, 5)
    bodies = {
        1: date + struct.pack("<BH", 255, 0),
        3: struct.pack("<BB", len(steps), 0b100 | len(steps) << 3) + leads,
        6: struct.pack("<HHBB", step_nv, interval_us, 0, 0) + sizes + data,
    }
    length_0 = 16 + 10 * (1 + len(bodies))
    place, pointers, sections = 7 + length_0, struct.pack("<HII", 0, length_0, 7), b""
    for number, body in bodies.items():
        body += b"\0" * (len(body) % 2)
        pointers += struct.pack("<HII", number, 16 + len(body), place)
        sections += struct.pack("<HHIBB6s", 0, number, 16 + len(body), 13, 13, b"") + body
        place += 16 + len(body)
    first = struct.pack("<HHIBB6s", 0, 0, length_0, 13, 13, b"SCPECG") + pointers
    return struct.pack("<HI", 0, 6 + len(first) + len(sections)) + first + sections


def mfer(steps: list[int], interval_ms: int | None = 4) -> bytes:
    """MFER: tag, length, value; one lead, 1 uV for each step, little-endian."""
    data = np.array(steps, "<i2").tobytes()
    blocks = [
        (0x40, b"MFR Standard 12 leads ECG".ljust(32)),
        (0x01, b"\1"),  # little-endian
        (0x0C, struct.pack("<Bbh", 0, -6, 1)),  # V, 1e-6, 1
        (0x05, b"\1"),
        (0x04, struct.pack("<I", len(steps))),
        (0x06, b"\1"),
        (0x0A, b"\0"),
    ]
    if interval_ms is not None:
        blocks.insert(2, (0x0B, struct.pack("<Bbh", 1, -3, interval_ms)))
    head = b"".join(bytes((tag, len(value))) + value for tag, value in blocks)
    return head + b"\x1e\x84" + struct.pack(">I", len(data)) + data + b"\x80\x00"


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


def lzw(codes: list[int]) -> bytes:
    """One lead of Philips' compression: its size, 4 bytes, and codes of 10 bits."""
    text = "".join(f"{code:010b}" for code in codes)
    text += "0" * (-len(text) % 8)
    packed = int(text, 2).to_bytes(len(text) // 8, "big")
    return len(packed).to_bytes(4, "little") + bytes(4) + packed


def compressed(codes: list[int]) -> bytes:
    plain = philips({"I": [0]}).decode()
    start, _, rest = plain.partition('dataencoding="Base64"')
    head, _, tail = rest.partition(">")
    data = base64.b64encode(lzw(codes)).decode()
    _, _, tail = tail.partition("</parsedwaveforms>")
    return (
        f'{start}dataencoding="Base64" compression="XLI"{head}>{data}</parsedwaveforms>{tail}'
    ).encode()


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
        "ecg-lightning's code: python -m pip install '.[formats]'"
    )
