"""Write recordings in several formats, piece by piece, to compare what is read with what is known.

The writers are independent of the readers in `ecg_lightning.records`. Each takes the samples as the
converter's steps of 1/200 mV, as MIT-BIH has them, in pieces (leads, T) of int16.
"""

import binascii
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pieces = Iterable[npt.NDArray[np.int16]]
STEPS_PER_MV = 200
_ISHNE_LEADS = {"I": 5, "II": 6, "III": 7, "aVR": 8, "aVL": 9, "aVF": 10, "V1": 11, "V5": 15}


def write_wfdb(
    path: Path,
    pieces: Pieces,
    names: Sequence[str],
    fs_hz: int,
    steps_per_mv: float = STEPS_PER_MV,
) -> None:
    """Write PATH.hea and PATH.dat in format 16."""
    samples, sums = 0, np.zeros(len(names), np.int64)
    with path.with_name(f"{path.name}.dat").open("wb") as file:
        for piece in pieces:
            file.write(piece.T.astype("<i2").tobytes())
            samples, sums = samples + piece.shape[1], sums + piece.sum(axis=1, dtype=np.int64)
    lines = [f"{path.name} {len(names)} {fs_hz} {samples}"]
    for name, total in zip(names, sums.tolist(), strict=True):
        checksum = (total + 32_768) % 65_536 - 32_768
        lines.append(f"{path.name}.dat 16 {steps_per_mv}(0)/mV 16 0 0 {checksum} 0 {name}")
    path.with_name(f"{path.name}.hea").write_text("\n".join([*lines, ""]), encoding="utf-8")


def write_edf(path: Path, pieces: Pieces, names: Sequence[str], fs_hz: int) -> None:
    """Write EDF, whose samples have two bytes."""
    _write_records(path, pieces, names, fs_hz, b"0       ", 2)


def write_bdf(path: Path, pieces: Pieces, names: Sequence[str], fs_hz: int) -> None:
    """Write BDF, whose samples have three bytes."""
    _write_records(path, pieces, names, fs_hz, b"\xffBIOSEMI", 3)


def write_ishne(path: Path, pieces: Pieces, names: Sequence[str], fs_hz: int) -> None:
    """Write an ISHNE Holter file; the header's checksum is that of the standard."""
    samples = 0
    with path.open("wb") as file:
        file.write(b"\0" * 522)
        for piece in pieces:
            file.write(piece.T.astype("<i2").tobytes())
            samples += piece.shape[1]
        file.seek(0)
        header = _ishne_header(names, fs_hz, samples)
        file.write(b"ISHNE1.0" + struct.pack("<H", binascii.crc_hqx(header, 0xFFFF)) + header)


def _ishne_header(names: Sequence[str], fs_hz: int, samples: int) -> bytes:
    specifications = [_ISHNE_LEADS[name] for name in names] + [-9] * (12 - len(names))
    resolutions_nv = [1_000_000 // STEPS_PER_MV] * len(names) + [-9] * (12 - len(names))
    twelve = struct.Struct("<12h")
    fields = struct.pack("<iiiih40s40s20shh", 0, samples, 522, 522, 1, b"", b"", b"", 0, 0)
    fields += struct.pack("<12hh", *[1, 1, 2000] * 3, 0, 0, 0, len(names))
    fields += twelve.pack(*specifications) + twelve.pack(*[0] * 12) + twelve.pack(*resolutions_nv)
    return fields + struct.pack("<h40sh80s80s88s", 0, b"", fs_hz, b"", b"", b"")


def _write_records(
    path: Path, pieces: Pieces, names: Sequence[str], fs_hz: int, version: bytes, size: int
) -> None:
    """Write whole data records of a second; a rest shorter than that is not written."""
    rest, records = np.empty((len(names), 0), np.int16), 0
    with path.open("wb") as file:
        file.write(_edf_header(names, fs_hz, version, 0))
        for piece in pieces:
            joined = np.concatenate([rest, piece], axis=1)
            count = joined.shape[1] // fs_hz
            whole, rest = joined[:, : count * fs_hz], joined[:, count * fs_hz :]
            by_record = whole.reshape(len(names), count, fs_hz).transpose(1, 0, 2)
            file.write(by_record.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :size].tobytes())
            records += count
        file.seek(0)
        file.write(_edf_header(names, fs_hz, version, records))


def _edf_header(names: Sequence[str], fs_hz: int, version: bytes, records: int) -> bytes:
    count, low, high = len(names), -(1 << 15), (1 << 15) - 1
    first = [("", 80), ("", 80), ("01.01.00", 8), ("00.00.00", 8), (256 * (count + 1), 8)]
    first += [("24BIT" if version[:1] == b"\xff" else "", 44), (records, 8), (1, 8), (count, 4)]
    limits = [f"{value / STEPS_PER_MV:g}" for value in (low, high)]
    fields: list[tuple[Callable[[str], object], int]] = [
        (lambda name: name, 16),
        (lambda name: "", 80),
        (lambda name: "mV", 8),
        *((lambda name, limit=limit: limit, 8) for limit in limits),
        (lambda name: low, 8),
        (lambda name: high, 8),
        (lambda name: "", 80),
        (lambda name: fs_hz, 8),
        (lambda name: "", 32),
    ]
    text = "".join(f"{value!s:<{width}}" for value, width in first)
    text += "".join(f"{field(name)!s:<{width}}" for field, width in fields for name in names)
    return version + text.encode("ascii")
