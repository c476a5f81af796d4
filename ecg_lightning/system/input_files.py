"""Input files: only regular files are opened, and their size is known before they are read."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from ecg_lightning.errors import InputError

_PIPE, _DEVICE, _SOCKET = "a pipe", "a device", "a socket"
_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: _PIPE,
    stat.S_IFCHR: _DEVICE,
    stat.S_IFBLK: _DEVICE,
    stat.S_IFSOCK: _SOCKET,
}


def input_size(
    path: Path, expected: str = "a file", hint: str = "check the path", setting: str = ""
) -> int:
    """Return the size of a regular file in bytes; refuse everything else without opening it.

    Args:
        path: The file, or a link to it.
        expected: What it should be, for the message.
        hint: The next step.
        setting: The argument that the hint is about.

    Raises:
        InputError: There is no such file, it is a folder, device, pipe or socket, its path is
            none, or it may not be read.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: an embedded null byte
        found = "no such file" if isinstance(error, FileNotFoundError) else _reason(error)
        raise _refused(path, expected, found, hint, setting) from error
    if not stat.S_ISREG(status.st_mode):
        found = _TYPES.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise _refused(path, expected, found, hint, setting)
    return status.st_size


def open_input(
    path: Path, expected: str = "a file", hint: str = "check the path", setting: str = ""
) -> BinaryIO:
    """Open a regular file for reading; see `input_size`.

    A pipe that takes the place of the file after it was looked at does not block.
    """
    input_size(path, expected, hint, setting)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(path, expected, _reason(error), hint, setting) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, expected, "no regular file", hint, setting)
    return os.fdopen(descriptor, "rb")


def read_input(
    path: Path,
    most: int,
    expected: str = "a file",
    hint: str = "check the path",
    setting: str = "",
) -> bytes:
    """Return the content of a regular file; refuse one of more than `most` bytes unread.

    Raises:
        InputError: As `input_size`, or the file is larger.
    """
    with open_input(path, expected, hint, setting) as file:
        try:
            content = _content(file, most)
        except OSError as error:
            raise _refused(path, expected, _reason(error), hint, setting) from error
    if len(content) > most:
        size = max(input_size(path), most + 1)
        found = f"{size:,} bytes or more"
        expected, hint = f"{expected} of at most {most:,} bytes", "check that it is the right file"
        raise _refused(path, expected, found, hint, setting)
    return content


def _content(file: BinaryIO, most: int) -> bytes:
    """At most one byte more than `most`; a file below /proc has more bytes than its size, 0."""
    step = min(os.fstat(file.fileno()).st_size, most) + 1
    content = b""
    while len(content) <= most and (piece := file.read(step)):  # None where reading would block
        content += piece
        step = min(1 << 20, most + 1 - len(content))
    return content


def _reason(error: BaseException) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _refused(path: Path, expected: str, found: str, hint: str, setting: str) -> InputError:
    """The error, with the next step that fits what is there."""
    if found == os.strerror(errno.EACCES):
        hint, setting = "check its permissions", ""
    elif found in (_PIPE, _DEVICE, _SOCKET):
        hint, setting = "put a regular file in its place", ""
    return InputError(str(path), expected=expected, found=found, hint=hint, setting=setting)
