"""Standard output and standard error, and progress bars, which only a terminal shows."""

import contextlib
import errno
import io
import math
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from ecg_lightning.text import duration

STREAMS = ("stdin", "stdout", "stderr")
_QUICK_S = 1.0  # work of less than this needs no bar
_LEAST_DONE = 0.01  # before the time left is told


def on_a_terminal(stream: TextIO) -> bool:
    """Return whether a stream is shown on a terminal. The logs of jobs get no bars."""
    return stream.isatty()


def track(items: Sequence[str], description: str) -> Iterable[str]:
    """Return the items, with a progress bar on standard error if that is a terminal."""
    if not on_a_terminal(sys.stderr):
        return items
    from rich.console import Console
    from rich.progress import track as rich_track

    return rich_track(items, description, console=Console(stderr=True), transient=True)


def width_of_output() -> int | None:
    """Return how many letters fit on a line of standard output; None where it is no terminal.

    The variable `COLUMNS` counts everywhere.
    """
    if not on_a_terminal(sys.stdout) and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size().columns


@contextlib.contextmanager
def progress_bar(
    log_every_s: float = math.inf, program: str = ""
) -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows what is done and which share of the work is, from 0 to 1.

    A bar with the time left appears on standard error if that is a terminal, and if the work takes
    over a second.

    Args:
        log_every_s: How often a line appears where standard error is no terminal. Default: never.
        program: What such a line begins with.
    """
    if not on_a_terminal(sys.stderr):
        yield _ProgressLines(log_every_s, program)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task, begin_s, time_left = bar.add_task("", total=1.0, left=""), time.monotonic(), _TimeLeft()

    def show(description: str, share: float) -> None:
        bar.update(task, description=description, completed=share, left=time_left(share))
        if time.monotonic() - begin_s > _QUICK_S:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


class _ProgressLines:
    """Shows progress in the log of a job: a line now and then."""

    def __init__(self, every_s: float, program: str) -> None:
        self._every_s, self._program, self._time_left = every_s, program, _TimeLeft()
        self._last_s = time.monotonic()

    def __call__(self, text: str, share: float) -> None:
        now_s, left = time.monotonic(), self._time_left(share)
        if now_s - self._last_s < self._every_s:
            return
        self._last_s = now_s
        line = f"{self._program}: {text}: {math.floor(100 * share)} %"
        print(f"{line}{left and ', '}{left}", file=sys.stderr, flush=True)


class _TimeLeft:
    """Tells the time left from the time since the first call, which comes after preparations."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None  # the time and the share that was done

    def __call__(self, share: float) -> str:
        """Return the time left; "" where it is not known yet."""
        now_s = time.monotonic()
        begin_s, share_before = self._first = self._first or (now_s, share)
        passed_s, done = now_s - begin_s, share - share_before
        if passed_s < _QUICK_S or done < _LEAST_DONE or share >= 1:
            return ""
        return f"{duration(math.ceil(passed_s * (1 - share) / done))} left"


class StandardStream(io.RawIOBase):
    """A file descriptor to write to, whose reader may have enough, as in `fit | head`.

    After that, and after any other error, what is written goes nowhere, so that the exit of the
    program cannot fail again.

    Args:
        descriptor: Such as 1.
        name: What a message calls it.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__()
        self._descriptor, self._name = descriptor, name

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Write all bytes.

        Raises:
            OSError: It is full or broken; the error bears its name. A closed pipe is no error.
        """
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # a pipe that does not wait for its reader
                select.select((), (self._descriptor,), ())
            except OSError as error:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._descriptor)
                os.close(nowhere)
                if error.errno == errno.EPIPE:
                    return size
                raise OSError(error.errno, error.strerror, self._name) from error
        return size


def keep_streams_usable() -> None:
    r"""Let the program print whatever the terminal, the pipe or the locale is like.

    What the locale lacks is shown as `\xb7`, a closed pipe is no error, and the message about a
    full disk names standard output. Streams that other programs have replaced stay as they are.
    """
    _open_what_is_closed()
    for attribute, name in (("stdout", "standard output"), ("stderr", "standard error")):
        stream = getattr(sys, attribute)
        if type(stream) is io.TextIOWrapper and _is_of_system(stream):
            setattr(sys, attribute, _usable(stream, name))
        elif isinstance(stream, io.TextIOWrapper):  # that of another program, such as pytest
            stream.reconfigure(errors="backslashreplace")


def _is_of_system(stream: io.TextIOWrapper) -> bool:
    """Whether a stream writes into a file descriptor, and not yet through a StandardStream."""
    return isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO)


def _usable(stream: io.TextIOWrapper, name: str) -> io.TextIOWrapper:
    stream.flush()
    raw: io.IOBase = StandardStream(stream.fileno(), name)
    return io.TextIOWrapper(
        raw,  # type: ignore[arg-type]  # a raw stream, which writes all it is given
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_what_is_closed() -> None:
    """Give closed streams the null device, so that no other file gets their number."""
    if all(getattr(sys, name) is not None for name in STREAMS):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        pass
    os.close(descriptor)
    for name in STREAMS:
        if getattr(sys, name) is None:
            nothing = open(os.devnull, "r" if name == "stdin" else "w")  # noqa: SIM115
            setattr(sys, name, nothing)


def flush_streams() -> None:
    """Write what is still held back.

    Raises:
        OSError: Standard output is full.
    """
    sys.stdout.flush()
    sys.stderr.flush()
