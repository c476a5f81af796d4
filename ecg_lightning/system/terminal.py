"""Progress bars, where a terminal shows them."""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO


def on_a_terminal(stream: TextIO) -> bool:
    """Whether somebody is looking at what goes to `stream`; job logs get no bars."""
    return stream.isatty()


def track(items: Sequence[str], description: str) -> Iterable[str]:
    """The items, with a bar on standard error when that is a terminal."""
    if not on_a_terminal(sys.stderr):
        return items
    from rich.console import Console
    from rich.progress import track as rich_track

    return rich_track(items, description, console=Console(stderr=True), transient=True)
