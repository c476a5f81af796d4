"""A walk through a folder that enters linked folders and ends."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        folder: The folder, as it was reached.
        files: The sorted names of everything in it that is no folder.
        error: Why it could not be listed.
    """

    folder: Path
    files: list[str]
    error: OSError | None = None


def folders_below(root: Path) -> Iterator[Listing]:
    """Yield a folder and the folders below it.

    Linked folders come last. Each folder comes once, however many links lead to it, and links to
    the folders above the root are not entered. So the walk always ends.
    """
    seen = {_identity(folder) for folder in root.resolve().parents}
    waiting = deque([root])
    while waiting:
        folder = waiting.popleft()
        try:
            identity = _identity(folder)
            entries = [] if identity in seen else sorted(os.scandir(folder), key=_name)
        except OSError as error:
            yield Listing(folder, [], error)
            continue
        if identity in seen:
            continue
        seen.add(identity)
        yield Listing(folder, [entry.name for entry in entries if not _is_folder(entry)])
        for entry in filter(_is_folder, entries):
            (waiting.append if entry.is_symlink() else waiting.appendleft)(Path(entry.path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
