"""The signals of a cluster and Ctrl-C, which end a command in one line.

SIGTERM and SIGUSR1 end it with status 75, which says that the same command, repeated, resumes the
work. Ctrl-C ends it with 130, as shells report it.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from ecg_lightning.errors import PROGRAM

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_NAMES = ("SIGTERM", "SIGUSR1")  # Windows has no SIGUSR1
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
INTERRUPTED = 128 + signal.SIGINT
CTRL_C = "Ctrl-C"
_WATCHED = (*SIGNALS, signal.SIGINT)


class PreemptedError(Exception):
    """A signal ended the command. The message says what was kept.

    Attributes:
        status: The exit status of the command.
    """

    def __init__(self, message: str, status: int = TRY_AGAIN) -> None:
        super().__init__(message)
        self.status = status


class Preemption:
    """A note of the latest signal.

    Attributes:
        received: The name of the latest signal; empty before the first.
        waits: Whether the command looks at `received` itself, as it does between training steps.
            Otherwise a signal ends it at once, and so does a second Ctrl-C.
    """

    def __init__(self) -> None:
        self.received = ""
        self.waits = False

    @property
    def status(self) -> int:
        """The exit status after the latest signal."""
        return INTERRUPTED if self.received == CTRL_C else TRY_AGAIN

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals within a block."""
        before = {number: signal.getsignal(number) for number in _WATCHED}
        self.install()
        try:
            yield
        finally:
            if _may_install():
                for number, handler in before.items():
                    signal.signal(number, handler)

    def install(self) -> None:
        """Handle the signals from now on. Lightning replaces the handler of SIGTERM in a fit."""
        if _may_install():
            for number in _WATCHED:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = CTRL_C if number == signal.SIGINT else signal.Signals(number).name
        again = name == self.received == CTRL_C
        self.received = name
        if again or not self.waits:
            raise PreemptedError(f"{name}: stopped; repeat the command to resume", self.status)


@contextlib.contextmanager
def ends_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process within a block, with its line and without an exception.

    This is for imports: an exception that is raised while a C extension is imported may come out
    of the import as another one.
    """
    if not _may_install() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # the process ignores Ctrl-C, or who calls the command handles it
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, f"{PROGRAM}: {CTRL_C}: stopped\n".encode())
    os._exit(INTERRUPTED)


def _may_install() -> bool:
    return threading.current_thread() is threading.main_thread()
