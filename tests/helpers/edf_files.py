"""EDF and BDF files written byte by byte, with any field that a test wants wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import numpy.typing as npt

from ecg_lightning.records.recording import Recording

BDF_VERSION = b"\xffBIOSEMI"
EDF_VERSION = b"0       "


@dataclass(frozen=True)
class EdfSignal:
    """The header fields of one signal; text is written as Latin-1."""

    label: str | bytes = "ECG"
    unit: str | bytes = "mV"
    physical_min: str | bytes = "-10"
    physical_max: str | bytes = "10"
    digital_min: str | bytes = "-2000"
    digital_max: str | bytes = "2000"
    samples: int | str = 4


PLAIN = EdfSignal(physical_min="-2", physical_max="2")  # a thousand steps for each mV
ANNOTATIONS = EdfSignal("EDF Annotations", "", "-1", "1", "-32768", "32767", 32)
BDF_ANNOTATIONS = EdfSignal("BDF Annotations", "", "-1", "1", "-8388608", "8388607", 32)


def edf_header(
    signals: Sequence[EdfSignal],
    *,
    n_records: int | str = -1,
    record_s: float | str = 1,
    reserved: str = "",
    version: bytes = EDF_VERSION,
    patient: str = "X X X X",
    recording: str = "Startdate X X X X",
    date: str = "01.01.85",
    time: str = "00.00.00",
    header_bytes: int | str | None = None,
    n_signals: int | str | None = None,
) -> bytes:
    """Return a header."""
    n_signals = len(signals) if n_signals is None else n_signals
    header_bytes = 256 * (len(signals) + 1) if header_bytes is None else header_bytes
    first: list[tuple[object, int]] = [
        (version, 8),
        (patient, 80),
        (recording, 80),
        (date, 8),
        (time, 8),
    ]
    first += [(header_bytes, 8), (reserved, 44), (n_records, 8), (record_s, 8), (n_signals, 4)]
    rows = [
        (
            *((s.label, 16), ("AgCl", 80), (s.unit, 8), (s.physical_min, 8), (s.physical_max, 8)),
            *((s.digital_min, 8), (s.digital_max, 8), ("", 80), (s.samples, 8), ("", 32)),
        )
        for s in signals
    ]
    columns = [field for column in zip(*rows, strict=True) for field in column]
    return b"".join(_field(value, width) for value, width in [*first, *columns])


def _field(value: object, width: int) -> bytes:
    content = value if isinstance(value, bytes) else str(value).encode("latin-1")
    assert len(content) <= width
    return content.ljust(width)


def stored(values: npt.ArrayLike, width: int = 2) -> bytes:
    """Return integers of two or three bytes, the lowest first."""
    wide = np.asarray(values, "<i4").reshape(-1, 1).view(np.uint8)
    return wide[:, :width].tobytes()


def time_list(onset: str, *marks: str, size: int = 64) -> bytes:
    r"""Return the bytes of an annotation signal: its time, then marks such as "+1\x14N"."""
    lists = [f"{onset}\x14\x14", *(f"{mark}\x14" for mark in marks)]
    content = b"".join(text.encode() + b"\0" for text in lists)
    assert len(content) <= size
    return content.ljust(size, b"\0")


def write_edf_records(
    path: Path, header: bytes, records: Sequence[Sequence[bytes]], rest: bytes = b""
) -> Path:
    """Write a header and the data records, each a list of its signals' bytes."""
    path.write_bytes(header + b"".join(part for record in records for part in record) + rest)
    return path


def write_discontinuous(
    path: Path,
    onsets: Sequence[str],
    *,
    record_s: float | str = 1,
    leads: Sequence[EdfSignal] = (EdfSignal(),),
    is_bdf: bool = False,
    marks: Mapping[int, Sequence[str]] | None = None,
    kind: str = "+D",
) -> list[list[npt.NDArray[np.int64]]]:
    """Write a file whose data records begin at `onsets`.

    Returns:
        The digital values of each lead in each data record.
    """
    width = 3 if is_bdf else 2
    counts = [int(lead.samples) for lead in leads]
    rng = np.random.default_rng(0)
    values = [[rng.integers(-2000, 2000, count) for count in counts] for _ in onsets]
    times = [
        time_list(onset, *(marks or {}).get(i, ()), size=32 * width)
        for i, onset in enumerate(onsets)
    ]
    version = BDF_VERSION if is_bdf else EDF_VERSION
    header = edf_header(
        [*leads, BDF_ANNOTATIONS if is_bdf else ANNOTATIONS],
        n_records=len(onsets),
        record_s=record_s,
        reserved=("BDF" if is_bdf else "EDF") + kind,
        version=version,
    )
    records = [
        [*(stored(lead, width) for lead in record), time]
        for record, time in zip(values, times, strict=True)
    ]
    write_edf_records(path, header, records)
    return values


def write_by_edfio(path: Path, seconds: int = 7, is_bdf: bool = False, **words: Any) -> Any:
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
    """Return all samples of a lead."""
    return recording.read_exactly(leads=lead)[0]
