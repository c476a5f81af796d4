"""Locks between processes. The kernel releases them when their holder dies."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock

from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import printed_path

LOG, LOCK = "log", "lock"


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[bool]:
    """Let one process at a time make a folder; the others wait and say so on standard error.

    Args:
        folder: The folder that is to be made. The lock is the file `.NAME.lock` next to it, which
            is removed at the end.

    Yields:
        Whether the lock is held. It is not held where the file system has no locks or the place
        cannot be written. The folder must therefore still appear by an atomic rename.

    Example:
        >>> with one_at_a_time(tmp_path / "beats") as held:
        ...     held
        True
    """
    path = folder.absolute().with_name(f".{folder.absolute().name}.lock")
    lock = filelock.FileLock(path, fallback_to_soft=False)
    if not _acquire(lock, folder):
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while the lock is held: a waiting process sees this and starts again
        lock.release()


def _acquire(lock: filelock.BaseFileLock, folder: Path) -> bool:
    """Wait for the lock; return False where there are no locks."""
    try:
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            line = f"{PROGRAM}: waiting: another process is using {printed_path(folder)}"
            print(line, file=sys.stderr, flush=True)
            lock.acquire()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """Keep other commands out of a folder.

    `crossval` passes the descriptor to its children. If it is killed, they keep the lock as long
    as they run.

    Yields:
        The descriptor of the locked file, or None where the file system has no locks.

    Raises:
        InputError: The folder cannot be written, or another command is using it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        expected = "a folder that can be written"
        raise cannot_write(folder, error, expected, place="folder", setting="output") from error
    try:
        yield descriptor if _lock(descriptor, folder) else None
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{folder}",
            expected="no other command in this folder",
            found="one that is running, or a process that a killed one left behind",
            hint="wait for it or end it",
        ) from error
    except OSError:  # a file system without locks
        return False
    return True
