"""The signals of a cluster: SIGTERM and SIGUSR1 end a command with status 75.

The status says that the same command, repeated, resumes the work.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_NAMES = ("SIGTERM", "SIGUSR1")  # Windows has no SIGUSR1
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class PreemptedError(Exception):
    """A signal ended the command. The message says what was kept."""


class Preemption:
    """A note of the latest signal.

    Attributes:
        received: The name of the latest signal; empty before the first.
        waits: Whether the command looks at `received` itself, as it does between training steps.
            Otherwise a signal ends it at once.
    """

    def __init__(self) -> None:
        self.received = ""
        self.waits = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals within a block."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
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
            for number in SIGNALS:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        if not self.waits:
            raise PreemptedError(f"{self.received}: stopped; repeat the command to resume")


def _may_install() -> bool:
    return threading.current_thread() is threading.main_thread()
