"""The formats of recordings: how the first bytes of a file tell each, and which function reads it.

A new format is one line in `FORMATS`, one function that tells it and one function that reads it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ecg_lightning.records.file_heads import Head, is_text, xml_start
from ecg_lightning.records.foreign_files import has_signature

_DICOM_CLASSES = b"1.2.840.10008.5.1.4.1.1."  # how the classes of stored objects begin
_MORTARA = (b"<CHANNEL", b"<TYPICAL_CYCLE", b"MORTARA", b"UNITS_PER_MV")


@dataclass(frozen=True)
class Format:
    """One format of recordings.

    Attributes:
        name: Its name.
        matches: Whether a file is of this format.
        reader: The function that reads it, as `module:function` of this folder.
        options: What a user can state, apart from the lead and the rate: names in `ReadOptions`.
        extra: The extra of the package that installs its library; "" where none is needed.
        is_tried: Whether it was tried with a real file.
    """

    name: str
    matches: Callable[[Head], bool]
    reader: str
    options: tuple[str, ...] = ()
    extra: str = ""
    is_tried: bool = True


def format_of(head: Head) -> Format | None:
    """Return the format of a file; None where it is of no format that is read."""
    return next((one for one in FORMATS if one.matches(head)), None)


def _is_edf(head: Head) -> bool:
    # A table may begin with a number as well, but the fields of a header hold no line end.
    is_table = is_text(head) and re.search(rb"[\r\n]", head.start[:256])
    return head.start.startswith(b"0       ") and not is_table


def _is_bdf(head: Head) -> bool:
    return head.start.startswith(b"\xffBIOSEMI")


def _is_ishne(head: Head) -> bool:
    return head.start.startswith(b"ISHNE1.0")


def _is_dicom(head: Head) -> bool:
    """Whether a file has the mark after the preamble, or is sure to be DICOM without it.

    Such a file begins with an element of the first two groups, and names its class early.
    """
    if head.start[128:132] == b"DICM":
        return True
    return head.start[:2] in (b"\2\0", b"\x08\0") and _DICOM_CLASSES in head.start


def _is_scp(head: Head) -> bool:
    """Whether section 0 comes first and points at itself, as the standard has it."""

    def number(start: int, size: int) -> int:
        return int.from_bytes(head.start[start : start + size], "little")

    if len(head.start) < 32 or number(8, 2) != 0 or number(22, 2) != 0 or number(28, 4) != 7:
        return False
    length = number(10, 4)
    return length >= 26 and (length - 16) % 10 == 0 and number(2, 4) >= 6 + length


def _is_aecg(head: Head) -> bool:
    return bool(re.search(rb"<([A-Za-z_][\w.-]*:)?AnnotatedECG\b", xml_start(head)))


def _is_muse(head: Head) -> bool:
    return bool(re.search(rb"<restingecg[\s>]|<museinfo", xml_start(head).lower()))


def _is_philips(head: Head) -> bool:
    return b"<restingecgdata" in xml_start(head)


def _is_mortara(head: Head) -> bool:
    start = xml_start(head)
    return bool(re.search(rb"<ECG[\s>]", start)) and any(m in start.upper() for m in _MORTARA)


def _is_kardia(head: Head) -> bool:
    start = head.start.removeprefix(b"\xef\xbb\xbf").lstrip()
    keys = (b'"algorithmDetermination"', b'"patientID"', b'"amplitudeResolution"', b'"data12L"')
    is_recording = start.startswith(b"{") and b'"recordedAt"' in start
    return is_recording and any(key in start for key in keys)


def _is_mfer(head: Head) -> bool:
    return head.start[:1] == b"\x40" and head.start[2:6] == b"MFR "


def _is_table(head: Head) -> bool:
    """Whether a file is a text and no XML or JSON; the last resort."""
    is_json = head.start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    is_marked = is_json or xml_start(head) or has_signature(head)
    return is_text(head) and not is_marked and head.path.suffix.lower() != ".hea"


_OTHER = ("other_formats:read_other", (), "formats", False)
FORMATS = (
    Format("EDF", _is_edf, "edf.reader:read_edf", ("unit",)),
    Format("BDF", _is_bdf, "edf.reader:read_edf", ("unit",)),
    Format("ISHNE", _is_ishne, "ishne.reader:read_ishne"),
    Format("DICOM", _is_dicom, "dicom.reader:read_dicom", ("unit",), "dicom"),
    Format("HL7 aECG", _is_aecg, *_OTHER),
    Format("Philips XML", _is_philips, *_OTHER),
    Format("MUSE XML", _is_muse, *_OTHER),
    Format("Mortara XML", _is_mortara, *_OTHER),
    Format("Kardia", _is_kardia, *_OTHER),
    Format("MFER", _is_mfer, *_OTHER),
    Format("SCP-ECG", _is_scp, *_OTHER),
    Format("table", _is_table, "tables.reader:read_table", ("unit", "column")),
)
# These two are not told by the first bytes of a file: a WFDB record has a header file of its name.
WFDB = Format("WFDB", lambda _: False, "wfdb.reader:read_wfdb", ("unit", "annotator"))
ARRAY = Format("array", lambda _: False, "array_recording:recording_of_array", ("unit",))
