"""The recordings of a folder, of all formats."""

import os
from pathlib import Path


def find_recordings(folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the recordings below a folder, in natural order, as `read_recording` takes them.

    Args:
        folder: The folder. Its subfolders are searched too.

    Returns:
        Files, and the names of WFDB records without an ending.

    Raises:
        InputError: There is no such folder, or it has no recordings.
    """
    raise NotImplementedError
