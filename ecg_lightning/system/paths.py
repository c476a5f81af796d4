"""The folder where databases and prepared beats are kept, and checks of output paths."""

import os
from pathlib import Path

import platformdirs

from ecg_lightning.errors import InputError


def default_cache_dir() -> Path:
    """Return `$ECG_LIGHTNING_CACHE`, or the user's cache folder of this operating system.

    On Linux that is `$XDG_CACHE_HOME/ecg-lightning`, by default `~/.cache/ecg-lightning`.
    """
    chosen = os.environ.get("ECG_LIGHTNING_CACHE")
    return expanded(chosen or platformdirs.user_cache_dir("ecg-lightning", appauthor=False))


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with `~` or `~user` at its start replaced by the home folder.

    A path that exists as it is written, or whose home folder is not known, stays.
    """
    path = Path(path)
    try:
        if str(path).startswith("~") and not os.path.lexists(path):
            return path.expanduser()
    except (RuntimeError, ValueError, OSError):
        pass  # opening it will say why
    return path


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


def unwritable(path: Path, error: OSError, expected: str, setting: str = "") -> InputError:
    """Return the error for a file or folder that cannot be written.

    Args:
        path: The file or folder.
        error: Why it cannot be written.
        expected: What it should be.
        setting: The argument that names it.
    """
    found = error.strerror or type(error).__name__
    hint = "choose another folder"
    return InputError(str(path), expected=expected, found=found, hint=hint, setting=setting)
