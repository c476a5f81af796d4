"""The signals of a WFDB record, in the formats of signal(5) of the WFDB Applications Guide.

The size of a file is compared with what the header claims before anything is allocated. One lead is
taken out of the file piece by piece, so that memory holds no other leads.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb_header import Header
from ecg_lightning.system.input_files import input_size, open_input
from ecg_lightning.text import escaped

_PIECE = 6 << 16  # frames that are decoded at once; every format has blocks of 1, 2 or 3 samples
_FLAC_BITS = {508: 8, 516: 16, 524: 24}
# A FLAC file holds a constant lead in very few bytes. Recorded ones need several bits a sample.
_MOST_FLAC_SAMPLES = 1 << 25
_MOST_FLAC_SAMPLES_PER_BYTE = 64

_Bytes = npt.NDArray[np.uint8]
_Integers = npt.NDArray[np.signedinteger[Any]]


class _Format(NamedTuple):
    """A block of `samples` samples has `size` bytes. `invalid` marks a sample as invalid."""

    samples: int
    size: int
    invalid: int | None
    decode: Callable[[_Bytes], _Integers]


def read_signal(header: Header, channel: int) -> Floats:
    """Read one signal of a record that has one sample of it in each frame.

    Args:
        header: The header of the record.
        channel: The index of the signal.

    Returns:
        (T,) in the unit of the header; invalid samples, and those that skew moves behind the end,
        are NaN.

    Raises:
        InputError: The signal file is missing, no regular file, shorter than the header says or of
            another format, or its checksum is wrong.
    """
    line = header.signals[channel]
    digital = _read_digital(header, channel)
    if line.checksum is not None:
        _check_checksum(header, channel, digital)
    signal = digital.astype(np.float64)
    signal -= line.baseline
    signal /= line.gain
    if (invalid := _invalid(line.format)) is not None:
        signal[digital == invalid] = np.nan
    if line.skew:
        skew = min(line.skew, len(signal))
        signal[: len(signal) - skew] = signal[skew:].copy()
        signal[len(signal) - skew :] = np.nan
    return signal


def _read_digital(header: Header, channel: int) -> _Integers:
    """The stored samples (T,) of a signal, without skew."""
    line, group = header.signals[channel], _group(header, channel)
    path = header.path.parent / line.file
    column = sum(header.signals[i].samples_per_frame for i in group if i < channel)
    width = sum(header.signals[i].samples_per_frame for i in group)
    expected, hint = f"the signal of {header.path.name}", "put it next to its header"
    size = input_size(path, expected, hint)
    with open_input(path, expected, hint) as file:
        if line.format in _FLAC_BITS:
            return _read_flac(file, path, header, channel, (column, width, size))
        n_frames = _checked_length(path, header, channel, width, size)
        file.seek(_offset(header, channel))
        pieces = _pieces(file, _FORMATS[line.format], n_frames, width)
        return _joined(pieces, n_frames, column, line.initial_value, line.format == 8)


def _group(header: Header, channel: int) -> list[int]:
    """The signals that share a file. By header(5) they are neighbours of one format."""
    line = header.signals[channel]
    if line.format not in _FORMATS and line.format not in _FLAC_BITS:
        known = ", ".join(str(number) for number in sorted({*_FORMATS, *_FLAC_BITS}))
        raise InputError(
            f"{header.path}",
            expected=f"a signal in one of the formats {known}",
            found=f"format {line.format}",
            hint="repair the header, or convert the record to format 16",
        )
    group = [i for i, other in enumerate(header.signals) if other.file == line.file]
    first = header.signals[group[0]]
    same = all(
        other.format == first.format and other.offset in (0, first.offset)
        for other in (header.signals[i] for i in group)
    )
    if not same or group[-1] - group[0] != len(group) - 1:
        raise InputError(
            f"{header.path}",
            expected=f"neighbours of one format and byte offset that share {escaped(line.file)}",
            found="others",
            hint="repair the header",
        )
    return group


def _checked_length(path: Path, header: Header, channel: int, width: int, size: int) -> int:
    """The number of frames; refuse a file that is too short for them."""
    line = header.signals[channel]
    form = _FORMATS[line.format]
    available = max(size - _offset(header, channel), 0)
    n_frames = header.n_frames or available * form.samples // form.size // width
    if not n_frames or _needed_bytes(line.format, n_frames * width) > available:
        raise _not_in_the_file(path, header, line.format, f"{size} bytes that do not hold them")
    return n_frames


def _offset(header: Header, channel: int) -> int:
    """The byte offset of a file, which its first signal line has."""
    file = header.signals[channel].file
    return next(line.offset for line in header.signals if line.file == file)


def _needed_bytes(number: int, n_samples: int) -> int:
    form = _FORMATS[number]
    blocks, rest = divmod(n_samples, form.samples)
    in_rest = -(-rest * form.size // form.samples)
    # In format 310 the second of three samples is in the last two of four bytes.
    return blocks * form.size + (4 if number == 310 and rest == 2 else in_rest)


def _pieces(file: BinaryIO, form: _Format, n_frames: int, width: int) -> Iterator[_Integers]:
    """The samples (t, width) of a file, some frames at a time."""
    step = max(_PIECE // width // 6, 1) * 6
    for begin in range(0, n_frames, step):
        n_samples = min(step, n_frames - begin) * width
        n_blocks = -(-n_samples // form.samples)
        raw = np.frombuffer(file.read(n_blocks * form.size), np.uint8)
        whole = np.pad(raw, (0, max(n_blocks * form.size - len(raw), 0)))  # the last block
        yield form.decode(whole)[:n_samples].reshape(-1, width)


def _joined(
    pieces: Iterator[_Integers], n_frames: int, column: int, start: int, differences: bool
) -> _Integers:
    signal: _Integers = np.empty(n_frames, np.int64 if differences else np.int32)
    done = 0
    for piece in pieces:
        signal[done : done + len(piece)] = piece[:, column]
        done += len(piece)
    if differences:
        signal = np.cumsum(signal) + start
    return signal


def _read_flac(
    file: BinaryIO, path: Path, header: Header, channel: int, place: tuple[int, int, int]
) -> _Integers:
    import soundfile  # late: few records need it

    (column, width, size), line = place, header.signals[channel]
    try:
        with soundfile.SoundFile(file) as sound:
            bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(sound.subtype, 99)
            if sound.format != "FLAC" or bits > _FLAC_BITS[line.format]:
                found = f"{sound.format} with {sound.subtype}"
                raise _not_in_the_file(path, header, line.format, found)
            if sound.channels != width:
                raise _not_in_the_file(path, header, line.format, f"{sound.channels} channels")
            available = sound.frames - _offset(header, channel)
            n_frames = header.n_frames or available
            most = _MOST_FLAC_SAMPLES + _MOST_FLAC_SAMPLES_PER_BYTE * size
            if not 0 < n_frames <= available or n_frames * width > most:
                found = f"{sound.frames:,} samples in {size:,} bytes"
                raise _not_in_the_file(path, header, line.format, found)
            sound.seek(_offset(header, channel))
            return _joined(_flac_pieces(sound, n_frames, bits), n_frames, column, 0, False)
    except (soundfile.LibsndfileError, ValueError) as error:
        raise _not_in_the_file(path, header, line.format, escaped(str(error))) from error


def _flac_pieces(sound: Any, n_frames: int, bits: int) -> Iterator[_Integers]:
    for begin in range(0, n_frames, _PIECE):
        count = min(_PIECE, n_frames - begin)
        piece = sound.read(count, "int32", always_2d=True)
        if len(piece) != count:
            raise ValueError(f"the samples end at {begin + len(piece):,}")
        yield piece >> (32 - bits)


def _check_checksum(header: Header, channel: int, digital: _Integers) -> None:
    line = header.signals[channel]
    computed, expected = int(digital.sum(dtype=np.int64)) % 65_536, (line.checksum or 0) % 65_536
    if computed != expected:
        lead = escaped(line.name) or "this lead"
        raise InputError(
            f"{header.path.parent / line.file}",
            expected=f"checksum {expected} of {lead} from the header",
            found=f"{computed}",
            hint="fetch the record again",
        )


def _not_in_the_file(path: Path, header: Header, number: int, found: str) -> InputError:
    count = f"{header.n_frames:,} samples per channel" if header.n_frames else "samples"
    expected, hint = f"{count} in format {number}", "fetch the record again"
    return InputError(f"{path}", expected=expected, found=found, hint=hint)


def _format_212(raw: _Bytes) -> _Integers:
    low, middle, high = raw.reshape(-1, 3).astype(np.int16).T
    pairs: _Integers = np.empty((len(low), 2), np.int16)
    pairs[:, 0] = low | (middle & 15) << 8
    pairs[:, 1] = high | (middle & 240) << 4
    pairs <<= 4  # the sign of 12 bits becomes that of 16
    pairs >>= 4
    return pairs.reshape(-1)


def _format_310(raw: _Bytes) -> _Integers:
    first, second = raw.view("<u2").reshape(-1, 2).astype(np.int32).T
    third = first >> 11 | second >> 11 << 5
    return _ten_bits(first >> 1, second >> 1, third)


def _format_311(raw: _Bytes) -> _Integers:
    word = raw.view("<u4").astype(np.int64)
    return _ten_bits(word, word >> 10, word >> 20)


def _ten_bits(*samples: _Integers) -> _Integers:
    values = np.stack(samples, axis=1).reshape(-1) & 1023
    return np.where(values > 511, values - 1024, values)


def _format_24(raw: _Bytes) -> _Integers:
    low, middle, high = raw.reshape(-1, 3).T
    return low | middle.astype(np.int32) << 8 | high.view(np.int8).astype(np.int32) << 16


_FORMATS = {
    8: _Format(1, 1, None, lambda raw: raw.view(np.int8)),
    16: _Format(1, 2, -(1 << 15), lambda raw: raw.view("<i2")),
    24: _Format(1, 3, -(1 << 23), _format_24),
    32: _Format(1, 4, -(1 << 31), lambda raw: raw.view("<i4")),
    61: _Format(1, 2, -(1 << 15), lambda raw: raw.view(">i2")),
    80: _Format(1, 1, -(1 << 7), lambda raw: raw.astype(np.int16) - 128),
    160: _Format(1, 2, -(1 << 15), lambda raw: raw.view("<u2").astype(np.int32) - 32_768),
    212: _Format(2, 3, -(1 << 11), _format_212),
    310: _Format(3, 4, -(1 << 9), _format_310),
    311: _Format(3, 4, -(1 << 9), _format_311),
}


def _invalid(number: int) -> int | None:
    bits = _FLAC_BITS.get(number)
    return _FORMATS[number].invalid if bits is None else -(1 << (bits - 1))
