"""The samples of DICOM waveforms: groups of channels that are stored interleaved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.dicom.channels import Channel, channels_of, sample_type
from ecg_lightning.records.file_blocks import read_block
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.system.input_files import open_input


@dataclass(frozen=True, eq=False)
class Group:
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
                piece = read_block(file, path, self.position + first, size)
        return np.frombuffer(piece, self.sample_type).reshape(stop - start, len(self.channels))


@dataclass(frozen=True)
class DicomSamples:
    """The samples of all channels, one group after another."""

    path: Path
    groups: tuple[Group, ...]

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


def group_of(path: Path, item: Any, is_little: bool, content: bytes, unit: str) -> Group:
    """Return a multiplex group, and check that its numbers fit its samples.

    Args:
        path: The file.
        item: The group as pydicom has it.
        is_little: Whether the lowest byte of a sample comes first.
        content: The file.
        unit: The unit of channels that have none.

    Raises:
        InputError: A number is wrong, or there are fewer samples than the group says.
    """
    fs_hz = float(item.SamplingFrequency)
    n_channels, n_samples = int(item.NumberOfWaveformChannels), int(item.NumberOfWaveformSamples)
    kind = sample_type(path, item, is_little)
    data = bytes(item.WaveformData)
    size = n_channels * n_samples * kind.itemsize
    channels = channels_of(path, item, unit)
    if not is_rate(fs_hz):
        raise damaged(path, f"a sampling rate from {RATES}", f"{fs_hz:g}")
    if len(channels) != n_channels or not channels or n_samples < 1:
        found = f"{n_channels:,} channels of {n_samples:,} samples, {len(channels):,} described"
        raise damaged(path, "channels with samples, each described", found)
    if len(data) < size:
        raise damaged(path, f"{size:,} bytes of samples", f"{len(data):,}")
    position = content.find(data[:size])
    return Group(
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


def damaged(path: Path, expected: str, found: str) -> InputError:
    """Return the error for a file that is damaged, or holds something else."""
    return InputError(str(path), expected=expected, found=found, hint="export the recording again")
