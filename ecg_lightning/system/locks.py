"""One process at a time: locks that the kernel releases when their holder dies."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ecg_lightning.errors import InputError


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
                    print(
                        f"ecg-lightning: {path}: another process is at work there; waiting for it",
                        file=sys.stderr,
                        flush=True,
                    )
                told = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):  # its holder has just removed it
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


LOG, LOCK = "log", "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """Keeps other commands out; crossval hands the lock to its children, so that orphans of a killed one keep them out too."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder that can be written, found: {error.strerror}; give another --output"
        ) from error
    try:
        yield lock if _lock(lock, folder) else None
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{folder}: expected no other command there, found one at work, or a process that one left behind; wait for it or end it"
        ) from error
    except OSError:  # a file system without locks
        return False
    return True
