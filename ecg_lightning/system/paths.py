"""The folder where databases and prepared beats are kept, and a check of output files."""

import os
from pathlib import Path

import platformdirs

from ecg_lightning.errors import InputError


def default_cache_dir() -> Path:
    """Return `$ECG_LIGHTNING_CACHE`, or the user's cache folder of this operating system.

    On Linux that is `$XDG_CACHE_HOME/ecg-lightning`, by default `~/.cache/ecg-lightning`.
    """
    chosen = os.environ.get("ECG_LIGHTNING_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("ecg-lightning", appauthor=False))


def check_output_file(output: Path) -> None:
    """Refuse a folder as the file to write.

    Args:
        output: The file.

    Raises:
        InputError: It is a folder.
    """
    if output.is_dir():
        raise InputError(
            str(output),
            expected="the name of a file to write",
            found="a folder",
            hint="add a file name",
            setting="output",
        )
