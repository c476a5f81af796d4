"""Beats on disk: a folder of plain `.npy` files, memory-mapped when read, named by what the beats were made from.

The name is a hash of the settings and of the records' contents, so a changed setting or file leads to another folder, never to stale
beats. The files grow record by record, so that memory does not grow with the records; the folder appears by one rename, and one process
builds it while others wait. `manifest.json` holds each file's size and CRC-32; a folder that disagrees is built again, and it is said why.

Sizes are compared at every start. Files of up to `READ_THROUGH_BYTES` together are also read through; larger ones are when one of them was
changed after the manifest was written, and in `ecg-lightning prepare`, which alone finds a bit that the disk itself has turned.
"""

import contextlib
import hashlib
import json
import platform
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.data.beats import ARRAYS, Beats, BeatSettings, beats_of_kaggle
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database
from ecg_lightning.records.kaggle import FILES
from ecg_lightning.system.atomic_files import cannot_write
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.locks import one_at_a_time
from ecg_lightning.system.npy_files import write_npy
from ecg_lightning.text import mebibytes

VERSION = 1  # raised whenever the same records and settings would give other beats
MANIFEST = "manifest.json"
READ_THROUGH_BYTES = (
    1 << 30
)  # half a second's reading from memory, at 2 GB/s; MIT-BIH's beats are a tenth of it
_CHUNK = 1 << 22
_ATTEMPTS = 3

Tables = Iterable[Beats]


class DamagedError(Exception):
    """Beats in the cache that cannot be used: which file, what was expected and what was found."""


def cached_beats(
    database: Database,
    settings: BeatSettings,
    cache_dir: Path,
    build: Callable[[], Tables],
    thorough: bool = False,
) -> Beats:
    """The beats of a database, from the cache or built and put there.

    Args:
        database: Whose records are read for the key.
        settings: How they are cut.
        cache_dir: The cache.
        build: Makes the beats, a table at a time.
        thorough: Read the cached beats through, however many there are.

    Returns:
        Beats whose arrays are memory-mapped; writing to them changes memory only.

    Raises:
        InputError: the cache folder cannot be written.
    """
    return _cached(cache_dir / f"beats-{key_of(database, settings)}", build, thorough)


def cached_kaggle(root: Path, cache_dir: Path, thorough: bool = False) -> Beats:
    """Kaggle's CSVs as beats, from the cache or read, which takes ten times as long, and put there.

    Raises:
        InputError: as `beats_of_kaggle`, or the cache folder cannot be written.
    """
    files = [path for name in FILES if (path := root / f"{name}.csv").is_file()]
    if not files:
        return beats_of_kaggle(root)  # which says what is missing
    digest = hashlib.sha256(
        json.dumps([VERSION, *((path.name, sha256_of(path)) for path in files)]).encode()
    )
    return _cached(
        cache_dir / f"beats-{digest.hexdigest()[:16]}", lambda: [beats_of_kaggle(root)], thorough
    )


def _cached(folder: Path, build: Callable[[], Tables], thorough: bool) -> Beats:
    for _ in range(
        _ATTEMPTS
    ):  # where there are no locks, another process may be replacing damaged beats just now
        with contextlib.suppress(DamagedError):
            if (beats := load(folder, thorough)) is not None:
                return beats
        with one_at_a_time(folder) as alone:
            if _has_to_be_built(folder, thorough):
                if alone:
                    _remove_leftovers(folder)
                save(build(), folder)
    raise InputError(
        f"{folder}: the beats just written cannot be read back; check the disk, or choose another --data.cache_dir"
    )


def _has_to_be_built(folder: Path, thorough: bool) -> bool:
    """False where another process has built the beats while this one waited; says what was wrong with damaged ones."""
    try:
        return load(folder, thorough) is None
    except DamagedError as error:
        print(f"ecg-lightning: {error}; the beats are built again", file=sys.stderr, flush=True)
        return True


