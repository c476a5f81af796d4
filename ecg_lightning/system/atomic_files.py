"""Files that are written whole or not at all, and what to say when a disk does not take one."""

import errno
import os
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.text import mebibytes

FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
)  # the disk, the user's share of it, the largest file allowed


def cannot_write(path: Path, what: str, error: OSError, advice: str) -> InputError:
    """The error to raise, in one line.

    Args:
        path: The file or folder that could not be written.
        what: What was to go there, such as "2.0 MiB".
        error: What the system said.
        advice: The next step.

    Example:
        >>> str(cannot_write(Path("a.csv"), "2.0 MiB", OSError(errno.ENOSPC, "No space left on device"), "make room"))
        'a.csv: expected room for 2.0 MiB, found: No space left on device; make room'
    """
    expected = f"room for {what}" if error.errno in FULL else "a place that can be written"
    return InputError(f"{path}: expected {expected}, found: {error.strerror or error}; {advice}")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` to `path` whole or not at all; the folder is made where it is missing.

    Args:
        path: The file; an old one is replaced in one step.
        content: Its bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(
                file.fileno()
            )  # or a machine that goes down may keep the new name without the content
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(
    path: Path, content: bytes, advice: str = "make room on this disk, or choose another folder"
) -> None:
    """`write_atomically` to a place that the user has named.

    Args:
        path: The file.
        content: Its bytes.
        advice: What to do where it cannot be written.

    Raises:
        InputError: it cannot be written there, or the disk is full.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, mebibytes(len(content)), error, advice) from error
