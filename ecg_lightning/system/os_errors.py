"""What the operating system refuses, in one line: the reason, and a next step for this reason."""

import errno
import os
from pathlib import Path

from ecg_lightning.errors import InputError

# The disk is full, or the user's share of it, or the file has the largest size allowed.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ADVICE = {
    errno.ENOSPC: "make room on this disk",
    errno.EDQUOT: "make room on this disk, or ask for a larger quota",
    errno.EFBIG: "raise the largest size of a file (ulimit -f)",
    errno.EACCES: "change the permissions",
    errno.EPERM: "change the permissions",
    errno.EROFS: "mount the disk for writing",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "remove the links that form a loop",
    errno.ESTALE: "mount the network drive again",
    errno.EIO: "check the disk",
    errno.EMFILE: "raise the number of open files (ulimit -n)",
    errno.ENOENT: "check that the folder still exists",
    errno.ENOMEM: "close other programs",
}


def reason(error: BaseException) -> str:
    """Return what was wrong, in the words of the operating system."""
    words = error.strerror if isinstance(error, OSError) else None
    return words or " ".join(str(error).split()) or type(error).__name__


def advice(error: BaseException, path: Path | None = None) -> str:
    """Return the next step after an error of the operating system.

    Args:
        error: The error; a ValueError is a path that holds a null byte.
        path: What was to be read or written.

    Example:
        >>> advice(OSError(errno.ENOSPC, ""))
        'make room on this disk'
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOTDIR, errno.EEXIST) and path is not None:
        blocker = next((part for part in (path, *path.parents) if _is_no_folder(part)), path)
        return f"move {blocker} away, which is no folder"
    return _ADVICE.get(number or 0, "check the path")


def _is_no_folder(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def working_folder() -> str:
    """Return the current folder.

    Raises:
        InputError: It has been removed.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise InputError(
            "the current folder",
            expected="a folder that exists",
            found=reason(error),
            hint="change to another folder",
        ) from error