def _remove_leftovers(folder: Path) -> None:
    """What a process of this machine that was killed has left of this folder; no living one is at it, for this one holds the lock.

    Not of other machines: many shared file systems lock for one machine alone.
    """
    for path in folder.parent.glob(f"{_temporary_name(folder)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _temporary_name(folder: Path) -> str:
    return f".{folder.name}-{platform.node()}-"


def key_of(database: Database, settings: BeatSettings) -> str:
    """16 hexadecimal digits of the SHA-256 over version, settings, record names and file contents.

    Raises:
        InputError: a record's file cannot be read.
    """
    digest = hashlib.sha256(
        json.dumps(
            [VERSION, asdict(settings), database.annotator, dict(database.patients)]
        ).encode()
    )
    for name in database.records:
        digest.update(name.encode())
        try:
            for path in _files(database.root, name, database.annotator):
                digest.update(sha256_of(path).encode())
        except OSError as error:
            found = f"expected a readable file, found: {error.strerror or error}"
            raise InputError(f"{error.filename or name}: {found}; check its rights") from error
    return digest.hexdigest()[:16]


def load(folder: Path, thorough: bool = False) -> Beats | None:
    """The beats in a folder; None when there is none.

    Args:
        folder: Where they are.
        thorough: Read every file through, however large.

    Raises:
        DamagedError: the folder does not hold what was written.
    """
    if not folder.exists():
        return None
    try:
        manifest = _manifest(folder)
        _check(folder, manifest["files"], thorough)
        # Mode "c": pages are private to the process, and torch gets the writable array it wants.
        arrays: dict[str, Any] = {
            name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)
            for name in ARRAYS
        }
        return Beats(**arrays, fs_hz=manifest["fs_hz"])
    except OSError as error:
        found = f"expected a file that can be read, found: {error.strerror or error}"
        raise DamagedError(f"{error.filename or folder}: {found}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        found = f"expected what this program writes, found something else ({type(error).__name__})"
        raise DamagedError(f"{folder / MANIFEST}: {found}") from error


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    if manifest["version"] != VERSION:
        raise DamagedError(
            f"{folder / MANIFEST}: expected version {VERSION}, found {str(manifest['version'])[:20]}"
        )
    return manifest


def _check(folder: Path, expected: dict[str, list[int]], thorough: bool) -> None:
    """Compares sizes, and checksums where that takes no time or something is suspicious."""
    paths = {name: folder / f"{name}.npy" for name in ARRAYS}
    found = {name: path.stat() for name, path in paths.items()}
    for name, path in paths.items():
        if found[name].st_size != expected[name][0]:
            raise DamagedError(
                f"{path}: expected {expected[name][0]:,} bytes, found {found[name].st_size:,}"
            )
    small = sum(status.st_size for status in found.values()) <= READ_THROUGH_BYTES
    written_ns = (folder / MANIFEST).stat().st_mtime_ns  # the last of the files
    if not (thorough or small or any(status.st_mtime_ns > written_ns for status in found.values())):
        return
    for name, path in paths.items():
        if (crc := _crc32(path)) != expected[name][1]:
            raise DamagedError(f"{path}: expected CRC-32 {expected[name][1]:08x}, found {crc:08x}")


def save(tables: Tables, folder: Path) -> None:
    """Writes the beats beside `folder` and renames them into place; sound beats that stand there stay, anything else is replaced.

    Args:
        tables: One below the other they are the beats; their arrays agree in type and window. Only one is in memory at a time.
        folder: Where they go.

    Raises:
        InputError: no permission, or no space.
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


def _cannot_save(folder: Path, temporary: Path | None, error: OSError) -> InputError:
    """Says how much had been written, and what may be deleted."""
    written = _bytes_below([temporary] if temporary else [])
    others = [path for path in folder.parent.glob("beats-*") if path != folder]
    held = (
        f"; the other beats-* folders there hold {mebibytes(_bytes_below(others))} and are built again when needed"
        if others
        else ""
    )
    advice = f"make room on this disk, or choose another --data.cache_dir{held}"
    return cannot_write(folder, f"more than {mebibytes(written)} of beats", error, advice)


def _bytes_below(folders: Iterable[Path]) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.glob("*"))


def _put(temporary: Path, folder: Path) -> None:
    """Renames into place, unless another process was first: its beats are as good, and it may just be reading them."""
    if _sound(folder):
        return
    damaged = temporary.with_name(f"{temporary.name}-damaged")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(damaged)  # one step: nobody meets half a folder
    shutil.rmtree(damaged, ignore_errors=True)
    try:
        temporary.rename(folder)
    except OSError:
        if not _sound(folder):
            raise


def _sound(folder: Path) -> bool:
    try:
        return load(folder, thorough=True) is not None
    except DamagedError:
        return False


def _write(tables: Tables, folder: Path) -> None:
    rest = iter(tables)
    first = next(rest)
    write_npy(
        folder, ({name: getattr(table, name) for name in ARRAYS} for table in chain([first], rest))
    )
    paths = {name: folder / f"{name}.npy" for name in ARRAYS}
    files = {name: [path.stat().st_size, _crc32(path)] for name, path in paths.items()}
    (folder / MANIFEST).write_text(
        json.dumps({"version": VERSION, "fs_hz": first.fs_hz, "files": files})
    )
    folder.chmod(0o755)


def _crc32(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _files(root: Path, name: str, annotator: str) -> list[Path]:
    """The header, the files that its signal lines name, and the annotations; those that are there."""
    header = root / f"{name}.hea"
    lines = [
        line
        for line in header.read_text(errors="replace").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    signals = sorted({header.parent / line.split()[0] for line in lines[1:]})
    return [path for path in (header, *signals, root / f"{name}.{annotator}") if path.is_file()]
