"""The WFDB records of a folder: which files are records, and which are of another kind."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.system.folders import folders_below
from ecg_lightning.system.input_files import open_input
from ecg_lightning.text import counted, escaped, listed

_RECORD_LINE = re.compile(rb"[^\s/]+(?P<segments>/\d+)?\s+(?P<signals>\d+)")
# Far more than the first line of a header needs. A huge foreign file is not read as a whole.
_HEADER_BYTES = 1 << 16
_SEGMENTS_BYTES = 1 << 24  # the lines of a million segments
APPLE_DOUBLE = "._"  # macOS keeps what it knows about r.hea in ._r.hea


class FolderRecords(NamedTuple):
    """The records of a folder.

    Attributes:
        names: A path relative to the folder without an ending for each record, in natural order,
            such as `("2", "10", "sub/1")`.
        notes: The records that have no annotations, and the folders that cannot be read.
    """

    names: tuple[str, ...]
    notes: tuple[RecordNote, ...]


class _Header(NamedTuple):
    """A `.hea` file; `segments` are the names of the records that this one consists of."""

    name: str
    annotated: bool
    is_record: bool
    segments: tuple[str, ...] = ()


def find_records(root: Path) -> tuple[str, ...]:
    """Return the names of the records below a folder, with and without annotations.

    Args:
        root: The folder of the database. Its subfolders are searched too.

    Returns:
        A path relative to `root` without an ending for each record, in natural order, such as
        `("2", "10", "sub/1")`.

    Raises:
        InputError: There is no such folder, or it has no records.
    """
    return records_below(root).names


def records_below(root: Path, annotator: str | None = None) -> FolderRecords:
    """Find the records below a folder, also in linked folders.

    AppleDouble files, `.hea` files of other programs, headers without signals and the segments of a
    record are no records. With an annotator, records without annotations are none either. A header
    that is damaged is a record if it has annotations, or if it begins with its own name.

    Args:
        root: The folder of the database.
        annotator: The ending of the annotation files; None: records need no annotations.

    Raises:
        InputError: There is no such folder, it cannot be read, or it has no records.
    """
    root = Path(root)
    notes: list[RecordNote] = []
    headers = list(_headers(root, annotator, notes))
    segments = {segment for header in headers for segment in header.segments}
    # A record with segments is no segment itself, whatever another header says.
    records = [h for h in headers if h.is_record and (h.segments or h.name not in segments)]
    records.sort(key=lambda header: natural_key(header.name))
    used = tuple(header.name for header in records if header.annotated)
    others = [header.name for header in records if not header.annotated]
    if not used:
        raise _no_records(root, len(headers), others, annotator)
    text = f"no annotations (.{annotator}), not used"
    notes += [RecordNote(escaped(name), "unused", text) for name in others]
    return FolderRecords(used, tuple(notes))


def _headers(root: Path, annotator: str | None, notes: list[RecordNote]) -> Iterator[_Header]:
    """The `.hea` files below a folder; adds a note for each subfolder that cannot be read."""
    if not root.is_dir():
        raise _no_folder(root, "a file" if root.exists() else "no such folder")
    for folder, files, error in folders_below(root):
        place = folder.relative_to(root).as_posix()
        if error is not None and folder == root:
            raise _no_folder(root, error.strerror or str(error))
        if error is not None:
            text = f"a folder that cannot be read ({error.strerror}), not used"
            notes.append(RecordNote(escaped(place), "unused", text))
        there = set(files)
        for file in files:
            if file.endswith(".hea") and not file.startswith(APPLE_DOUBLE):
                stem = file.removesuffix(".hea")
                annotated = annotator is not None and f"{stem}.{annotator}" in there
                yield _header(folder / file, place, annotated, annotator is None)


def _header(path: Path, place: str, annotated: bool, annotated_anyway: bool) -> _Header:
    """What a `.hea` file is; one that cannot be read is a record if it has annotations."""
    name = path.name.removesuffix(".hea")
    segments: tuple[str, ...] = ()
    is_record = annotated
    try:
        lines = _lines(path, _HEADER_BYTES)
        first = lines[0] if lines else b""
        match = _RECORD_LINE.match(first)
        if match:
            is_record = bool(match["signals"].strip(b"0"))
        elif _first_word(first) == os.fsencode(name):
            is_record = True
        if match and match["segments"]:
            parts = [_first_word(line) for line in _lines(path, _SEGMENTS_BYTES)[1:]]
            others = {os.fsdecode(part) for part in parts} - {name}  # reading it says what is wrong
            segments = tuple(_joined(place, part) for part in others)
    except (InputError, OSError):
        pass  # reading the record will say why
    return _Header(_joined(place, name), annotated or annotated_anyway, is_record, segments)


def _lines(path: Path, most: int) -> list[bytes]:
    """The lines of a header without comments and empty lines; at most `most` bytes of them."""
    with open_input(path) as file:
        text = file.read(most).removeprefix(b"\xef\xbb\xbf")
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith(b"#")]


def _first_word(line: bytes) -> bytes:
    return line.split(maxsplit=1)[0].split(b"/")[0] if line else b""


def _joined(place: str, name: str) -> str:
    return name if place == "." else f"{place}/{name}"


def natural_key(name: str) -> tuple[list[list[int | str]], str]:
    """Return a key that sorts digits as numbers, folder by folder; `1` comes before `01`."""
    runs = (re.split(r"([0-9]+)", part) for part in name.split("/"))
    return [[int(run) if i % 2 else run for i, run in enumerate(part)] for part in runs], name


def _no_folder(root: Path, found: str) -> InputError:
    return InputError(
        f"{root}",
        expected="a folder of WFDB records",
        found=found,
        hint="check the path",
        setting="root",
    )


def _no_records(
    root: Path, n_headers: int, unannotated: list[str], annotator: str | None
) -> InputError:
    """The error that says what is there instead."""
    if unannotated:
        return InputError(
            f"{root}",
            expected=f"records with annotations (.{annotator})",
            found=f"{counted(len(unannotated), 'record')} without ({escaped(listed(unannotated))})",
            hint="put annotation files next to the headers, or choose another annotator",
            setting="annotator",
        )
    return InputError(
        f"{root}",
        expected="WFDB records (.hea with signals) here or below",
        found=f"{counted(n_headers, '.hea file')} of another kind" if n_headers else "none",
        hint="check the path",
        setting="root",
    )
