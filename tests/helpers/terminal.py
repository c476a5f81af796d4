"""A terminal for the command line in this process, and what it shows in the end."""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

_PIECES = re.compile(
    r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\r\n]|[^\x1b\r\n]+"
)


@dataclass
class Shown:
    """What was written to the terminal.

    Attributes:
        raw: All of it, with control characters.
    """

    raw: str = ""
    _parts: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was written at any time, without control sequences."""
        return "".join(match[0] for match in _PIECES.finditer(self.raw) if match[0][0] != "\x1b")

    @property
    def lines(self) -> list[str]:
        """The lines that are there in the end, of a terminal that is high enough."""
        lines, row, column = [""], 0, 0
        for match in _PIECES.finditer(self.raw):
            piece, number, letter = match[0], match[1], match[2]
            if piece == "\r":
                column = 0
            elif piece == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif letter == "A":
                row = max(0, row - int(number or 1))
            elif letter == "K":
                assert number == "2", "only whole lines are expected to be erased"
                lines[row] = ""
            elif piece[0] != "\x1b":
                lines[row] = (
                    lines[row][:column].ljust(column) + piece + lines[row][column + len(piece) :]
                )
                column += len(piece)
        return [line.rstrip() for line in lines]


@contextlib.contextmanager
def terminal(columns: int = 80) -> Iterator[Shown]:
    """Yield what appears on a terminal that standard output is during the block."""
    shown, parts = Shown(), list[bytes]()
    leader, follower = os.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(leader, 65536):
                parts.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with pytest.MonkeyPatch.context() as patch, open(follower, "w") as stream:
            for name, value in (("COLUMNS", str(columns)), ("LINES", "40"), ("TERM", "xterm")):
                patch.setenv(name, value)
            patch.setattr(sys, "stdout", stream)
            yield shown
    finally:
        reader.join()
        os.close(leader)
        shown.raw = b"".join(parts).decode()
