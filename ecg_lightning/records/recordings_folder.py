"""The recordings of a folder, of all formats."""

import os
from collections.abc import Iterator
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.file_heads import Head, head_of, is_named_as_table
from ecg_lightning.records.format_table import format_of
from ecg_lightning.records.notes import RecordNote, warn_of
from ecg_lightning.records.number_table import begins_as_number_table
from ecg_lightning.records.wfdb.folder import APPLE_DOUBLE, natural_key, records_below
from ecg_lightning.system.folders import folders_below
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import counted, escaped, listed

_DICOM_WAVEFORM = b"1.2.840.10008.5.1.4.1.1.9."  # how the classes of waveforms begin
_NO_RECORDINGS = (
    "patients",
    "predictions",
    "per_record",
    "metrics",
    "records",
    "annotators",
    "sha256sums",
)
# A file with such an ending and other content is a recording that is damaged.
_ENDINGS_OF_RECORDINGS = (".edf", ".bdf", ".dcm")
_NEXT_TO_RECORD = "a recording with the name of a WFDB record next to it, not listed"


def find_recordings(folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the recordings below a folder, in natural order, as `read_recording` takes them.

    Of each file only the first bytes are read. A file that ends in `.edf`, `.bdf` or `.dcm` is
    listed whatever it holds, so that a damaged one is not overlooked. These are skipped:

    - the segments, signal files and annotations of WFDB records, and every other file next to a
      record's header that has the record's name, such as `100.csv` next to `100.hea`;
    - DICOM files without a waveform;
    - texts whose ending is not `.csv`, `.tsv` or `.txt`, or that do not begin as a table of numbers
      with at most 64 columns;
    - lists such as `RECORDS` and `patients.csv`, and the tables of runs, such as `predictions.csv`;
    - AppleDouble files (`._NAME`), links without a target, and everything that is no regular file.

    A `RecordWarning` names a subfolder or file that cannot be read, and a recording that is skipped
    because of its name.

    Args:
        folder: The folder. Its subfolders are searched too, also linked ones.

    Returns:
        Files, and the names of WFDB records without an ending.

    Raises:
        InputError: There is no such folder, or it has no recordings.
    """
    root = expanded(folder)
    _check_folder(root)
    notes: list[RecordNote] = []
    records = set(_wfdb_records(root))
    others: list[str] = []
    for name in _files(root, notes):
        if os.path.splitext(name)[0] not in records:
            others.append(name)
        elif _is_recording(root, name, []):
            notes.append(RecordNote(escaped(name), "unused", _NEXT_TO_RECORD))
    recordings = [*records, *(name for name in others if _is_recording(root, name, notes))]
    if not recordings:
        raise _no_recordings(root, others)
    warn_of(notes)
    return tuple(root / name for name in sorted(recordings, key=natural_key))


def _check_folder(root: Path) -> None:
    if os.path.isdir(root):
        return
    is_there = os.path.lexists(root)
    raise InputError(
        str(root),
        expected="a folder of recordings",
        found="a file" if is_there else "no such folder",
        hint="open it as one recording" if is_there else "check the path",
    )


def _wfdb_records(root: Path) -> tuple[str, ...]:
    """The names of the WFDB records; none where the folder has other recordings only."""
    try:
        return records_below(root).names
    except InputError:  # `_files` says whether the folder can be read
        return ()


def _files(root: Path, notes: list[RecordNote]) -> Iterator[str]:
    """The files below a folder, relative to it, that may be recordings without a header."""
    for place, files, error in folders_below(root):
        relative = place.relative_to(root).as_posix()
        if error is not None and place == root:
            found = error.strerror or str(error)
            raise InputError(
                str(root),
                expected="a folder that can be read",
                found=found,
                hint="change its permissions",
            )
        if error is not None:
            text = f"a folder that cannot be read ({error.strerror}), not searched"
            notes.append(RecordNote(escaped(relative), "unused", text))
        for file in files:
            if not file.startswith(APPLE_DOUBLE) and not file.endswith(".hea"):
                yield file if relative == "." else f"{relative}/{file}"


def _is_recording(root: Path, name: str, notes: list[RecordNote]) -> bool:
    if not os.path.isfile(root / name):
        return False
    try:
        return _begins_as_recording(head_of(root / name))
    except InputError as error:
        text = f"a file that cannot be read ({error.found}), skipped"
        notes.append(RecordNote(escaped(name), "unused", text))
        return False


def _begins_as_recording(head: Head) -> bool:
    """Whether the first bytes are those of a recording."""
    form = format_of(head)
    name = "" if form is None else form.name
    if name == "DICOM":
        return _DICOM_WAVEFORM in head.start
    if head.path.suffix.lower() in _ENDINGS_OF_RECORDINGS:
        return True
    if name == "table":
        is_list = head.path.stem.lower() in _NO_RECORDINGS
        return not is_list and is_named_as_table(head) and begins_as_number_table(head)
    return bool(name)


def _no_recordings(root: Path, others: list[str]) -> InputError:
    """The error that says what is there instead."""
    others.sort(key=natural_key)
    found = f"{counted(len(others), 'file')} of another kind ({escaped(listed(others))})"
    return InputError(
        str(root),
        expected="recordings here or below",
        found=found if others else "no files",
        hint="check the path",
    )
