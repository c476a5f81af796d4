"""The folder where databases and prepared beats are kept, and checks of output paths."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import platformdirs

from ecg_lightning.errors import InputError
from ecg_lightning.system.os_errors import FULL, advice, reason

CACHE_VARIABLE = "ECG_LIGHTNING_CACHE"
ADVICE = "{advice}"  # in a hint: what helps against this error, as "make room on this disk"


def default_cache_dir() -> Path:
    """Return `$ECG_LIGHTNING_CACHE`, or the user's cache folder of this operating system.

    On Linux that is `$XDG_CACHE_HOME/ecg-lightning`, by default `~/.cache/ecg-lightning`.

    Raises:
        InputError: The user has no home folder.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return expanded(chosen)
    try:
        return Path(platformdirs.user_cache_dir("ecg-lightning", appauthor=False)).expanduser()
    except RuntimeError as error:
        raise InputError(
            "the cache",
            expected="a home folder of this user",
            found="none",
            hint=f"set the variable {CACHE_VARIABLE} to a folder that can be written",
        ) from error


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


def folders_in(value: object, count: int) -> list[str]:
    """Return the folders in a text, where commas separate them, or in a list; [] for None.

    Args:
        value: A path, a text of paths or a list of paths.
        count: How many folders are wanted. A text is one folder where one is wanted.

    Example:
        >>> folders_in("a,b", 1), folders_in("a,b", 2), folders_in(None, 2)
        (['a,b'], ['a', 'b'], [])
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [str(value)] if count == 1 else [item.strip() for item in str(value).split(",")]


def check_output_file(output: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse as the file to write what is no regular file, and what the command reads.

    Args:
        output: The file to write. It need not exist, and may be a link to a regular file.
        inputs: What the command reads: files, and folders with all that lies in them.

    Raises:
        InputError: It is a folder, a device, a pipe, a socket, a path that cannot be one, or one
            of the inputs.
    """
    expected = "the name of a file to write"
    try:
        mode = os.stat(output).st_mode if os.path.lexists(output) else None
    except FileNotFoundError:  # a link without a target, which the file will replace
        mode = None
    except (OSError, ValueError) as error:
        hint = f"{advice(error, Path(output))}, or choose another file"
        raise _refused(output, expected, reason(error), hint) from error
    if mode is not None and stat.S_ISDIR(mode):
        raise _refused(output, expected, "a folder", "add a file name")
    if mode is not None and not stat.S_ISREG(mode):
        found = "a device, a pipe or a socket"
        raise _refused(output, expected, found, "choose another file")
    if mode is not None and any(_is_part_of(output, path) for path in inputs):
        found = "a file that the command reads"
        raise _refused(output, "a file of its own", found, "choose another file")


def cannot_write(
    path: Path | str,
    error: BaseException,
    expected: str = "a place that can be written",
    *,
    content: str = "",
    place: str = "folder",
    hint: str = "",
    setting: str = "",
) -> InputError:
    """Return the error to raise after a write that failed.

    Args:
        path: The file or folder that could not be written.
        error: The error of the operating system.
        expected: What it should be.
        content: What it was to hold, such as "2.0 MiB"; said where the disk is full.
        place: What the user may choose instead: a folder, a file.
        hint: The next step, where `ADVICE` stands for what helps against this error; default:
            that, or another place.
        setting: The argument that names the path.

    Example:
        >>> error = OSError(errno.ENOSPC, "No space left on device")
        >>> str(cannot_write("a.csv", error, content="2.0 MiB", place="file"))
        'a.csv: expected room for 2.0 MiB, found No space left on device; make room on this disk, \
or choose another file'
    """
    if content and isinstance(error, OSError) and error.errno in FULL:
        expected = f"room for {content}"
    other = f"choose another {place}"
    if not setting and _is_below_cache(Path(path)):
        other = f"set the variable {CACHE_VARIABLE} to another folder"
    hint = (hint or f"{ADVICE}, or {other}").replace(ADVICE, advice(error, Path(path)))
    return InputError(str(path), expected=expected, found=reason(error), hint=hint, setting=setting)


def _is_below_cache(path: Path) -> bool:
    try:
        return path.is_relative_to(default_cache_dir())
    except InputError:
        return False


def _is_part_of(output: Path, path: Path) -> bool:
    """Whether two paths are one file, or the first lies below the second."""
    try:
        return output.samefile(path) or (
            path.is_dir() and output.resolve().is_relative_to(path.resolve())
        )
    except (OSError, ValueError, RuntimeError):
        return False


def _refused(output: Path, expected: str, found: str, hint: str) -> InputError:
    return InputError(str(output), expected=expected, found=found, hint=hint, setting="output")
