"""WFDB records: their leads and annotations, checked against the header.

The formats are PhysioNet's: header(5), signal(5) and annot(5) of the WFDB Applications Guide.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import index_of_lead, lead_note, unit_and_gain
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import (
    FileAnnotations,
    Lead,
    ReadOptions,
    Record,
    Recording,
    Samples,
)
from ecg_lightning.records.stated import check_unit, checked_rate
from ecg_lightning.records.used_leads import detection_leads
from ecg_lightning.records.wfdb.annotations import missing_annotations, read_annotations
from ecg_lightning.records.wfdb.header import Header, read_header
from ecg_lightning.records.wfdb.samples import WfdbSamples
from ecg_lightning.records.wfdb.segments import SegmentedSamples, header_of_leads, n_frames_of
from ecg_lightning.records.wfdb.signal_line import SignalLine
from ecg_lightning.text import escaped

FORMAT = "WFDB"
# The defaults of header(5), which may be wrong.
UNKNOWN_RATE = "the header has no sampling rate: 250 Hz is assumed"
UNKNOWN_GAIN = "the header has no gain: 200 steps of the converter for each unit are assumed"
# A heartbeat cannot be seen at a lower rate, and no recorder of ECG is faster.
_RATES_HZ = (20.0, 100_000.0)


def read_wfdb(path: Path, options: ReadOptions) -> Recording:
    """Open a WFDB record.

    Every field of the header is checked, and the size of the file of the lead that would be used.
    The samples are checked when they are read: the size of their files and, where a lead is read
    from its first to its last sample, the checksum. Annotations outside the signal are dropped,
    with a note.

    Args:
        path: The path of the record, without an ending.
        options: What the user states.

    Raises:
        InputError: The header, the lead or its signal file is missing, damaged or of an unknown
            form, or the user states a rate or a unit that is not the one of the header.
    """
    path = Path(path)
    _check_name(path, path.name)
    header = read_header(path.parent / f"{path.name}.hea")
    leads = header_of_leads(header) if header.segments else header
    units = [line.unit for line in leads.signals]
    channel = index_of_lead(str(leads.path), leads.leads, units, options.lead)
    line = leads.signals[channel]
    check_unit(str(leads.path), line.unit if line.has_unit else "", options.unit)
    frames_hz = _frames_hz(header if header.has_rate else leads, line, options)
    source, n_frames = _source(replace(header, fs_hz=frames_hz), leads, channel, options)
    file = path.parent / f"{path.name}.{options.annotator}"
    return Recording(
        name=path.name,
        format=FORMAT,
        leads=_leads(_with_unit(leads, options.unit), frames_hz, n_frames),
        used=channel,
        source=source,
        path=header.path,
        start_time=header.start,
        notes=_notes(file, header.has_rate or leads.has_rate, leads, channel, options, source),
        find_annotations=partial(_annotations, file, frames_hz, line.samples_per_frame, n_frames),
    )


def annotations_in(recording: Recording, path: Path) -> FileAnnotations:
    """Read a WFDB annotation file of a recording, which may lie in another folder.

    Args:
        recording: The recording, of any format. Times without a resolution of their own are frames
            of a WFDB record, and samples of the lead that would be used of another format.
        path: The file.

    Returns:
        The annotations, with positions in the lead that would be used.

    Raises:
        InputError: The file is missing, damaged, or of a longer recording.
    """
    per_frame = _samples_per_frame(recording)
    lead = recording.lead
    return read_annotations(path, lead.fs_hz / per_frame, per_frame, lead.samples // per_frame)


def read_record(
    root: Path,
    name: str,
    lead: int | str = 0,
    annotator: str = "atr",
    two_leads: bool = False,
) -> Record:
    """Read one lead and the annotations of a record, and check them.

    The record is opened as `read_wfdb` does, and the lead is read from its first to its last
    sample.

    Args:
        root: The folder of the database.
        name: The name of the record below `root`, as `find_records` returns it.
        lead: The index of the lead, its name in the header, or a list of both such as
            `"MLII,II,0"`, the best first; see `choose_lead`.
        annotator: The ending of the annotation file.
        two_leads: Whether a further ECG lead is read too, where the record has one.

    Returns:
        The record.

    Raises:
        InputError: The header, the lead, the signal or the annotations are missing or damaged, or
            the rate is not one of an ECG.

    Example:
        >>> record = read_record(Path("mitdb"), "100", lead="MLII")  # doctest: +SKIP
    """
    path = Path(root) / name
    _check_name(path, name)
    recording = read_wfdb(path, ReadOptions(lead=lead, annotator=annotator))
    _check_rate(recording)
    leads = detection_leads(recording) if two_leads else (recording.used,)
    signals = recording.read_exactly(leads=leads)
    annotations = recording.annotations
    if annotations is None or not len(annotations.samples):
        raise missing_annotations(path.parent / f"{path.name}.{annotator}", annotations)
    notes = [note._replace(record=name) for note in recording.notes]
    if text := lead_note([one.name for one in recording.leads], recording.used, lead):
        notes.append(RecordNote(name, "signal", text))
    notes += [RecordNote(name, "dropped", text) for text in annotations.notes]
    return Record(
        name,
        recording.fs_hz,
        recording.lead.name,
        signals[0],
        annotations.samples,
        annotations.symbols,
        recording.lead.unit,
        tuple(notes),
        signals[1] if len(signals) > 1 else None,
    )


def _samples_per_frame(recording: Recording) -> int:
    """Those of the lead that would be used; 1 in a format that has no frames."""
    if recording.format != FORMAT or recording.path is None:
        return 1
    header = read_header(recording.path)
    leads = header_of_leads(header) if header.segments else header
    return leads.signals[recording.used].samples_per_frame


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


def _with_unit(header: Header, unit: str | None) -> Header:
    """The header, where leads without a unit have the stated one."""
    if unit is None:
        return header
    lines = (line if line.has_unit else replace(line, unit=unit) for line in header.signals)
    return replace(header, signals=tuple(lines))


def _frames_hz(header: Header, line: SignalLine, options: ReadOptions) -> float:
    """The frames for each second: by the header, by the user, or by default."""
    if not header.has_rate and options.fs_hz is None:
        return header.fs_hz
    of_lead = header.fs_hz * line.samples_per_frame if header.has_rate else None
    rate = checked_rate(f"{header.path}", of_lead, options.fs_hz)
    return header.fs_hz if header.has_rate else rate / line.samples_per_frame


def _source(
    header: Header, leads: Header, channel: int, options: ReadOptions
) -> tuple[Samples, int]:
    """The samples of a record, and its length in frames."""
    stated = partial(_with_unit, unit=options.unit)
    if header.segments:
        return SegmentedSamples(header, stated(leads), stated), n_frames_of(header)
    samples = WfdbSamples(stated(header), channel)
    return samples, samples.n_frames


def _leads(header: Header, frames_hz: float, n_frames: int) -> tuple[Lead, ...]:
    return tuple(
        Lead(
            name,
            unit_and_gain(line.unit)[0],
            frames_hz * line.samples_per_frame,
            n_frames * line.samples_per_frame,
        )
        for name, line in zip(header.leads, header.signals, strict=True)
    )


def _notes(
    annotations: Path,
    has_rate: bool,
    header: Header,
    channel: int,
    options: ReadOptions,
    source: Samples,
) -> tuple[RecordNote, ...]:
    is_missing = options.annotator != ReadOptions.annotator and not os.path.lexists(annotations)
    texts = (
        f"there is no file {escaped(annotations.name)}" if is_missing else "",
        "" if has_rate or options.fs_hz is not None else UNKNOWN_RATE,
        "" if header.signals[channel].calibrated else UNKNOWN_GAIN,
        source.excess_text if isinstance(source, WfdbSamples) else "",
    )
    return tuple(RecordNote(annotations.stem, "signal", text) for text in texts if text)


def _annotations(
    path: Path, frames_hz: float, per_frame: int, n_frames: int
) -> FileAnnotations | None:
    """The annotations in a file; None where there is no such file."""
    if not os.path.lexists(path):
        return None
    return read_annotations(path, frames_hz, per_frame, n_frames)


def _check_rate(recording: Recording) -> None:
    """Refuse a rate that is not one of an ECG."""
    if not _RATES_HZ[0] <= recording.fs_hz <= _RATES_HZ[1]:
        raise InputError(
            f"{recording.path}",
            expected=f"an ECG at {_RATES_HZ[0]:g} to {_RATES_HZ[1]:,.0f} Hz",
            found=f"{recording.fs_hz:g} Hz",
            hint="repair the header, or move the record out of the folder",
        )
