"""What is fed with damaged files by fuzz.py, and what makes an outcome wrong."""

from pathlib import Path
from random import Random
from typing import Protocol

TARGETS = {  # name: module and class
    "records": ("fuzz_records", "Records"),
    "segments": ("fuzz_segments", "Segments"),
    "annotations": ("fuzz_annotations", "Annotations"),
    "checkpoints": ("fuzz_checkpoints", "Checkpoints"),
    "configs": ("fuzz_configs", "Configs"),
    "edf": ("fuzz_recordings", "Edf"),
    "ishne": ("fuzz_recordings", "Ishne"),
    "others": ("fuzz_other_formats", "OtherFormats"),
    "tables": ("fuzz_tables", "Tables"),
}
MOST_CHARACTERS = 2_000  # of a line: two paths, and 200 characters of foreign text


class Target(Protocol):
    """What is fed with damaged files."""

    def prepare(self, folder: Path) -> None:
        """Write valid files into a folder."""

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write an input into an empty folder, a damaged one or a valid one."""

    def past_header(self, folder: Path) -> bool:
        """Whether the input's header is valid, by an own reading of it."""

    def check(self, folder: Path, rng: Random) -> None:
        """Read the input.

        Raises:
            InputError: It is refused.
            WrongError: It is accepted, and what was read is wrong.
        """


class WrongError(Exception):
    """An outcome that is not allowed."""


def line_problem(line: str) -> str:
    """What is wrong with a message; empty for one printable line."""
    if not line.isprintable():
        return "a message with control characters or of several lines"
    return f"a message of {len(line):,} characters" if len(line) > MOST_CHARACTERS else ""
