"""The first bytes of files, which tell what the files are."""

import re
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input
from ecg_lightning.system.os_errors import advice, reason

_HEAD = 1 << 12  # bytes that tell a format
_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Control characters that no text has, apart from tabs, line ends, form feeds and the old end mark.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f\x7f]")


class Head(NamedTuple):
    """What tells the format of a file.

    Attributes:
        path: The file.
        start: Its first bytes.
        size: Its size in bytes.
    """

    path: Path
    start: bytes
    size: int


def head_of(path: Path) -> Head:
    """Read the first bytes of a file.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    with open_input(path, "a recording", "check the path") as stream:
        try:
            start = stream.read(_HEAD) or b""
            size = stream.seek(0, 2)
        except OSError as error:
            raise InputError(
                str(path), expected="a recording", found=reason(error), hint=advice(error, path)
            ) from error
    return Head(path, start, size)


def is_text(head: Head) -> bool:
    """Whether a file begins as a text does, in UTF-8, in an 8-bit encoding or in UTF-16."""
    if head.start.startswith(_UTF16):
        return head.size % 2 == 0
    return bool(head.start) and not _NO_TEXT.search(head.start)


def is_named_as_table(head: Head) -> bool:
    """Whether a file is a text and has one of the endings of tables."""
    return head.path.suffix.lower() in _TABLE_ENDINGS and is_text(head)


def xml_start(head: Head) -> bytes:
    """Return the first bytes of an XML file in ASCII; b"" where it is no XML file."""
    start = head.start
    if start.startswith(_UTF16):
        order = "utf-16-le" if start.startswith(_UTF16[0]) else "utf-16-be"
        start = start[2:].decode(order, "replace").encode("ascii", "replace")
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start if start.startswith(b"<") else b""
