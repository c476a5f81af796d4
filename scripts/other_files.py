"""Small files of formats without a free writer, by the descriptions of the formats.

The tests and the fuzzer read them.
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence

import numpy as np

Steps = Mapping[str, Sequence[int]]  # lead to its samples, in steps of the converter
STEPS = {"I": [0, 100, -200, 300, 7], "II": [5, -5, 1000, -1000, 32000]}


def aecg(
    steps: Steps,
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
    steps: Steps,
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


def kardia(steps: Steps, fs_hz: object = 300, resolution: object = 500) -> bytes:
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


def mortara(steps: Steps, fs_hz: str = "1000", per_mv: str = "400") -> bytes:
    """Mortara: little-endian 16-bit samples in Base64, and steps for each millivolt."""
    channels = "".join(
        f'<CHANNEL NAME="{name}" UNITS_PER_MV="{per_mv}" DURATION="{len(values)}" '
        f'SAMPLE_FREQ="{fs_hz}" FORMAT="SIGNED" BITS="16" ENCODING="BASE64" '
        f'DATA="{base64.b64encode(np.array(values, "<i2").tobytes()).decode()}"/>'
        for name, values in steps.items()
    )
    return f'<?xml version="1.0"?><ECG ACQUISITION_TIME="20200102030405">{channels}</ECG>'.encode()


def philips(steps: Steps, fs_hz: str = "500", resolution: str = "5") -> bytes:
    """Philips: the samples of one lead after another, and microvolts for each step."""
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


def scp(steps: Steps, interval_us: int = 2000, step_nv: int = 2500) -> bytes:
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


def mfer(steps: Sequence[int], interval_ms: int | None = 4) -> bytes:
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


def lzw(codes: list[int]) -> bytes:
    """One lead of Philips' compression: its size, 4 bytes, and codes of 10 bits."""
    text = "".join(f"{code:010b}" for code in codes)
    text += "0" * (-len(text) % 8)
    packed = int(text, 2).to_bytes(len(text) // 8, "big")
    return len(packed).to_bytes(4, "little") + bytes(4) + packed


def compressed(codes: list[int]) -> bytes:
    """A file of Philips with one lead, whose samples are compressed."""
    plain = philips({"I": [0]}).decode()
    start, _, rest = plain.partition('dataencoding="Base64"')
    head, _, tail = rest.partition(">")
    data = base64.b64encode(lzw(codes)).decode()
    _, _, tail = tail.partition("</parsedwaveforms>")
    return (
        f'{start}dataencoding="Base64" compression="XLI"{head}>{data}</parsedwaveforms>{tail}'
    ).encode()
