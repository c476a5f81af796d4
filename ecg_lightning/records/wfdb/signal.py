"""The signal files of a WFDB record, in the formats of signal(5) of the WFDB Applications Guide.

The size of a file is compared with the header before anything is read. A file is decoded some
frames at a time, so that memory holds no more of it.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.formats import (
    FLAC_BITS,
    FORMATS,
    AnyIntegers,
    needed_bytes,
)
from ecg_lightning.records.wfdb.header import Header
from ecg_lightning.system.input_files import input_size, open_input
from ecg_lightning.text import escaped

NO_FILE = "~"  # the signals of a layout header are in no file
_PIECE = 6 << 16  # samples that are decoded at once; every format has blocks of 1, 2 or 3
# A FLAC file holds a constant lead in very few bytes. Recorded ones need several bits a sample.
_MOST_FLAC_SAMPLES = 1 << 25
_MOST_FLAC_SAMPLES_PER_BYTE = 64
_MOST_PADDING = 512  # bytes after the samples; some programs write whole blocks
_DIFFERENCES = 8  # the format in which a file has each sample less the one before it


class SignalFile:
    """The signals of a record that share one file.

    Args:
        header: The header of the record.
        channel: The index of one of these signals.

    Attributes:
        path: The file.
        columns: The index of each signal to its samples in a frame.

    Raises:
        InputError: The format is unknown, or these signals cannot share a file.
    """

    def __init__(self, header: Header, channel: int) -> None:
        group = _group(header, channel)
        lines = [header.signals[i] for i in group]
        self.path = header.path.parent / lines[0].file
        self._header, self._format, self._offset = header, lines[0].format, lines[0].offset
        self._per_frame = [line.samples_per_frame for line in lines]
        ends = np.cumsum(self._per_frame).tolist()
        begins = [0, *ends]
        self.columns = dict(zip(group, map(slice, begins, ends), strict=False))
        self._width = ends[-1]
        self._step = max(_PIECE // self._width // 6, 1) * 6  # frames
        self._known = {0: [line.initial_value for line in lines]}  # frame to sums before it

    def n_frames(self) -> int:
        """Return the number of frames: that of the header, or else those that the file holds.

        Raises:
            InputError: The file is missing, no regular file, of another format, or too short.
        """
        if self._format in FLAC_BITS:
            with self._open() as file:
                return self._checked_flac(file)[1]
        form, size = FORMATS[self._format], self._size()
        available = max(size - self._offset, 0)
        n_frames = self._header.n_frames or available * form.samples // form.size // self._width
        if not n_frames or needed_bytes(self._format, n_frames * self._width) > available:
            raise self._refused(f"{size} bytes that do not hold them")
        return n_frames

    def excess_text(self) -> str:
        """Return a note on a file that holds more samples than the header describes; else "".

        A wrong number of leads, format or length in the header gives wrong samples, and not every
        header has a checksum.
        """
        n_frames = self._header.n_frames
        if not n_frames or self._format in FLAC_BITS:
            return ""
        size = self._size()
        described = self._offset + needed_bytes(self._format, n_frames * self._width)
        if size - described <= _MOST_PADDING:
            return ""
        return (
            f"the header describes {described:,} of the {size:,} bytes of "
            f"{escaped(self.path.name, 60)}: check its number of leads, format and length, unless "
            "another record has the rest"
        )

    def pieces(self, first: int, last: int) -> Iterator[AnyIntegers]:
        """Read the frames from `first` to before `last`, some at a time.

        Yields:
            (t, samples in a frame) integers.

        Raises:
            InputError: As `n_frames`, or the file is damaged.
        """
        if self._format in FLAC_BITS:
            yield from self._flac_pieces(first, last)
        elif self._format == _DIFFERENCES:
            yield from self._summed_pieces(first, last)
        else:
            yield from self._stored_pieces(first, last)

    def _stored_pieces(self, first: int, last: int) -> Iterator[AnyIntegers]:
        form, width = FORMATS[self._format], self._width
        with self._open() as file:
            for begin in range(first, last, self._step):
                end = min(begin + self._step, last)
                block, ahead = divmod(begin * width, form.samples)
                n_bytes = (-(-end * width // form.samples) - block) * form.size
                file.seek(self._offset + block * form.size)
                raw = np.frombuffer(file.read(n_bytes), np.uint8)
                n_samples = (end - begin) * width
                if len(raw) < needed_bytes(self._format, ahead + n_samples):
                    raise self._refused("a file that ends while it is read")
                if len(raw) < n_bytes:  # the last block
                    raw = np.pad(raw, (0, n_bytes - len(raw)))
                yield form.decode(raw)[ahead : ahead + n_samples].reshape(-1, width)

    def _summed_pieces(self, first: int, last: int) -> Iterator[AnyIntegers]:
        """Add up differences, from the nearest frame before which the sums are known."""
        begin = max(frame for frame in [*self._known] if frame <= first)
        sums = self._known[begin]
        for piece in self._stored_pieces(begin, last):
            summed = np.empty(piece.shape, np.int64)
            for i, columns in enumerate(self.columns.values()):
                samples = np.cumsum(piece[:, columns], dtype=np.int64) + sums[i]
                summed[:, columns] = samples.reshape(len(piece), -1)
            sums = [int(summed[-1, columns.stop - 1]) for columns in self.columns.values()]
            if len(piece) == self._step:
                self._known.setdefault(begin + len(piece), sums)
            if begin + len(piece) > first:
                yield summed[max(first - begin, 0) :]
            begin += len(piece)

    def _flac_pieces(self, first: int, last: int) -> Iterator[AnyIntegers]:
        import soundfile  # late: few records need it

        per_frame, channels = self._per_frame[0], len(self._per_frame)
        with self._open() as file:
            bits, _ = self._checked_flac(file)
            file.seek(0)
            try:
                with soundfile.SoundFile(file) as sound:
                    sound.seek(self._offset + first * per_frame)
                    for begin in range(first, last, self._step):
                        count = (min(begin + self._step, last) - begin) * per_frame
                        piece = sound.read(count, "int32", always_2d=True)
                        if len(piece) != count:
                            raise ValueError(
                                f"the samples end at {begin * per_frame + len(piece):,}"
                            )
                        piece >>= 32 - bits
                        if per_frame > 1:  # as in other files: signal by signal in each frame
                            piece = piece.reshape(-1, per_frame, channels).transpose(0, 2, 1)
                        yield piece.reshape(-1, self._width)
            except (soundfile.LibsndfileError, ValueError) as error:
                raise self._refused(escaped(str(error))) from error

    def _checked_flac(self, file: BinaryIO) -> tuple[int, int]:
        """The bits of a sample and the number of frames of a FLAC file."""
        import soundfile  # late: few records need it

        per_frame = self._per_frame[0]
        if {*self._per_frame} != {per_frame}:
            raise self._refused(f"leads of {escaped(str(self._per_frame))} samples for each frame")
        try:
            with soundfile.SoundFile(file) as sound:
                facts = sound.format, sound.subtype, sound.channels, sound.frames
        except (soundfile.LibsndfileError, ValueError) as error:
            raise self._refused(escaped(str(error))) from error
        form, subtype, channels, length = facts
        bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(subtype, 99)
        if form != "FLAC" or bits > FLAC_BITS[self._format]:
            raise self._refused(f"{form} with {subtype}")
        if channels != len(self._per_frame):
            raise self._refused(f"{channels} channels")
        size, available = self._size(), (length - self._offset) // per_frame
        n_frames = self._header.n_frames or available
        most = _MOST_FLAC_SAMPLES + _MOST_FLAC_SAMPLES_PER_BYTE * size
        if not 0 < n_frames <= available or n_frames * self._width > most:
            raise self._refused(f"{length:,} samples in {size:,} bytes")
        return bits, n_frames

    def _open(self) -> BinaryIO:
        return open_input(self.path, *self._expected())

    def _size(self) -> int:
        return input_size(self.path, *self._expected())

    def _expected(self) -> tuple[str, str]:
        return f"the signal of {self._header.path.name}", "put it next to its header"

    def _refused(self, found: str) -> InputError:
        n_frames, several = self._header.n_frames, {*self._per_frame} != {1}
        unit = "frames" if several else "samples per channel"
        count = f"{n_frames:,} {unit}" if n_frames else "samples"
        expected, hint = f"{count} in format {self._format}", "fetch the record again"
        return InputError(f"{self.path}", expected=expected, found=found, hint=hint)


def _group(header: Header, channel: int) -> list[int]:
    """The signals that share a file. By header(5) they are neighbours of one format."""
    line = header.signals[channel]
    if line.file == NO_FILE:
        raise InputError(
            f"{header.path}",
            expected="the header of a record with a signal",
            found="the layout of a record with segments",
            hint="read that record",
        )
    if line.format not in FORMATS and line.format not in FLAC_BITS:
        known = ", ".join(str(number) for number in sorted({*FORMATS, *FLAC_BITS}))
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
