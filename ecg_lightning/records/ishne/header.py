"""Headers of ISHNE Holter files: numbers of 16 and 32 bits, the lowest byte first.

The standard is Badilini, "The ISHNE Holter Standard Output File Format", Annals of Noninvasive
Electrocardiology 3 (1998), 263-266.
"""

import binascii
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ecg_lightning.errors import InputError
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.system.input_files import input_size, open_input
from ecg_lightning.text import counted

EXPECTED = "an ISHNE Holter file"
FIXED = 522  # bytes in front of the block of variable length
_CHECKED_FROM = 10  # the first byte that the checksum counts
_MOST_LEADS = 12
_PIECE = 1 << 20  # bytes of the block of variable length that are read at once
_BIPOLAR = 1
_NAMED = ("X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF")  # from code 2 on
_NAMES = dict(enumerate((*_NAMED, "V1", "V2", "V3", "V4", "V5", "V6", "ES", "AS", "AI"), 2))
_QUALITIES = {
    2: "intermittent noise",
    3: "frequent noise",
    4: "intermittent disconnection",
    5: "frequent disconnection",
}


@dataclass(frozen=True)
class Header:
    """The header of a file, without what it says of the patient.

    Attributes:
        path: The file.
        names: The name of each lead.
        resolutions_nv: Nanovolts of one step of each lead; None where the file does not say it.
        fs_hz: The sampling rate.
        start: The date and the time of the first sample; None where they are not known.
        offset: The byte of the first sample.
        samples: The length of each lead.
        notes: What a user has to know.
    """

    path: Path
    names: tuple[str, ...]
    resolutions_nv: tuple[int | None, ...]
    fs_hz: float
    start: datetime | None
    offset: int
    samples: int
    notes: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Read the header of a file, and compare it with the size of the file.

    Raises:
        InputError: The file is missing, too short or another one, or a field is wrong.
    """
    size = input_size(path, EXPECTED)
    with open_input(path, EXPECTED) as file:
        fixed = read_block(file, path, 0, min(size, FIXED))
        if len(fixed) < FIXED or fixed[:8] != b"ISHNE1.0":
            hint = "check the path, or fetch the file again"
            raise _refused(path, EXPECTED, "another file, or a part of one", hint)
        (n_leads,), (fs_hz,) = shorts(fixed, 156, 1), shorts(fixed, 272, 1)
        if not 1 <= n_leads <= _MOST_LEADS:
            raise _refused(path, f"1 to {_MOST_LEADS} leads", f"{n_leads}")
        if fs_hz <= 0:
            raise _refused(path, "a positive sampling rate", f"{fs_hz} Hz")
        offset = _offset(path, fixed, n_leads, size)
        note = _checksum_note(file, path, fixed, offset)
    samples, length_note = _length(path, fixed, n_leads, size - offset)
    names = tuple(_name(i, code) for i, code in enumerate(shorts(fixed, 158, n_leads)))
    return Header(
        path,
        names,
        tuple(nv if nv > 0 else None for nv in shorts(fixed, 206, n_leads)),
        float(fs_hz),
        _start(fixed),
        offset,
        samples,
        tuple(filter(None, (note, length_note, *_quality_notes(fixed, names)))),
    )


def shorts(fixed: bytes, offset: int, count: int) -> tuple[int, ...]:
    """Return numbers of 16 bits of a header."""
    return struct.unpack_from(f"<{count}h", fixed, offset)


def long(fixed: bytes, offset: int) -> int:
    """Return a number of 32 bits of a header."""
    return int(struct.unpack_from("<i", fixed, offset)[0])


def _offset(path: Path, fixed: bytes, n_leads: int, size: int) -> int:
    """The byte of the first sample.

    It is the byte after the block of variable length. The header states it as well, and is not
    always right: if the two differ, the one that fits the length and the size of the file counts.
    """
    computed, said = FIXED + long(fixed, 10), long(fixed, 22)
    if computed == said and FIXED <= said <= size:
        return said
    length = 2 * n_leads * long(fixed, 14)
    for offset in (computed, said):
        if FIXED <= offset <= size and length > 0 and offset + length == size:
            return offset
    raise _refused(
        path,
        f"samples from byte {computed:,} on, after the block of variable length",
        f"samples from byte {said:,} on in a file of {size:,} bytes",
    )


def _length(path: Path, fixed: bytes, n_leads: int, size: int) -> tuple[int, str]:
    """The samples of each lead in `size` bytes, and a note where the header says another number."""
    samples, rest = divmod(size, 2 * n_leads)
    if samples == 0:
        raise _refused(path, f"samples of {counted(n_leads, 'lead')}", f"{size} bytes of them")
    said = long(fixed, 14)
    if said == samples and not rest:
        return samples, ""
    part = " and a part of one, which is not read" if rest else ""
    says = f"the header says {counted(said, 'sample')} of each lead, " if said != samples else ""
    return samples, f"{says}the file holds {samples:,}{part}"


def _checksum_note(file: BinaryIO, path: Path, fixed: bytes, offset: int) -> str:
    """A note on a wrong checksum (CRC-CCITT). 0 is none; some recorders swap its two bytes."""
    if not any(fixed[8:10]):
        return ""
    checksum = 0xFFFF
    for begin in range(_CHECKED_FROM, offset, _PIECE):
        block = read_block(file, path, begin, min(_PIECE, offset - begin))
        checksum = binascii.crc_hqx(block, checksum)
    is_right = checksum in (int.from_bytes(fixed[8:10], order) for order in ("little", "big"))
    return "" if is_right else "the checksum of the header is wrong"


def _name(i: int, code: int) -> str:
    return _NAMES.get(code, f"bipolar {i}" if code == _BIPOLAR else f"channel {i}")


def _quality_notes(fixed: bytes, names: tuple[str, ...]) -> list[str]:
    qualities = zip(names, shorts(fixed, 182, len(names)), strict=True)
    return [
        f"the file says of lead {name}: {_QUALITIES[quality]}"
        for name, quality in qualities
        if quality in _QUALITIES
    ]


def _start(fixed: bytes) -> datetime | None:
    """The date and the time of the first sample; None where one of them is not known."""
    day, month, year = shorts(fixed, 138, 3)
    hour, minute, second = shorts(fixed, 150, 3)
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _refused(path: Path, expected: str, found: str, hint: str = "repair the header") -> InputError:
    return InputError(str(path), expected=expected, found=found, hint=hint)
