"""Child processes, several at a time, that end when this process is told to; and a lock that outlives it in them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning.system.locks import LOG
from ecg_lightning.system.preemption import SIGNALS, TRY_AGAIN

GRACE_S = 10  # for a child to save and end; being killed costs it no more than the epoch


def run_all(
    commands: Mapping[str, Sequence[str]],
    folder: Path,
    slots: Sequence[Mapping[str, str]],
    pass_fds: Sequence[int] = (),
) -> dict[str, int]:
    """Runs commands, as many at a time as there are slots; SIGINT, SIGTERM, SIGUSR1 and SIGHUP end them all and this process.

    Args:
        commands: Name to command line. Output is appended to `folder/NAME/log`.
        folder: See above.
        slots: What each of them adds to the environment of its commands.
        pass_fds: File descriptors for the children.

    Returns:
        Name to exit status, of those that failed.

    Raises:
        SystemExit: A signal came.
    """
    waiting, running, failed = list(commands), dict[int, tuple[str, subprocess.Popen[bytes]]](), {}
    with _signals() as received:
        try:
            while (waiting or running) and not received:
                for number in [number for number in range(len(slots)) if number not in running][
                    : len(waiting)
                ]:
                    name = waiting.pop(0)
                    running[number] = (
                        name,
                        _start(commands[name], folder / name / LOG, slots[number], pass_fds),
                    )
                    print(f"{name}: begun", flush=True)
                time.sleep(0.05)
                for number in [
                    number for number, (_, child) in running.items() if child.poll() is not None
                ]:
                    name, child = running.pop(number)
                    if child.returncode:
                        failed[name] = child.returncode
                    print(f"{name}: {'failed' if child.returncode else 'finished'}", flush=True)
        finally:
            _end([child for _, child in running.values()])
    if received:
        print(f"{folder}: stopped; the same command goes on from here", file=sys.stderr, flush=True)
        sys.exit(TRY_AGAIN if received[0] in SIGNALS else 128 + received[0])
    return failed


def python_path() -> str:
    """PYTHONPATH for a child that imports this very package, wherever it lies."""
    return os.pathsep.join(
        filter(None, [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")])
    )


def _start(
    command: Sequence[str], log: Path, extra: Mapping[str, str], pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches it through us."""
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
    """A list that signals to stop are noted in, instead of ending the process between two lines."""
    received: list[int] = []
    kinds = {
        *SIGNALS,
        *(getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)),
    }
    before = {
        kind: signal.signal(kind, lambda number, _: received.append(number)) for kind in kinds
    }
    try:
        yield received
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


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
