"""Files that are written whole or not at all, and the error when that is impossible."""

import contextlib
import glob
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ecg_lightning.system.paths import cannot_write, check_output_file
from ecg_lightning.text import mebibytes

_MOST_OF_NAME = 100  # bytes of the file's name in the temporary one, which has a limit too


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Its folder is made if it is missing.

    Args:
        path: The file. An old one is replaced in one step; so is a link, whose target stays.
        content: Its bytes.

    Raises:
        InputError: The path is that of a folder, a device, a pipe or a socket.
        OSError: The file cannot be written.
    """
    with opened_atomically(path) as file:
        file.write(content)


@contextlib.contextmanager
def opened_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write, which gets its name when all is written, and is removed otherwise.

    Args:
        path: As for `write_atomically`.

    Raises:
        InputError: The path is that of a folder, a device, a pipe or a socket.
        OSError: The file cannot be written.
    """
    check_output_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several machines may write the same file, with processes of one number.
    temporary = path.with_name(f".{_short(path)}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:  # x: never through a link
            yield file
            file.flush()
            # Without this, a machine that loses power may keep the new name without the content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_half_written(path: Path) -> None:
    """Remove what killed processes have left of a file that nobody else is writing now."""
    pattern = f".{glob.escape(_short(path))}.*.tmp"
    for temporary in path.parent.glob(pattern):
        temporary.unlink(missing_ok=True)


def _short(path: Path) -> str:
    """The name of a file, cut so that the name of the temporary one is not too long."""
    return os.fsdecode(os.fsencode(path.name)[:_MOST_OF_NAME])


def write_output(
    path: Path, content: bytes, hint: str = "", setting: str = "", place: str = "folder"
) -> None:
    """Write a file, as `write_atomically` does, to a place that the user has chosen.

    Args:
        path: The file.
        content: Its bytes.
        hint: What to do if it cannot be written; default: what helps against this very error.
        setting: The argument that the hint is about.
        place: What the user may choose instead, for the default hint.

    Raises:
        InputError: The file cannot be written, or the disk is full.
    """
    try:
        write_atomically(path, content)
    except (OSError, ValueError) as error:
        size = mebibytes(len(content))
        raise cannot_write(
            path, error, content=size, place=place, hint=hint, setting=setting
        ) from error
