"""What to tell of a disk that does not take a file."""

import errno
from pathlib import Path

from ecg_lightning.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the user's share of it, the largest file allowed


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


def mebibytes(count: int) -> str:
    """`1.5 MiB`, for a number of bytes."""
    return f"{count / 2**20:.1f} MiB"
