"""Ask the child process about a Keras file, with limits on its time and on its answer."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.system.processes import python_path

# -P: nothing is imported from the working folder.
CHILD = ("-P", "-m", "ecg_lightning.keras_import.child")
SECONDS = 60.0
_FILE_BYTES = 2 << 30
_SAVE_AGAIN = "save the model again with Keras's model.save"
# No switches of HDF5 and no plugins for it; some network drives cannot lock files.
_HDF5 = {
    "HDF5_PLUGIN_PRELOAD": "::",
    "HDF5_PLUGIN_PATH": "",
    "HDF5_USE_FILE_LOCKING": "FALSE",
}


def ask(path: Path, request: dict[str, Any], most: int) -> tuple[dict[str, Any], bytes]:
    """Send the child a request about a file.

    Args:
        path: The file.
        request: The request, without the path.
        most: The most bytes of the answer.

    Returns:
        The answer's line of JSON, and the bytes after it.

    Raises:
        InputError: The file does not open, or the child refused it or failed.
    """
    _check_file(path)
    message = json.dumps({"path": os.path.abspath(path), **request}).encode()
    status, answer = run_child(message, most)
    if status:
        raise unreadable(path, f"its reader ended with status {status}")
    if len(answer) > most:
        raise unreadable(path, "its reader gave too long an answer")
    line, _, body = answer.partition(b"\n")
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise unreadable(path, "its reader gave no answer")
    if "found" in header:
        raise _refusal(path, " ".join(str(header["found"]).split())[:300])
    return header, body


def run_child(request: bytes, most: int) -> tuple[int, bytes]:
    """Return the child's exit status and its output, cut after `most` bytes and one."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command = [sys.executable, *CHILD]
    with subprocess.Popen(command, env=environment(), **pipes) as child:  # type: ignore[call-overload]
        clock = threading.Timer(SECONDS, child.kill)
        clock.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(request)
                child.stdin.close()
            output = child.stdout.read(most + 1)
            if len(output) > most:
                child.kill()
            return child.wait(), output
        finally:
            clock.cancel()
            child.kill()  # does nothing once it has ended


def environment() -> dict[str, str]:
    """Return the child's environment: this package first, one thread, HDF5 without plugins."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HDF5_")}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **threads, **_HDF5, "PYTHONPATH": python_path()}


def unreadable(path: Path, reason: str) -> InputError:
    """The error for a file whose reader failed."""
    return _refusal(path, f"one that cannot be read ({reason})")


def _refusal(path: Path, found: str, hint: str = _SAVE_AGAIN) -> InputError:
    return InputError(str(path), expected="a Keras model file", found=found, hint=hint)


def _check_file(path: Path) -> None:
    """Refuse what is not a file or does not open, before a child is started."""
    try:
        info = path.stat()
        path.open("rb").close() if stat.S_ISREG(info.st_mode) else None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise _refusal(path, f"none that opens ({reason})", "check the path") from None
    if not stat.S_ISREG(info.st_mode):
        found = "a folder" if stat.S_ISDIR(info.st_mode) else "something that is no file"
        raise _refusal(path, found, "give the file itself")
    if info.st_size > _FILE_BYTES:
        raise _refusal(path, f"one of more than {_FILE_BYTES >> 30} GiB")
