"""The recordings that a command names, and the names of what is written for each."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.format_table import WFDB
from ecg_lightning.records.formats import format_and_place
from ecg_lightning.records.recordings_folder import find_recordings
from ecg_lightning.records.wfdb.folder import natural_key
from ecg_lightning.system.paths import expanded

RESERVED = ("summary", "index")  # the names of the files about all recordings
_NOT_IN_NAMES = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters and line ends


@dataclass(frozen=True)
class Input:
    """A recording that is to be annotated.

    Attributes:
        path: The path, as `read_recording` takes it.
        name: What its files are called, without an ending: `208`, or `sub/208` where folders are
            kept.
        problem: Why it cannot be annotated, where that is known already.
    """

    path: str
    name: str
    problem: InputError | None = None


def find_inputs(paths: Sequence[str], keep_folders: bool = False) -> tuple[Input, ...]:
    """Return the recordings that paths name, in natural order of their names.

    A recording that several paths name comes once. Nothing is read but the first bytes of files.

    Args:
        paths: Files, names of WFDB records, and folders of recordings.
        keep_folders: Whether the folders below a named folder are part of the names.

    Raises:
        InputError: Two recordings have one name, or names that differ only in case.
    """
    by_place: dict[str, Input] = {}
    for place, found in _all_inputs(paths, keep_folders):
        by_place.setdefault(place, found)
    inputs = sorted(by_place.values(), key=lambda one: natural_key(one.name))
    _refuse_equal_names(inputs, keep_folders)
    return tuple(_with_checked_name(one) for one in inputs)


def _all_inputs(paths: Sequence[str], keep_folders: bool) -> Iterator[tuple[str, Input]]:
    """Each recording, with a text that is the same for two paths of one recording."""
    for path in paths:
        folder = expanded(path)
        if os.path.isdir(folder) and not os.path.isfile(f"{folder}.hea"):
            yield from _of_folder(path, folder, keep_folders)
        else:
            yield _of_path(path)


def _of_folder(path: str, folder: Path, keep_folders: bool) -> Iterator[tuple[str, Input]]:
    try:
        recordings = find_recordings(folder)
    except InputError as error:
        yield os.path.realpath(folder), Input(path, folder.name or path, error)
        return
    for recording in recordings:
        is_wfdb = os.path.isfile(f"{recording}.hea")
        name = recording.name if is_wfdb else recording.stem
        above = recording.relative_to(folder).parent if keep_folders else Path()
        yield _identity(recording, is_wfdb), Input(str(recording), (above / name).as_posix())


def _of_path(path: str) -> tuple[str, Input]:
    file = expanded(path)
    try:
        form, place = format_and_place(file)
    except InputError as error:
        return os.path.realpath(file), Input(path, file.stem or path, error)
    is_wfdb = form is WFDB
    name = place.name if is_wfdb else place.stem
    return _identity(place, is_wfdb), Input(path, name)


def _identity(place: Path, is_wfdb: bool) -> str:
    """The true path of a file, or of a WFDB record, whose signal files lie next to its header."""
    if is_wfdb:
        return os.path.join(os.path.realpath(place.parent), place.name)
    return os.path.realpath(place)


def _refuse_equal_names(inputs: Sequence[Input], keep_folders: bool) -> None:
    """File systems may take names for equal that differ in case or in the form of an accent."""
    first: dict[str, Input] = {}
    for one in inputs:
        if one.problem is not None:
            continue
        folded = unicodedata.normalize("NFC", one.name).casefold()
        other = first.setdefault(folded, one)
        if other is not one:
            raise InputError(
                f"name {one.name}",
                expected="a name of its own for each recording",
                found=f"{other.path} and {one.path}",
                hint="rename one of them, or write them to different folders"
                if keep_folders
                else "keep the folders below a named folder, or write them to different folders",
                setting="" if keep_folders else "keep_folders",
            )


def _with_checked_name(one: Input) -> Input:
    problem = one.problem or _name_problem(one)
    return Input(one.path, one.name, problem)


def _name_problem(one: Input) -> InputError | None:
    """Why files cannot have the name of a recording; None where they can."""
    if one.name.casefold() in RESERVED:
        expected, found = "another name", f"{one.name}, the name of a file about all recordings"
    elif any(part.startswith(".") for part in one.name.split("/")):
        expected, found = "a name that does not begin with a dot", one.name
    elif any(unicodedata.category(letter) in _NOT_IN_NAMES for letter in one.name):
        expected, found = "a name without control characters and line ends", one.name
    else:
        return None
    return InputError(one.path, expected=expected, found=found, hint="rename the recording")
