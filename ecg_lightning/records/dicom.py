"""DICOM waveforms, read with pydicom: the rhythm of an ECG, as the standard's PS3.3 C.10.9 has it.

pydicom reads a file whole, so its size is limited. The samples are read from the file piece by
piece, where they lie in it as they are.
"""

import io
import math
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.dicom_channels import Channel, channels_of, sample_type
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import (
    Lead,
    ReadOptions,
    Recording,
    checked_rate,
    used_lead,
)
from ecg_lightning.system.input_files import open_input, read_input
from ecg_lightning.system.packages import import_optional
from ecg_lightning.text import counted, escaped

MOST_BYTES = 128 << 20
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # the transfer syntax
_TIME = re.compile(r"(\d{14})(\.\d{1,6})?\s*([+-]\d{4})?")


@dataclass(frozen=True, eq=False)
class _Group:
    """A multiplex group: channels that are sampled together, interleaved.

    Attributes:
        fs_hz: The sampling rate.
        n_samples: The length of each channel.
        sample_type: Of the stored samples.
        channels: What turns them into physical units.
        padding: The stored value of invalid samples.
        position: Where its samples begin in the file; None: `content` holds them.
        content: The samples of a file that keeps them compressed.
        offset_s: When it begins, after the start of the recording.
    """

    fs_hz: float
    n_samples: int
    sample_type: np.dtype[Any]
    channels: tuple[Channel, ...]
    padding: int | None
    position: int | None
    content: bytes
    offset_s: float

    def stored(self, path: Path, start: int, stop: int) -> Any:
        """Return (stop - start, channels) as they are stored."""
        frame = len(self.channels) * self.sample_type.itemsize
        first, size = start * frame, (stop - start) * frame
        if self.position is None:
            piece = self.content[first : first + size]
        else:
            with open_input(path, "a DICOM recording") as file:
                file.seek(self.position + first)
                piece = file.read(size)
        if len(piece) != size:
            raise _damaged(path, f"{size:,} bytes of samples", f"{len(piece):,}")
        return np.frombuffer(piece, self.sample_type).reshape(stop - start, len(self.channels))


@dataclass(frozen=True)
class _DicomSamples:
    path: Path
    groups: tuple[_Group, ...]

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """See `Samples.read`."""
        places = [(g, c) for g, group in enumerate(self.groups) for c in range(len(group.channels))]
        wanted = [places[lead] for lead in leads]
        stored = {g: self.groups[g].stored(self.path, start, stop) for g, _ in wanted}
        rows = [self._physical(g, c, stored[g][:, c]) for g, c in wanted]
        return np.stack(rows)

    def _physical(self, group: int, channel: int, stored: Any) -> Floats:
        values = self.groups[group].channels[channel].physical(stored.astype(np.float64))
        padding = self.groups[group].padding
        if padding is not None:
            values[stored == padding] = np.nan
        return values


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
            raise _damaged(path, "a DICOM recording", found) from error


def _recording(path: Path, content: bytes, options: ReadOptions) -> Recording:
    pydicom = import_optional("pydicom", "dicom")
    plain = _inflated(path, content) if _DEFLATED in content else content
    dataset = pydicom.dcmread(io.BytesIO(plain), force=True)
    if "WaveformSequence" not in dataset:
        raise _damaged(path, "a DICOM file with waveforms", _kind_of(dataset))
    items, notes = _rhythm(path, list(dataset.WaveformSequence))
    little = dataset.original_encoding[1] is not False
    groups = tuple(_group(path, item, little, content, options) for item in items)
    leads = tuple(
        Lead(channel.name, channel.unit, group.fs_hz, group.n_samples)
        for group in groups
        for channel in group.channels
    )
    leads = tuple(
        Lead(lead.name or f"channel {i}", lead.unit, lead.fs_hz, lead.samples)
        for i, lead in enumerate(leads)
    )
    used = used_lead(path.stem, leads, options.lead)
    units = [channel.unit_of_file for group in groups for channel in group.channels]
    checked_rate(str(path), leads[used].fs_hz, options.fs_hz)
    _check_unit(path, units[used], options.unit)
    texts = [*notes, *_offset_notes(groups)]
    return Recording(
        path.stem,
        "DICOM",
        leads,
        used,
        _DicomSamples(path, groups),
        path,
        _start_time(dataset),
        tuple(RecordNote(path.stem, "signal", text) for text in texts),
    )


