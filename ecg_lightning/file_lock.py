"""One process at a time: a lock file beside the folder that is being made, which the kernel releases when its holder dies."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[bool]:
    """Keeps other processes from making the same folder meanwhile; waits for one that is at it, and says so on standard error.

    Args:
        folder: What is to be made. The lock is `.NAME.lock` beside it, and is gone afterwards.

    Yields:
        Whether the lock is held. It is not on a system or a file system without locks, or where the place cannot be written:
        what is made has to appear by an atomic rename all the same.

    Example:
        >>> with one_at_a_time(tmp_path / "beats") as held:
        ...     held
        True
    """
    path = folder.absolute().with_name(f".{folder.absolute().name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    except (OSError, ImportError):  # no rights, no such locks; Windows
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is held: those who wait for it find it gone, and begin anew
        os.close(descriptor)


def _locked(path: Path) -> int:
    """The lock file's descriptor, once it is ours and still the file of that name."""
    import fcntl

    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    print(f"ecg-lightning: {path}: another process is at work there; waiting for it", file=sys.stderr, flush=True)
                told = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):  # its holder has just removed it
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
