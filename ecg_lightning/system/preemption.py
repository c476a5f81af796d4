"""What a cluster's signals do: SIGTERM and SIGUSR1 end a command with status 75, which says that the same command goes on from there."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name)
)  # Windows has no SIGUSR1


class PreemptedError(Exception):
    """A signal ended the command; the message says what was kept."""


class Preemption:
    """Notes the signals.

    Attributes:
        received: The latest one's name; empty before.
        waits: Whether the command looks at `received` itself, as it does between training steps. Else a signal ends it at once.
    """

    def __init__(self) -> None:
        self.received = ""
        self.waits = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Handles the signals within a block."""
        before = {kind: signal.getsignal(kind) for kind in SIGNALS}
        self.install()
        try:
            yield
        finally:
            if _may_install():
                for kind, handler in before.items():
                    signal.signal(kind, handler)

    def install(self) -> None:
        """Handles the signals from now on; Lightning puts a handler of its own in the place of SIGTERM's when a fit begins."""
        if _may_install():
            for kind in SIGNALS:
                signal.signal(kind, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        if not self.waits:
            raise PreemptedError(
                f"{self.received}: stopped; the same command goes on from what is there"
            )


def _may_install() -> bool:
    return threading.current_thread() is threading.main_thread()
