"""The signal files of records, and which records hold the same bytes."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb.header import lines_of, named_files
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.input_files import input_size, open_input

_HEADER_BYTES = 1 << 22  # the reader of headers refuses more
_ENDS = 1 << 12  # bytes at either end of a file, which are compared before the file is read through
Content = tuple[str, ...]  # SHA-256 of each signal file of a record


def header_lines(root: Path, record: str) -> list[str]:
    """Return the lines of a record's header; [] where it cannot be read."""
    try:
        with open_input(root / f"{record}.hea") as file:
            return lines_of(file.read(_HEADER_BYTES))
    except (InputError, OSError):  # the reader of the record says why
        return []


def signal_files(root: Path, record: str, lines: Sequence[str]) -> tuple[Path, ...]:
    """Return the signal files of a record, with those of its segments, that have content.

    Args:
        root: The folder of the database.
        record: The name of the record.
        lines: Those of its header.
    """
    return tuple(path for path in files_of(root, record, lines)[1] if _size(path))


def files_of(root: Path, record: str, lines: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the headers of the segments of a record, and its signal files with those of segments.

    Args:
        root: The folder of the database.
        record: The name of the record.
        lines: Those of its header.

    Returns:
        Files next to the header, sorted; each may be missing.
    """
    folder = (root / record).parent
    names, segments = named_files(lines)
    of_segments = (named_files(header_lines(folder, segment))[0] for segment in segments)
    files = sorted({*names, *itertools.chain.from_iterable(of_segments)})
    headers = [folder / f"{segment}.hea" for segment in sorted(segments)]
    return headers, [folder / name for name in files]


def contents_of(
    files: dict[str, tuple[Path, ...]], is_wanted: Callable[[int], bool]
) -> dict[str, Content]:
    """Return record to its content, for the records whose content may matter.

    These are the records with a file of a wanted size, and those that may be copies: with files of
    the same sizes and with the same bytes at both ends. The files of the others are not read
    through, so a large database stays quick to open.

    Args:
        files: Record to its signal files.
        is_wanted: Whether a file of so many bytes is read through in any case.
    """
    similar: defaultdict[object, list[str]] = defaultdict(list)
    wanted, ends, content = set(), cache(_ends), cache(_content)  # several headers may name a file
    for record, paths in files.items():
        sizes = [_size(path) for path in paths]
        similar[tuple(map(ends, paths))].append(record)
        if any(map(is_wanted, sizes)):
            wanted.add(record)
    wanted.update(name for names in similar.values() if len(names) > 1 for name in names)
    read = {record: content(paths) for record, paths in files.items() if record in wanted and paths}
    return {record: sha256 for record, sha256 in read.items() if sha256}


def copies_of(contents: dict[str, Content]) -> dict[str, str]:
    """Return each record with the content of an earlier record, and the first one that has it."""
    first: dict[Content, str] = {}
    earlier = {record: first.setdefault(content, record) for record, content in contents.items()}
    return {record: other for record, other in earlier.items() if record != other}


def _size(path: Path) -> int:
    """The size of a regular file; 0 for everything else."""
    try:
        return input_size(path)
    except InputError:
        return 0


def _ends(path: Path) -> tuple[int, str]:
    """The size of a file, and a checksum of both its ends."""
    size = _size(path)
    try:
        with open_input(path) as file:
            first = file.read(_ENDS)
            file.seek(max(0, size - _ENDS))
            return size, hashlib.sha256(first + file.read(_ENDS)).hexdigest()
    except (InputError, OSError):
        return size, str(path)  # unlike every other file


def _content(paths: tuple[Path, ...]) -> Content:
    try:
        return tuple(map(sha256_of, paths))
    except InputError:
        return ()
