"""WFDB records: the signal of one lead and the annotations, checked against the header.

The formats are PhysioNet's: header(5), signal(5) and annot(5) of the WFDB Applications Guide.
"""

from pathlib import Path

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import choose_lead, lead_note, millivolts_in
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb_annotations import read_annotations
from ecg_lightning.records.wfdb_header import Header, read_header
from ecg_lightning.records.wfdb_signal import read_signal
from ecg_lightning.text import escaped

# The defaults of header(5), which may be wrong.
UNKNOWN_RATE = "the header has no sampling rate: 250 Hz is assumed"
UNKNOWN_GAIN = "the header has no gain: 200 steps of the converter for each unit are assumed"
# A heartbeat cannot be seen at a lower rate, and no recorder of ECG is faster.
_RATES_HZ = (20.0, 100_000.0)


def read_record(root: Path, name: str, lead: int | str = 0, annotator: str = "atr") -> Record:
    """Read one lead and the annotations of a record, and check them.

    Every field of the header is checked. The size of the signal file and, where there is one, the
    16-bit checksum are compared with the header. The annotations are checked for their end mark and
    for unknown codes; those outside the signal are dropped, with a note.

    Args:
        root: The folder of the database.
        name: The name of the record below `root`, as `find_records` returns it.
        lead: The index of the lead, its name in the header, or a list of both such as
            `"MLII,II,0"`, the best first; see `choose_lead`.
        annotator: The ending of the annotation file.

    Returns:
        The record.

    Raises:
        InputError: The header, the lead, the signal or the annotations are missing, damaged or of
            a form that is not read (several segments, several samples per frame).

    Example:
        >>> record = read_record(Path("mitdb"), "100", lead="MLII")  # doctest: +SKIP
    """
    path = Path(root) / name
    _check_name(path, name)
    header = read_header(path.parent / f"{path.name}.hea")
    channel = _channel(header, lead)
    _check_rates(header, channel)
    signal, unit = _in_millivolts(read_signal(header, channel), header.signals[channel].unit)
    annotations = path.parent / f"{path.name}.{annotator}"
    samples, symbols, outside = read_annotations(annotations, header.fs_hz, len(signal))
    odd_lead = lead_note(_lead_names(header), channel, lead)
    facts = (
        RecordNote(name, "signal", "" if header.has_rate else UNKNOWN_RATE),
        RecordNote(name, "signal", odd_lead),
        RecordNote(name, "signal", "" if header.signals[channel].calibrated else UNKNOWN_GAIN),
        RecordNote(name, "dropped", outside),
    )
    notes = tuple(note for note in facts if note.text)
    lead_name = header.leads[channel]
    return Record(name, header.fs_hz, lead_name, signal, samples, symbols, unit, notes)


def _check_name(path: Path, name: str) -> None:
    """Refuse a name that is not UTF-8: neither tables nor pages could hold it."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            escaped(f"{path}.hea"),
            expected="the name of a record in UTF-8",
            found=escaped(name),
            hint="rename its files, and the signal files that the header names",
        ) from error


def _in_millivolts(signal: Floats, unit: str) -> tuple[Floats, str]:
    """A signal, and its unit: mV for every voltage."""
    millivolts = millivolts_in(unit)
    if millivolts not in (None, 1.0):
        signal *= millivolts
    return signal, unit if millivolts is None else "mV"


def _lead_names(header: Header) -> list[str]:
    return [line.name for line in header.signals]


def _channel(header: Header, lead: int | str) -> int:
    """The index of a lead; refuse a record with segments, which has no leads of its own."""
    if header.n_segments is not None:
        raise InputError(
            f"{header.path}",
            expected="a record without segments",
            found=f"one with {header.n_segments:,}",
            hint="read it with wfdb.rdrecord and write it as one record with wfdb.wrsamp",
        )
    channel = choose_lead(_lead_names(header), [line.unit for line in header.signals], lead)
    if channel is None:
        names = escaped(", ".join(header.leads))
        raise InputError(
            f"{header.path}",
            expected=f"a lead out of {names} or an index from 0 to {len(header.leads) - 1}",
            found=escaped(repr(lead)),
            hint="choose one of these",
            setting="lead",
        )
    return channel


def _check_rates(header: Header, channel: int) -> None:
    """Refuse a lead of several samples per frame, and a rate that is not one of an ECG."""
    line = header.signals[channel]
    if line.samples_per_frame != 1:
        raise InputError(
            f"{header.path}",
            expected=f"1 sample per frame for {escaped(header.leads[channel])}",
            found=f"{line.samples_per_frame} (a multi-frequency record)",
            hint="resample the record or choose another lead",
            setting="lead",
        )
    if not _RATES_HZ[0] <= header.fs_hz <= _RATES_HZ[1]:
        raise InputError(
            f"{header.path}",
            expected=f"an ECG at {_RATES_HZ[0]:g} to {_RATES_HZ[1]:,.0f} Hz",
            found=f"{header.fs_hz:g} Hz",
            hint="repair the header, or move the record out of the folder",
        )
