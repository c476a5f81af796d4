"""Progress bars, which only a terminal shows."""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO


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
