"""ISHNE Holter files written byte by byte, with any field that a test wants wrong."""

import binascii
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAGIC, ANNOTATIONS = b"ISHNE1.0", b"ANN  1.0"
NAME = b"Jane Doe"


def ishne_header(
    n_samples: int,
    *,
    leads: Sequence[int] = (6, 11),
    qualities: Sequence[int] = (0, 0),
    resolutions_nv: Sequence[int] = (5000, 2500),
    n_leads: int | None = None,
    fs_hz: int = 200,
    start: Sequence[int] = (2, 3, 2002, 13, 4, 5),
    block: bytes = b"",
    offset: int | None = None,
    block_size: int | None = None,
    magic: bytes = MAGIC,
    checksum: int | None = None,
) -> bytes:
    """Return a header and the block of variable length behind it."""
    n_leads = len(leads) if n_leads is None else n_leads
    block_size = len(block) if block_size is None else block_size
    offset = 522 + len(block) if offset is None else offset
    fields = struct.pack("<iiiih40s40s20s", block_size, n_samples, 522, offset, 1, NAME, NAME, NAME)
    fields += struct.pack("<hh3h3h3h3h", 2, 0, 2, 3, 1951, *start[:3], 4, 5, 2002, *start[3:])
    fields += struct.pack("<h", n_leads)
    for values in (leads, qualities, resolutions_nv):
        fields += struct.pack("<12h", *values, *[-9] * (12 - len(values)))
    fields += struct.pack("<h40sh80s80s88s", 0, b"digital", fs_hz, b"", b"", b"") + block
    checksum = binascii.crc_hqx(fields, 0xFFFF) if checksum is None else checksum
    return magic + struct.pack("<H", checksum) + fields


def write_ishne(
    path: Path, digital: npt.ArrayLike, rest: bytes = b"", header: bytes | None = None
) -> Path:
    """Write samples (leads, T) behind a header; default: the plain one."""
    samples = np.asarray(digital).T.astype("<i2")
    header = ishne_header(len(samples)) if header is None else header
    path.write_bytes(header + samples.tobytes() + rest)
    return path


def write_ishne_annotations(
    path: Path, first: int, entries: Sequence[tuple[str, int]], rest: bytes = b"", fs_hz: int = 200
) -> None:
    """Write annotations (label, distance in samples to the one before)."""
    header = ishne_header(0, magic=ANNOTATIONS, checksum=0, fs_hz=fs_hz, block=b"a comment")
    content = struct.pack("<I", first)
    content += b"".join(
        struct.pack("<ccH", label.encode("latin-1"), b"#", distance) for label, distance in entries
    )
    path.write_bytes(header + content + rest)
