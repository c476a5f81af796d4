"""Child processes, several at a time, that end when this process receives a signal to stop."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning.errors import PROGRAM
from ecg_lightning.system.locks import LOG
from ecg_lightning.system.preemption import SIGNALS, TRY_AGAIN
from ecg_lightning.text import printed_path

GRACE_S = 10  # for a child to save and end; one that is killed loses its current epoch at most

Slot = Mapping[str, str]  # environment variables
Child = tuple[str, "subprocess.Popen[bytes]"]


def run_all(
    commands: Mapping[str, Sequence[str]],
    folder: Path,
    slots: Sequence[Slot],
    pass_fds: Sequence[int] = (),
) -> dict[str, int]:
    """Run commands, as many at a time as there are slots.

    SIGINT, SIGTERM, SIGUSR1 and SIGHUP end the children and this process.

    Args:
        commands: Name to command line. The output goes to the end of `FOLDER/NAME/log`.
        folder: The folder of the logs.
        slots: The environment variables that each slot adds to its commands.
        pass_fds: The file descriptors that the children inherit.

    Returns:
        Name to exit status of the commands that failed.

    Raises:
        SystemExit: A signal was received.
    """
    waiting, failed = list(commands), dict[str, int]()
    running: dict[int, Child] = {}
    with _signals() as received:
        try:
            while (waiting or running) and not received:
                free = [number for number in range(len(slots)) if number not in running]
                for number in free[: len(waiting)]:
                    name = waiting.pop(0)
                    log = folder / name / LOG
                    running[number] = name, _start(commands[name], log, slots[number], pass_fds)
                    print(f"{name}: started", flush=True)
                time.sleep(0.05)
                failed |= _collect(running)
        finally:
            _end([child for _, child in running.values()])
    if received:
        line = f"{PROGRAM}: {printed_path(folder)}: stopped; repeat the command to resume"
        print(line, file=sys.stderr, flush=True)
        sys.exit(TRY_AGAIN if received[0] in SIGNALS else 128 + received[0])
    return failed


def python_path() -> str:
    """Return a PYTHONPATH with which a child process imports this same package."""
    package = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))


def _collect(running: dict[int, Child]) -> dict[str, int]:
    """Remove the children that have ended, and return name and status of those that failed."""
    failed = {}
    ended = [number for number, (_, child) in running.items() if child.poll() is not None]
    for number in ended:
        name, child = running.pop(number)
        if child.returncode:
            failed[name] = child.returncode
        print(f"{name}: {'failed' if child.returncode else 'finished'}", flush=True)
    return failed


def _start(
    command: Sequence[str], log: Path, extra: Slot, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a child in a new session, so that Ctrl-C reaches it through this process only."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **extra}
    with open(log, "ab") as out:
        fds: dict[str, Any] = {"pass_fds": pass_fds} if pass_fds else {}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            **fds,
        )


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list of the signals received, which do not end the process within the block."""
    received: list[int] = []
    others = (getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name))
    numbers = {*SIGNALS, *others}
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in numbers
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    until = time.monotonic() + GRACE_S
    for child in children:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
