"""EDF, EDF+, BDF and BDF+ files: their leads, gaps, start time and annotations."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.records.edf.annotations import outer_onsets, read_annotations, read_timeline
from ecg_lightning.records.edf.header import EXPECTED, Header, read_header
from ecg_lightning.records.edf.samples import DataRecords, EdfSamples, Timeline
from ecg_lightning.records.leads import unit_and_gain
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, ReadOptions, Recording, used_lead
from ecg_lightning.records.stated import check_unit, checked_rate
from ecg_lightning.system.input_files import input_size, open_input
from ecg_lightning.text import counted

_DAY_S = 86_400


def read_edf(path: Path, options: ReadOptions) -> Recording:
    """Open an EDF, EDF+, BDF or BDF+ file.

    Each lead has its own sampling rate. The gaps of a discontinuous file (EDF+D, BDF+D) are NaN;
    such a recording may last 31 days with its gaps. The number of data records comes from the size
    of the file, with a note where the header says another one.

    Args:
        path: The file.
        options: What the user states.

    Raises:
        InputError: The header is damaged, there are no samples, the data records of a
            discontinuous file overlap or have no times, or the user states what the file says
            otherwise.
    """
    header = read_header(path)
    records, note = _data_records(header)
    with open_input(path, EXPECTED) as file:
        first_s, last_s = outer_onsets(file, header, records)
        if header.format.endswith("+D"):
            timeline, gap_note = read_timeline(file, header, records), ""
        else:
            timeline = Timeline(np.zeros(1, np.int64), np.zeros(1), records.count)
            gap_note = _gap_note(header, records, first_s, last_s)
    units = [signal.unit or (options.unit or "").strip() for signal in header.leads]
    gains = tuple(unit_and_gain(unit)[1] for unit in units)
    source = EdfSamples(header, records, timeline, gains)
    notes = [text for text in (note, gap_note) if text]
    return _recording(source, units, options, first_s or 0.0, notes)


def _recording(
    source: EdfSamples, units: list[str], options: ReadOptions, start_s: float, notes: list[str]
) -> Recording:
    header, path = source.header, source.header.path
    leads = tuple(_lead(i, source, unit) for i, unit in enumerate(units))
    used = used_lead(path.stem, leads, options.lead)
    checked_rate(str(path), leads[used].fs_hz, options.fs_hz)
    check_unit(str(path), header.leads[used].unit, options.unit)
    find_annotations = partial(
        read_annotations, header, source.records, start_s, leads[used].fs_hz, leads[used].samples
    )
    return Recording(
        path.stem,
        header.format,
        leads,
        used,
        source,
        path,
        _start_time(header, start_s),
        tuple(RecordNote(path.stem, "signal", note) for note in notes),
        find_annotations if header.annotation_signals else lambda: None,
    )


def _lead(i: int, source: EdfSamples, unit: str) -> Lead:
    signal = source.header.leads[i]
    fs_hz = source.header.rate_hz(signal)
    samples = int(source.timeline.stops(fs_hz, signal.samples)[-1])
    return Lead(signal.name or f"channel {i}", unit_and_gain(unit)[0], fs_hz, samples)


def _data_records(header: Header) -> tuple[DataRecords, str]:
    """Where the data records are, and a note where the file has other ones than its header says."""
    if not header.leads:
        raise _refused(header, "one or more signals with samples", "annotations only")
    if header.format.endswith("+D") and not header.annotation_signals:
        raise _refused(header, "annotations with the times of the data records", "none")
    size = input_size(header.path, EXPECTED) - header.size
    count, rest = divmod(size, header.record_size)
    if count == 0:
        raise _refused(header, f"data records of {header.record_size:,} bytes", f"{size:,} bytes")
    said = f"the header says {counted(header.n_records or 0, 'data record')}, "
    said = "" if header.n_records in (None, count) else said
    part = " and a part of one, which is not read" if rest else ""
    note = f"{said}the file holds {count:,}{part}" if said or part else ""
    return DataRecords(header.path, header.size, header.record_size, count), note


def _gap_note(
    header: Header, records: DataRecords, first_s: float | None, last_s: float | None
) -> str:
    """A note where the last data record of a continuous file has the time of another place."""
    if first_s is None or last_s is None:
        return ""
    late_s = last_s - first_s - float((records.count - 1) * header.record_s)
    if abs(late_s) * max(map(header.rate_hz, header.leads)) <= 0.5:
        return ""
    return (
        "its data records do not follow each other as the header says: the last one begins "
        f"{abs(late_s):g} s {'later' if late_s > 0 else 'earlier'}; they are read without gaps"
    )


def _start_time(header: Header, start_s: float) -> datetime | None:
    """When the first data record begins; EDF+ has the fraction of a second in its annotations."""
    if header.start is None or not 0 <= start_s < _DAY_S:
        return header.start
    return header.start + timedelta(seconds=start_s)


def _refused(header: Header, expected: str, found: str) -> InputError:
    hint = "fetch the file again, or choose another one"
    return InputError(str(header.path), expected=expected, found=found, hint=hint)
