"""WFDB records: the signal of one lead and the annotations, checked against the header.

The formats are PhysioNet's: header(5), signal(5) and annot(5) of the WFDB Applications Guide.
"""

import os
from pathlib import Path
from typing import Any

import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import choose_lead, lead_note, millivolts_in
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb_annotations import one_line, read_annotations
from ecg_lightning.text import escaped


def read_record(root: Path, name: str, lead: int | str = 0, annotator: str = "atr") -> Record:
    """Read one lead and the annotations of a record, and check them.

    The length of the signal and, where there is one, the 16-bit checksum are compared with the
    header. The annotations are checked for their end mark and for unknown codes; those outside the
    signal are dropped, with a note.

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
    # An absolute path, because wfdb opens files through fsspec, which expands "~" and "s3:".
    path = Path(root).absolute() / name
    _check_name(path, name)
    raw, channel, odd_lead = _read_digital(path, lead)
    fs_hz, signal = float(raw.fs), raw.dac().reshape(-1)
    millivolts = millivolts_in(raw.units[0])
    if millivolts not in (None, 1.0):
        signal *= millivolts
    unit = raw.units[0] if millivolts is None else "mV"
    annotations = path.parent / f"{path.name}.{annotator}"
    samples, symbols, outside = read_annotations(annotations, fs_hz, len(signal))
    notes = (RecordNote(name, "signal", odd_lead), RecordNote(name, "dropped", outside))
    notes = tuple(note for note in notes if note.text)
    lead_name = raw.sig_name[0] or f"channel {channel}"
    return Record(name, fs_hz, lead_name, signal, samples, symbols, unit, notes)


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


def _read_digital(path: Path, lead: int | str) -> tuple[Any, int, str]:
    """The lead as a `wfdb.Record` with checked integer samples `d_signal` (T, 1).

    Also its channel, and what is odd about the choice of the lead.
    """
    try:
        fields = wfdb.rdheader(str(path))
        _check_signal_names(path)
        channel = choose_lead(*_leads(fields), lead)
        if channel is None:
            raise ValueError("no such lead")
        wanted: dict[str, Any] = {"channels": [channel]}
        # m2s=False: a record of several segments stays one. Joined, it would have no checksums.
        raw = wfdb.rdrecord(str(path), physical=False, m2s=False, **wanted)
        if not isinstance(raw, wfdb.Record) or raw.n_sig != 1 or _samples_per_frame(raw, 0) != 1:
            raise ValueError("not one channel of one sample per frame")
        _check_signal(path, raw, wanted)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes wfdb raise anything, also MemoryError
        raise _why_unreadable(path, lead, error) from error
    return raw, channel, lead_note(_leads(fields)[0], channel, lead)


def _check_signal_names(path: Path) -> None:
    """Refuse signal files whose names are not ASCII: wfdb drops letters and reads other files."""
    lines = [line for line in Path(f"{path}.hea").read_bytes().splitlines() if line.strip()]
    signals = [line.split()[0] for line in lines if not line.startswith(b"#")][1:]
    for name in (name for name in signals if not name.isascii()):
        raise InputError(
            f"{path}.hea",
            expected="signal files with names in ASCII",
            found=escaped(os.fsdecode(name)),
            hint="rename the record's files to ASCII names, also in the header",
        )


def _leads(fields: Any) -> tuple[list[str], list[str]]:
    """The name and the unit of each lead of a header."""
    names, units = fields.sig_name or [], fields.units or []
    return [name or "" for name in names], [unit or "mV" for unit in units]


def _samples_per_frame(fields: Any, channel: int) -> int:
    return 1 if fields.samps_per_frame[channel] is None else fields.samps_per_frame[channel]


def _check_signal(path: Path, raw: Any, wanted: dict[str, Any]) -> None:
    """Refuse a signal whose length, sampling rate or checksum differs from the header."""
    if not raw.fs > 0:
        raise InputError(
            f"{path}.hea",
            expected="a sampling rate above 0 Hz",
            found=f"{raw.fs}",
            hint="repair the header",
        )
    if not 0 < len(raw.d_signal) == raw.sig_len:
        raise InputError(
            f"{path}.hea",
            expected=f"{raw.sig_len or 'one or more'} samples",
            found=f"{len(raw.d_signal)}",
            hint="fetch the record again",
        )
    if raw.checksum[0] is not None:
        _check_checksum(path, raw, wanted)


def _check_checksum(path: Path, raw: Any, wanted: dict[str, Any]) -> None:
    stored = raw
    if raw.skew[0]:  # the checksum is that of the file, in which skewed channels are not aligned
        stored = wfdb.rdrecord(str(path), physical=False, ignore_skew=True, **wanted)
    computed, expected = (int(n) % 65536 for n in (stored.d_signal.sum(), raw.checksum[0]))
    if computed != expected:
        raise InputError(
            f"{path.parent / raw.file_name[0]}",
            expected=f"checksum {expected} of {raw.sig_name[0] or 'this lead'} from the header",
            found=f"{computed}",
            hint="fetch the record again",
        )


def _why_unreadable(path: Path, lead: int | str, error: Exception) -> InputError:
    """Find out, after a failure, what is wrong with a record."""
    header = Path(f"{path}.hea")
    if not header.is_file():
        expected = f"the header of record {path.name}"
        return InputError(
            f"{header}", expected=expected, found="no such file", hint="check the name"
        )
    try:
        fields = wfdb.rdheader(str(path))
    except Exception as syntax:
        return InputError(
            f"{header}",
            expected="a WFDB header",
            found=one_line(syntax),
            hint="fetch the record again",
        )
    if not isinstance(fields, wfdb.Record):
        return InputError(
            f"{header}",
            expected="a record of one segment",
            found=f"{fields.n_seg}",
            hint="join its segments first",
        )
    return _why_no_signal(header, fields, lead, error)


def _why_no_signal(header: Path, fields: Any, lead: int | str, error: Exception) -> InputError:
    leads = [name or f"channel {i}" for i, name in enumerate(fields.sig_name or [])]
    if len(leads) != fields.n_sig or not leads:
        return InputError(
            f"{header}",
            expected=f"{fields.n_sig or 'one or more'} signal lines",
            found=f"{len(leads)}",
            hint="repair the header",
        )
    channel = choose_lead(*_leads(fields), lead)
    if channel is None:
        names = escaped(", ".join(leads))
        return InputError(
            f"{header}",
            expected=f"a lead out of {names} or an index from 0 to {len(leads) - 1}",
            found=escaped(repr(lead)),
            hint="choose one of these",
            setting="lead",
        )
    if _samples_per_frame(fields, channel) != 1:
        return InputError(
            f"{header}",
            expected=f"1 sample per frame for {leads[channel]}",
            found=f"{fields.samps_per_frame[channel]} (a multi-frequency record)",
            hint="resample the record or choose another lead",
            setting="lead",
        )
    return _why_no_samples(header, fields, channel, error)


def _why_no_samples(header: Path, fields: Any, channel: int, error: Exception) -> InputError:
    dat = header.parent / fields.file_name[channel]
    if not dat.is_file():
        return InputError(
            f"{dat}",
            expected=f"the signal of {header.name}",
            found="no such file",
            hint="put it next to its header",
        )
    count = f"{fields.sig_len} samples per channel" if fields.sig_len else "samples"
    return InputError(
        f"{dat}",
        expected=f"{count} in format {fields.fmt[channel]}",
        found=f"{dat.stat().st_size} bytes that do not hold them ({one_line(error)})",
        hint="fetch the record again",
    )
