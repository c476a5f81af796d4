"""DICOM waveforms, read with pydicom: the rhythm of an ECG, as the standard's PS3.3 C.10.9 has it.

pydicom reads a file whole, so its size is limited. The samples are read from the file piece by
piece, where they lie in it as they are.
"""

import io
import re
import warnings
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.records.dicom.channels import channel_notes
from ecg_lightning.records.dicom.samples import DicomSamples, Group, damaged, group_of
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, ReadOptions, Recording, used_lead
from ecg_lightning.records.stated import check_unit, checked_rate
from ecg_lightning.system.input_files import read_input
from ecg_lightning.system.packages import import_optional
from ecg_lightning.text import counted, escaped

MOST_BYTES = 128 << 20
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # the transfer syntax
_MOST_GROUPS = 64  # of channels; the standard has 5 for an ECG
_TIME = re.compile(r"(\d{14})(\.\d{1,6})?\s*([+-]\d{4})?")


def read_dicom(path: Path, options: ReadOptions) -> Recording:
    """Open the rhythm of a DICOM waveform; median beats and other derived waveforms are not read.

    Args:
        path: The file, at most 128 MiB.
        options: What the user states.

    Raises:
        InputError: The package pydicom is missing, or the file is too large, is damaged, or holds
            pictures or median beats only.
    """
    content = read_input(path, MOST_BYTES, "a DICOM file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about values that are not read
        try:
            return _recording(path, content, options)
        except InputError:
            raise
        except Exception as error:  # pydicom raises any kind for a damaged file
            found = f"a damaged one ({escaped(f'{type(error).__name__}: {error}')})"
            raise damaged(path, "a DICOM recording", found) from error


def _recording(path: Path, content: bytes, options: ReadOptions) -> Recording:
    pydicom = import_optional("pydicom", "dicom")
    plain = _inflated(path, content) if _DEFLATED in content else content
    dataset = pydicom.dcmread(io.BytesIO(plain), force=True)
    if "WaveformSequence" not in dataset:
        raise damaged(path, "a DICOM file with waveforms", _kind_of(dataset))
    items, notes = _rhythm(path, list(dataset.WaveformSequence))
    little = dataset.original_encoding[1] is not False
    groups = tuple(group_of(path, item, little, content, options.unit or "") for item in items)
    leads = _leads(groups)
    used = used_lead(path.stem, leads, options.lead)
    units = [channel.unit_of_file for group in groups for channel in group.channels]
    checked_rate(str(path), leads[used].fs_hz, options.fs_hz)
    check_unit(str(path), units[used], options.unit)
    texts = [*notes, *_offset_notes(groups), *channel_notes(items)]
    return Recording(
        path.stem,
        "DICOM",
        leads,
        used,
        DicomSamples(path, groups),
        path,
        _start_time(dataset),
        tuple(RecordNote(path.stem, "signal", text) for text in texts),
    )


def _leads(groups: Sequence[Group]) -> tuple[Lead, ...]:
    channels = [(group, channel) for group in groups for channel in group.channels]
    first = min(group.offset_s for group in groups)
    return tuple(
        Lead(
            channel.name or f"channel {i}",
            channel.unit,
            group.fs_hz,
            group.n_samples,
            group.offset_s - first,
        )
        for i, (group, channel) in enumerate(channels)
    )


def _inflated(path: Path, content: bytes) -> bytes:
    """The elements of a deflated file. pydicom would inflate it without a limit."""
    # Behind the preamble, `DICM` and the first element, which is the length of the group to skip.
    start = 144 + int.from_bytes(content[140:144], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflater.decompress(content[start:], MOST_BYTES)
    if not inflater.eof and len(plain) >= MOST_BYTES:
        expected = f"at most {MOST_BYTES:,} bytes once the file is inflated"
        raise damaged(path, expected, "more")
    return plain


def _rhythm(path: Path, items: list[Any]) -> tuple[list[Any], list[str]]:
    """The groups that are read, and a note about the others.

    Originals are read. Where a file has none, derived waveforms are, except for median beats.
    """
    rhythm = [item for item in items if "MEDIAN" not in _word(item, "MultiplexGroupLabel")]
    originals = [item for item in rhythm if _word(item, "WaveformOriginality") != "DERIVED"]
    used = originals or rhythm
    if not 0 < len(used) <= _MOST_GROUPS:
        few = "median beats only" if items else "no waveforms"
        found = few if not used else f"{len(used):,} groups of channels"
        raise damaged(path, "a recording", found)
    n_others = len(items) - len(used)
    notes = [f"{counted(n_others, 'group')} of median beats or derived waveforms not read"]
    notes = notes if n_others else []
    return used, [*notes, *(["the waveforms are derived, not original"] if not originals else [])]


def _word(item: Any, field: str) -> str:
    return str(item.get(field, "")).strip().upper()


def _offset_notes(groups: Sequence[Group]) -> list[str]:
    first = min(group.offset_s for group in groups)
    return [
        f"the lead {escaped(channel.name, 40)} begins {group.offset_s - first:g} s after the "
        "first, and its times count from its own start"
        for group in groups
        for channel in group.channels
        if group.offset_s > first
    ][:12]


def _start_time(dataset: Any) -> datetime | None:
    match = _TIME.fullmatch(str(dataset.get("AcquisitionDateTime", "")).strip())
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    text, form = whole + (fraction or ".0") + (zone or ""), "%Y%m%d%H%M%S.%f"
    try:
        return datetime.strptime(text, form + ("%z" if zone else ""))
    except ValueError:
        return None


def _kind_of(dataset: Any) -> str:
    """What a DICOM file without waveforms is, such as `CT Image Storage`."""
    uid = dataset.get("SOPClassUID")
    name = getattr(uid, "name", "")
    return escaped(str(name), 80) if name and name != uid else "none"
