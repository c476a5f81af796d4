"""Beats on disk: a folder of plain `.npy` files, memory-mapped when read, named by what the beats were made from.

The name is a hash of the settings and of the records' contents, so a changed setting or file leads to another folder, never to stale
beats. A folder appears by one rename; `manifest.json` holds each file's size and CRC-32, and a folder that disagrees is built again.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.beats import ARRAYS, Beats, BeatSettings, beats_of_kaggle
from ecg_lightning.databases import Database
from ecg_lightning.download import sha256_of
from ecg_lightning.errors import InputError
from ecg_lightning.kaggle import FILES

VERSION = 1  # raised whenever the same records and settings would give other beats
MANIFEST = "manifest.json"
_CHUNK = 1 << 22
_ATTEMPTS = 3


def cached_beats(database: Database, settings: BeatSettings, cache_dir: Path, build: Callable[[], Beats]) -> Beats:
    """The beats of a database, from the cache or built and put there.

    Args:
        database: Whose records are read for the key.
        settings: How they are cut.
        cache_dir: The cache.
        build: Makes the beats.

    Returns:
        Beats whose arrays are memory-mapped; writing to them changes memory only.

    Raises:
        InputError: the cache folder cannot be written.
    """
    return _cached(cache_dir / f"beats-{key_of(database, settings)}", build)


def cached_kaggle(root: Path, cache_dir: Path) -> Beats:
    """Kaggle's CSVs as beats, from the cache or read, which takes ten times as long, and put there.

    Raises:
        InputError: as `beats_of_kaggle`, or the cache folder cannot be written.
    """
    files = [path for name in FILES if (path := root / f"{name}.csv").is_file()]
    if not files:
        return beats_of_kaggle(root)  # which says what is missing
    digest = hashlib.sha256(json.dumps([VERSION, *((path.name, sha256_of(path)) for path in files)]).encode())
    return _cached(cache_dir / f"beats-{digest.hexdigest()[:16]}", lambda: beats_of_kaggle(root))


def _cached(folder: Path, build: Callable[[], Beats]) -> Beats:
    if (beats := load(folder)) is not None:
        return beats
    built = build()
    for _ in range(_ATTEMPTS):  # another process may be replacing damaged beats just now
        save(built, folder)
        if (beats := load(folder)) is not None:
            return beats
    raise InputError(f"{folder}: the beats just written cannot be read back; check the disk, or choose another --data.cache_dir")


def key_of(database: Database, settings: BeatSettings) -> str:
    """16 hexadecimal digits of the SHA-256 over version, settings, record names and file contents.

    Raises:
        InputError: a record's file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([VERSION, asdict(settings), database.annotator, dict(database.patients)]).encode())
    for name in database.records:
        digest.update(name.encode())
        try:
            for path in _files(database.root, name, database.annotator):
                digest.update(sha256_of(path).encode())
        except OSError as error:
            found = f"expected a readable file, found: {error.strerror or error}"
            raise InputError(f"{error.filename or name}: {found}; check its rights") from error
    return digest.hexdigest()[:16]


def load(folder: Path) -> Beats | None:
    """The beats in a folder; None when there are none or they are damaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["version"] != VERSION or any(_fingerprint(folder / f"{name}.npy") != manifest["files"][name] for name in ARRAYS):
            return None
        # Mode "c": pages are private to the process, and torch gets the writable array it wants.
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in ARRAYS}
        return Beats(**arrays, fs_hz=manifest["fs_hz"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(beats: Beats, folder: Path) -> None:
    """Writes the beats beside `folder` and renames them into place; sound beats that stand there stay, anything else is replaced.

    Raises:
        InputError: no permission, or no space.
    """
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".beats-", dir=folder.parent))
        _write(beats, temporary)
        _put(temporary, folder)
    except OSError as error:
        raise InputError(
            f"{folder}: expected to write {beats.signals.nbytes >> 20} MiB of beats, found: {error.strerror or error}; free some space, or "
            "choose another --data.cache_dir"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _put(temporary: Path, folder: Path) -> None:
    """Renames into place, unless another process was first: its beats are as good, and it may just be reading them."""
    if load(folder) is not None:
        return
    damaged = temporary.with_name(f"{temporary.name}-damaged")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(damaged)  # one step: nobody meets half a folder
    shutil.rmtree(damaged, ignore_errors=True)
    try:
        temporary.rename(folder)
    except OSError:
        if load(folder) is None:
            raise


def _write(beats: Beats, folder: Path) -> None:
    for name in ARRAYS:
        with open(folder / f"{name}.npy", "wb") as file:
            np.save(file, getattr(beats, name), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    files = {name: _fingerprint(folder / f"{name}.npy") for name in ARRAYS}
    (folder / MANIFEST).write_text(json.dumps({"version": VERSION, "fs_hz": beats.fs_hz, "files": files}))
    folder.chmod(0o755)


def _fingerprint(path: Path) -> list[int]:
    """Size and CRC-32."""
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
        return [file.tell(), crc]


def _files(root: Path, name: str, annotator: str) -> list[Path]:
    """The header, the files that its signal lines name, and the annotations; those that are there."""
    header = root / f"{name}.hea"
    lines = [line for line in header.read_text(errors="replace").splitlines() if line.strip() and not line.startswith("#")]
    signals = sorted({header.parent / line.split()[0] for line in lines[1:]})
    return [path for path in (header, *signals, root / f"{name}.{annotator}") if path.is_file()]
