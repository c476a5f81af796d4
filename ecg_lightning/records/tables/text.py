"""The text of a table: its encoding, its line ends, and its lines in pieces of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input

LONGEST_LINE = 1 << 20  # bytes
_PIECE = 1 << 18  # bytes that are read at once
_HEAD_LINES = 2000  # that tell how a table is laid out
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}


class Line(NamedTuple):
    """A line near the start of a table.

    Attributes:
        number: Counted from 1.
        offset: The byte in the file at which it begins.
        text: Without its end.
    """

    number: int
    offset: int
    text: str


class Piece(NamedTuple):
    """Whole lines of a table.

    Attributes:
        offset: The byte in the file at which they begin.
        text: The lines, in an encoding that agrees with ASCII.
    """

    offset: int
    text: bytes


@dataclass(frozen=True)
class TableText:
    """How the text of a table is encoded.

    Attributes:
        path: The file.
        encoding: `utf-8`, `utf-16-le`, `utf-16-be`, or `latin-1` for bytes that are no UTF-8.
        newline: The end of a line, as bytes of the file.
        start: The byte after the byte order mark.
    """

    path: Path
    encoding: str
    newline: bytes
    start: int

    def open(self) -> BinaryIO:
        """Open the file."""
        return open_input(self.path, "a table", "check the path")

    def pieces(self, offset: int) -> Iterator[Piece]:
        """Read whole lines from a byte of the file to its end.

        Raises:
            InputError: A line is too long, or the file cannot be read.
        """
        with self.open() as file:
            file.seek(offset)
            rest = b""
            while block := _block(file, self.path, _PIECE):
                block = rest + block
                end = self._end_of_lines(block)
                if end:
                    yield Piece(offset, self._plain(block[:end]))
                offset, rest = offset + end, block[end:]
                if len(rest) > LONGEST_LINE:
                    raise self._too_long()
            if rest:
                yield Piece(offset, self._plain(rest))

    def head(self) -> list[Line]:
        """Read the first lines. A last line that the head cuts is not among them."""
        with self.open() as file:
            file.seek(self.start)
            content = _block(file, self.path, LONGEST_LINE)
            is_whole = not _block(file, self.path, 1)
        end = len(content) if is_whole else self._end_of_lines(content)
        if content and not end:
            raise self._too_long()
        return list(self._lines(content[:end]))

    def _lines(self, content: bytes) -> Iterator[Line]:
        """The first lines of whole lines of the file."""
        offset, step = 0, len(self.newline)
        for number in range(1, _HEAD_LINES + 1):
            if offset >= len(content):
                return
            end = self._next_end(content, offset)
            text = content[offset:end].decode(self.encoding, "replace")
            yield Line(number, self.start + offset, text.rstrip("\r"))
            offset = end + step

    def _next_end(self, content: bytes, offset: int) -> int:
        end = content.find(self.newline, offset)
        while end >= 0 and end % len(self.newline):  # between two letters of UTF-16
            end = content.find(self.newline, end + 1)
        return len(content) if end < 0 else end

    def _end_of_lines(self, content: bytes) -> int:
        """The byte after the last whole line; 0 where there is none."""
        step = len(self.newline)
        end = content.rfind(self.newline)
        while end >= 0 and end % step:
            end = content.rfind(self.newline, 0, end + step - 1)
        return end + step if end >= 0 else 0

    def _plain(self, content: bytes) -> bytes:
        if len(self.newline) == 2:
            content = content.decode(self.encoding, "replace").encode("utf-8", "replace")
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return content

    def _too_long(self) -> InputError:
        return InputError(
            str(self.path),
            expected=f"lines of at most {LONGEST_LINE:,} bytes",
            found="a longer one",
            hint="write one sample of each lead in a line",
        )


def text_of_table(path: Path) -> TableText:
    """Find the encoding and the line ends of a table.

    Raises:
        InputError: The file cannot be read, or is empty.
    """
    with open_input(path, "a table", "check the path") as file:
        content = _block(file, path, LONGEST_LINE)
    if not content.strip():
        raise InputError(
            str(path), expected="a recording", found="an empty file", hint="check the path"
        )
    marks = ((mark, name) for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark))
    mark, encoding = next(marks, (b"", "utf-8"))
    if encoding == "utf-8" and not _is_utf_8(content):
        encoding = "latin-1"
    newline = "\n".encode(encoding)
    if newline not in content and "\r".encode(encoding) in content:
        newline = "\r".encode(encoding)
    return TableText(path, encoding, newline, len(mark))


def _is_utf_8(content: bytes) -> bool:
    """Whether bytes are UTF-8; the last letter may be cut."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.end == len(content)
    return True


def _block(file: BinaryIO, path: Path, size: int) -> bytes:
    try:
        return file.read(size) or b""
    except OSError as error:
        raise InputError(
            str(path),
            expected="a table that can be read",
            found=error.strerror or "an error",
            hint="check the disk",
        ) from error
