"""The cache of beats: a folder for each set of records and settings, built when it is missing.

The folder's name is a hash of the settings and of the records' contents. So another setting or file
leads to another folder, and never to stale beats. One process builds a folder while others wait. A
folder that is damaged is built again, and a line on stderr says why.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ecg_lightning.data import beat_files
from ecg_lightning.data.beat_files import DamagedError, Tables, load, remove_leftovers, save
from ecg_lightning.data.beats import Beats, BeatSettings, beats_of_kaggle
from ecg_lightning.data.context_windows import code_of_rows
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.records.databases import Database, lead_of
from ecg_lightning.records.kaggle import FILES
from ecg_lightning.records.signal_files import files_of, header_lines
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.locks import one_at_a_time

_ATTEMPTS = 3


def cached_beats(
    database: Database,
    settings: BeatSettings,
    cache_dir: Path,
    build: Callable[[], Tables],
    thorough: bool = False,
    skip: bool = False,
) -> Beats:
    """Return the beats of a database from the cache, and build them there where they are missing.

    Beats without skipped records are shared. With skipped records they are returned with `skip`
    only, and otherwise built again.

    Args:
        database: Its records are read for the key.
        settings: How the records are cut.
        cache_dir: The cache.
        build: Makes the beats, table by table.
        thorough: Read the cached beats through, however many there are.
        skip: Whether `build` skips records that cannot be read.

    Returns:
        Beats whose arrays are memory-mapped; writing to them changes memory only.

    Raises:
        InputError: The cache folder cannot be written.
    """
    key = key_of(database, settings, skip)
    folder, skipping = cache_dir / f"beats-{key}", cache_dir / f"beats-{key}-skip"
    for place in (folder, skipping):
        with contextlib.suppress(DamagedError):  # building says why
            beats = load(place, thorough)
            if beats is not None and (skip or not _has_skipped(beats)):
                return beats
    return _cached(skipping if skip else folder, build, thorough)


def _has_skipped(beats: Beats) -> bool:
    return any(note.topic == "skipped" for note in beats.notes)


def cached_kaggle(root: Path, cache_dir: Path, thorough: bool = False) -> Beats:
    """Return the beats of Kaggle's CSVs from the cache, ten times as fast as from the CSVs.

    Raises:
        InputError: As `beats_of_kaggle`, or the cache folder cannot be written.
    """
    folder = cache_dir / f"beats-{key_of_kaggle(root)}"
    return _cached(folder, lambda: [beats_of_kaggle(root)], thorough)


def key_of_kaggle(root: Path) -> str:
    """Return 16 hexadecimal digits that identify the beats of Kaggle's CSVs.

    Raises:
        InputError: A file cannot be read.
    """
    files = _kaggle_files(root)
    if not files:
        beats_of_kaggle(root)  # raises the error that says what is missing
    content = [beat_files.VERSION, *((path.name, sha256_of(path)) for path in files)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _kaggle_files(root: Path) -> list[Path]:
    return [path for name in FILES if (path := root / f"{name}.csv").is_file()]


def key_of(database: Database, settings: BeatSettings, skip: bool = False) -> str:
    """Return 16 hexadecimal digits that identify the beats of a database.

    They are of the SHA-256 over version, settings, record names and file contents.

    Args:
        database: The records.
        settings: How they are cut.
        skip: Whether a file that cannot be read is no error.

    Raises:
        InputError: A file of a record cannot be read.
    """
    about = [beat_files.VERSION, asdict(settings), database.annotator, dict(database.patients)]
    about += [
        [name, lead_of(member.source, settings.lead), member.annotator]
        for name, member in database.members.items()
    ]
    about += [code_of_rows()] if settings.in_context else []
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in database.records:
        digest.update(os.fsencode(name))
        member, record = database.member_of(name)
        try:
            for path in _files(member.root, record, member.annotator):
                digest.update(sha256_of(path).encode())
        except InputError:
            if not skip:
                raise
            digest.update(b"unreadable")
    return digest.hexdigest()[:16]


def _cached(folder: Path, build: Callable[[], Tables], thorough: bool) -> Beats:
    # Without locks another process may be replacing damaged beats at this moment: try again.
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(DamagedError):
            if (beats := load(folder, thorough)) is not None:
                return beats
        with one_at_a_time(folder) as alone:
            if _has_to_be_built(folder, thorough):
                if alone:
                    remove_leftovers(folder)
                save(build(), folder)
    raise InputError(
        str(folder),
        expected="the beats that were just written",
        found="a folder that cannot be read back",
        hint="check the disk, or choose another cache folder",
        setting="cache_dir",
    )


def _has_to_be_built(folder: Path, thorough: bool) -> bool:
    """Whether no process has built the beats while this one waited; says why damaged ones are."""
    try:
        return load(folder, thorough) is None
    except DamagedError as error:
        print(f"{PROGRAM}: {error}; the beats are built again", file=sys.stderr, flush=True)
        return True


def _files(root: Path, name: str, annotator: str) -> list[Path]:
    """The headers, the files that their signal lines name, and the annotations, that exist."""
    headers, signals = files_of(root, name, header_lines(root, name))
    paths = (root / f"{name}.hea", *headers, *signals, root / f"{name}.{annotator}")
    return [path for path in paths if os.path.isfile(path)]  # False where it cannot be looked at