def _inflated(path: Path, content: bytes) -> bytes:
    """The elements of a deflated file. pydicom would inflate it without a limit."""
    # Behind the preamble, `DICM` and the first element, which is the length of the group to skip.
    start = 144 + int.from_bytes(content[140:144], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflater.decompress(content[start:], MOST_BYTES)
    if not inflater.eof and len(plain) >= MOST_BYTES:
        expected = f"at most {MOST_BYTES:,} bytes once the file is inflated"
        raise _damaged(path, expected, "more")
    return plain


def _rhythm(path: Path, items: list[Any]) -> tuple[list[Any], list[str]]:
    """The groups that are read, and a note about the others.

    Originals are read. Where a file has none, derived waveforms are, except for median beats.
    """
    beats = [item for item in items if "MEDIAN" in str(item.get("MultiplexGroupLabel", "")).upper()]
    rhythm = [item for item in items if item not in beats]
    derived = [i for i in rhythm if str(i.get("WaveformOriginality", "")).upper() == "DERIVED"]
    originals = [item for item in rhythm if item not in derived]
    used = originals or derived
    if not used:
        raise _damaged(path, "a recording", "median beats only" if beats else "no waveforms")
    n_others = len(items) - len(used)
    notes = [f"{counted(n_others, 'group')} of median beats or derived waveforms not read"]
    notes = notes if n_others else []
    return used, [*notes, *(["the waveforms are derived, not original"] if not originals else [])]


def _group(path: Path, item: Any, little: bool, content: bytes, options: ReadOptions) -> _Group:
    fs_hz = float(item.SamplingFrequency)
    n_channels, n_samples = int(item.NumberOfWaveformChannels), int(item.NumberOfWaveformSamples)
    kind = sample_type(path, item, little)
    data = bytes(item.WaveformData)
    size = n_channels * n_samples * kind.itemsize
    channels = channels_of(path, item, options.unit or "")
    if not math.isfinite(fs_hz) or not 1e-3 <= fs_hz <= 1e6:
        raise _damaged(path, "a sampling rate from 0.001 to 1,000,000 Hz", f"{fs_hz:g}")
    if len(channels) != n_channels or not channels or n_samples < 1:
        found = f"{n_channels:,} channels of {n_samples:,} samples, {len(channels):,} described"
        raise _damaged(path, "channels with samples, each described", found)
    if len(data) < size:
        raise _damaged(path, f"{size:,} bytes of samples", f"{len(data):,}")
    position = content.find(data[:size])
    return _Group(
        fs_hz,
        n_samples,
        kind,
        channels,
        _padding(item, kind),
        None if position < 0 else position,
        data[:size] if position < 0 else b"",
        float(item.get("MultiplexGroupTimeOffset", 0) or 0) / 1000,  # milliseconds
    )


def _padding(item: Any, kind: np.dtype[Any]) -> int | None:
    """The stored value of invalid samples; pydicom gives bytes, because its type is unknown."""
    value = item.get("WaveformPaddingValue")
    if isinstance(value, bytes):
        return int(np.frombuffer(value[: kind.itemsize], kind)[0]) if value else None
    return None if value is None else int(value)


def _check_unit(path: Path, unit: str, stated: str | None) -> None:
    """Refuse a stated unit where the file says another one of the lead that would be used."""
    if not unit or stated is None or stated.strip().casefold() == unit.casefold():
        return
    raise InputError(
        str(path),
        expected=f"the file's own unit, {escaped(unit, 40)}",
        found=f"{escaped(stated, 40)} stated",
        hint="do not state it",
        setting="unit",
    )


def _offset_notes(groups: Sequence[_Group]) -> list[str]:
    first = min(group.offset_s for group in groups)
    return [
        f"the lead {escaped(channel.name, 40)} begins {group.offset_s - first:g} s after the first"
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


def _damaged(path: Path, expected: str, found: str) -> InputError:
    return InputError(str(path), expected=expected, found=found, hint="export the recording again")
