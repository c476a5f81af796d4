"""The beats table as a folder of `.npy` files, memory-mapped when they are read.

The files grow table by table, so memory does not grow with the number of records. The folder
appears by one rename. `manifest.json` holds the size and the CRC-32 of each file.

Sizes are compared at every start. The checksums are compared too where all files together have at
most `READ_THROUGH_BYTES`, where a file was changed after the manifest was written, and in
`ecg-lightning prepare`. Only `prepare` is sure to find a bit that the disk has flipped.
"""

import contextlib
import json
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from itertools import chain
from os import stat_result
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from ecg_lightning.data.beats import ARRAYS, Beats, FactsOfRecords
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.system.npy_files import write_npy
from ecg_lightning.system.os_errors import FULL, advice
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import mebibytes

VERSION = 7  # raised when the same records and settings give other beats
MANIFEST = "manifest.json"
# Half a second of reading from memory, at 2 GB/s. MIT-BIH's beats are a tenth of it.
READ_THROUGH_BYTES = 1 << 30
_MOST_MANIFEST_BYTES = 1 << 28  # a note has 100 bytes; a million records have a few each
_CHUNK = 1 << 22

Tables = Iterable[Beats]


class DamagedError(Exception):
    """Beats that cannot be used: which file, what was expected and what was found."""


def load(folder: Path, thorough: bool = False) -> Beats | None:
    """Return the beats in a folder; None where there is no folder.

    Args:
        folder: Where they are.
        thorough: Read every file through, however large.

    Raises:
        DamagedError: The folder does not hold what was written.
    """
    if not folder.exists():
        return None
    try:
        manifest = _manifest(folder)
        _check(folder, manifest["files"], thorough)
        return _mapped(folder, manifest)
    except OSError as error:
        found = f"expected a file that can be read, found {error.strerror or error}"
        raise DamagedError(f"{error.filename or folder}: {found}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        found = f"expected what this program writes, found something else ({type(error).__name__})"
        raise DamagedError(f"{folder / MANIFEST}: {found}") from error


def save(tables: Tables, folder: Path) -> None:
    """Write the beats next to `folder` and rename them into place.

    Sound beats that are there stay. Anything else is replaced.

    Args:
        tables: The beats are these tables one below the other. Their arrays have the same types
            and windows, and only one table is in memory at a time.
        folder: Where the beats go.

    Raises:
        InputError: The folder cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_temporary_name(folder), dir=folder.parent))
        _write(tables, temporary)
        _put(temporary, folder)
    except OSError as error:
        raise _cannot_save(folder, temporary, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes of this machine have left while they wrote this folder.

    Call it with the folder's lock, so that no living process writes there. What other machines have
    left stays: many shared file systems lock for one machine only.
    """
    for path in folder.parent.glob(f"{_temporary_name(folder)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _temporary_name(folder: Path) -> str:
    """How this machine's temporary folders begin; a host name has no `~`."""
    return f".{folder.name}~{platform.node()}~"


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    status = path.stat()
    if not S_ISREG(status.st_mode) or status.st_size > _MOST_MANIFEST_BYTES:
        raise DamagedError(f"{path}: expected a file of this program, found something else")
    manifest: dict[str, Any] = json.loads(path.read_text())
    if (version := manifest["version"]) != VERSION:
        found = str(version)[:20]
        raise DamagedError(f"{folder / MANIFEST}: expected version {VERSION}, found {found}")
    return manifest


def _mapped(folder: Path, manifest: Mapping[str, Any]) -> Beats:
    # Mode "c": pages are private to the process, and torch gets the writable array that it needs.
    arrays: dict[str, Any] = {
        name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in ARRAYS
    }
    notes = tuple(RecordNote(*note) for note in manifest["notes"])
    leads, rates = tuple(map(str, manifest["leads"])), tuple(map(float, manifest["recorded_fs_hz"]))
    return Beats(**arrays, fs_hz=manifest["fs_hz"], notes=notes, leads=leads, recorded_fs_hz=rates)


def _check(folder: Path, expected: Mapping[str, list[int]], thorough: bool) -> None:
    """Compare the sizes, and the checksums where that is quick or something is suspicious."""
    paths = {name: folder / f"{name}.npy" for name in ARRAYS}
    statuses = {name: path.stat() for name, path in paths.items()}
    for name, path in paths.items():
        if (size := statuses[name].st_size) != expected[name][0]:
            raise DamagedError(f"{path}: expected {expected[name][0]:,} bytes, found {size:,}")
    if not (thorough or _is_quick_or_suspicious(folder, statuses.values())):
        return
    for name, path in paths.items():
        if (crc := _crc32(path)) != expected[name][1]:
            raise DamagedError(f"{path}: expected CRC-32 {expected[name][1]:08x}, found {crc:08x}")


def _is_quick_or_suspicious(folder: Path, statuses: Iterable[stat_result]) -> bool:
    statuses = list(statuses)
    written_ns = (folder / MANIFEST).stat().st_mtime_ns  # the last file that is written
    small = sum(status.st_size for status in statuses) <= READ_THROUGH_BYTES
    return small or any(status.st_mtime_ns > written_ns for status in statuses)


def _cannot_save(folder: Path, temporary: Path | None, error: OSError) -> InputError:
    """The error that says how much had been written, and what may be deleted."""
    written = mebibytes(_bytes_below([temporary] if temporary else []))
    others = [path for path in folder.parent.glob("beats-*") if path != folder]
    held = (
        f" (the other beats-* folders there hold {mebibytes(_bytes_below(others))} and are "
        "built again when needed)"
    )
    held = held if others and error.errno in FULL else ""
    hint = f"{advice(error, folder)}{held}, or choose another cache folder"
    content = f"more than {written} of beats"
    return cannot_write(folder, error, content=content, hint=hint, setting="cache_dir")


def _bytes_below(folders: Iterable[Path]) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.glob("*"))


def _put(temporary: Path, folder: Path) -> None:
    """Rename into place, unless another process was first.

    The beats of that process are as good, and it may be reading them.
    """
    if _is_sound(folder):
        return
    damaged = temporary.with_name(f"{temporary.name}-damaged")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(damaged)  # one step: nobody sees half a folder
    _remove(damaged)
    try:
        temporary.rename(folder)
    except OSError:
        if not _is_sound(folder):
            raise


def _is_sound(folder: Path) -> bool:
    try:
        return load(folder, thorough=True) is not None
    except DamagedError:
        return False


def _write(tables: Tables, folder: Path) -> None:
    rest = iter(tables)
    first = next(rest)
    records = FactsOfRecords()

    def arrays(table: Beats) -> dict[str, Any]:
        records.add(table)
        return {name: getattr(table, name) for name in ARRAYS}

    write_npy(folder, map(arrays, chain([first], rest)))
    paths = {name: folder / f"{name}.npy" for name in ARRAYS}
    files = {name: [path.stat().st_size, _crc32(path)] for name, path in paths.items()}
    manifest = {"version": VERSION, "fs_hz": first.fs_hz, "files": files}
    manifest |= records.tuples()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    folder.chmod(0o755)


def _crc32(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _remove(path: Path) -> None:
    """Remove what was put aside: a folder, or a file or link that was in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
