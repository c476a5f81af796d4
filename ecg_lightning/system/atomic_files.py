"""Files that are written whole or not at all, and the error when that is impossible."""

import errno
import os
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.text import mebibytes

# The disk is full, or the user's share of it, or the file has the largest size allowed.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cannot_write(
    path: Path, content: str, error: OSError, hint: str, setting: str = ""
) -> InputError:
    """Return the error to raise after a write that failed.

    Args:
        path: The file or folder that could not be written.
        content: What it was to hold, such as "2.0 MiB".
        error: The error of the operating system.
        hint: The next step.
        setting: The argument that the hint is about.

    Example:
        >>> error = OSError(errno.ENOSPC, "No space left on device")
        >>> str(cannot_write(Path("a.csv"), "2.0 MiB", error, "make room"))
        'a.csv: expected room for 2.0 MiB, found No space left on device; make room'
    """
    expected = f"room for {content}" if error.errno in FULL else "a place that can be written"
    found = error.strerror or str(error)
    return InputError(f"{path}", expected=expected, found=found, hint=hint, setting=setting)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Its folder is made if it is missing.

    Args:
        path: The file. An old one is replaced in one step.
        content: Its bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            # Without this, a machine that loses power may keep the new name without the content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(
    path: Path,
    content: bytes,
    hint: str = "make room on this disk, or choose another folder",
    setting: str = "",
) -> None:
    """Write a file, as `write_atomically` does, to a place that the user has chosen.

    Args:
        path: The file.
        content: Its bytes.
        hint: What to do if it cannot be written.
        setting: The argument that the hint is about.

    Raises:
        InputError: The file cannot be written, or the disk is full.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, mebibytes(len(content)), error, hint, setting) from error
