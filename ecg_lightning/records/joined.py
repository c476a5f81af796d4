"""Several databases joined to one, whose records have names such as `mitdb/100`."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import (
    SOURCES,
    Database,
    copy_notes,
    folder_of,
    open_database,
    prepare_database,
)
from ecg_lightning.records.mitdb import MITDB
from ecg_lightning.records.patients import UNKNOWN, Owners
from ecg_lightning.records.signal_files import (
    contents_of,
    copies_of,
    header_lines,
    signal_files,
)
from ecg_lightning.text import counted, escaped

_FOLDER = "wfdb"  # the source that has no name of its own
_MITDB = f"{MITDB.source}/"
_TAKEN = {*SOURCES} - {_FOLDER}  # the first parts of record names that mean a source


def open_databases(
    sources: Sequence[str],
    roots: Sequence[Path | None],
    cache_dir: Path,
    seed: int = 0,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Open one database as `open_database` does, or join several to one.

    Args:
        sources: Some of `SOURCES`, each once; `wfdb` may come several times.
        roots: A folder for each source, as `open_database` takes it; empty: none for all.
        cache_dir: As for `open_database`, like the others.
        seed: The seed of the synthetic database.
        annotator: The ending of the annotation files in a folder of WFDB records.
        patients: A CSV file `record,patient`, for the one folder of WFDB records.

    Returns:
        The database. Of several, the records are named `mitdb/100`, and so are the patients: the
        first part is the source, or the name of a folder of WFDB records. People who are known to
        be in several databases have one name.

    Raises:
        InputError: As in `open_database`; or the sources, the folders and the file of patients do
            not fit together.
    """
    open_one = partial(open_database, cache_dir=cache_dir, seed=seed, annotator=annotator)
    folders = _folders(sources, roots, cache_dir, seed)
    return _opened(open_one, sources, roots, folders, annotator, patients)


def prepare_databases(
    sources: Sequence[str],
    roots: Sequence[Path | None],
    cache_dir: Path,
    seed: int = 0,
    fill_root: bool = True,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Make sure that databases are there as `prepare_database` does, then open and join them.

    Nothing is downloaded or written if the sources and folders do not fit together.
    """
    prepare_one = partial(
        prepare_database, cache_dir=cache_dir, seed=seed, fill_root=fill_root, annotator=annotator
    )
    folders = _folders(sources, roots, cache_dir, seed)
    return _opened(prepare_one, sources, roots, folders, annotator, patients)


def _opened(
    open_one: Callable[..., Database],
    sources: Sequence[str],
    roots: Sequence[Path | None],
    folders: Sequence[Path],
    annotator: str,
    patients: Path | None,
) -> Database:
    """Open the members in their order, and join them if they are several."""
    if len(sources) == 1:
        return open_one(sources[0], roots[0] if roots else None, patients=patients)
    names = _names(sources, folders)
    _check_patients(sources, patients)
    members = {
        name: open_one(source, root, patients=patients if source == _FOLDER else None)
        for name, source, root in zip(names, sources, roots or [None] * len(names), strict=True)
    }
    return _joined(members, annotator)


def _joined(members: Mapping[str, Database], annotator: str) -> Database:
    owners = _owners(members)
    notes = [
        note._replace(record=f"{escaped(name)}/{note.record}")
        for name, member in members.items()
        for note in member.notes
        if note.topic != "signal"  # copies, which are looked for in all members together
    ]
    assumptions = dict.fromkeys(member.assumption for member in members.values())
    return Database(
        source=",".join(member.source for member in members.values()),
        root=Path(",".join(str(member.root) for member in members.values())),
        records=tuple(owners.patients),
        patients=owners.patients,
        annotator=annotator,
        notes=(*notes, *copy_notes(owners.copies)),
        copies=owners.copies,
        members=members,
        assumption="; ".join(filter(None, assumptions)),
    )


def _owners(members: Mapping[str, Database]) -> Owners:
    """Return the patients and copies of all records by their joined names.

    Records with the same signal are of one person, whatever their databases call the patient.
    """
    files: dict[str, tuple[Path, ...]] = {}
    patients: dict[str, str] = {}
    for name, member in members.items():
        for record in member.records:
            lines, patient = header_lines(member.root, record), member.patients[record]
            files[f"{name}/{record}"] = signal_files(member.root, record, lines)
            patients[f"{name}/{record}"] = f"{name}/{patient}" if patient else UNKNOWN
    may_hold_mitdb = any(member.source == _FOLDER for member in members.values())
    contents = contents_of(files, lambda size: may_hold_mitdb and size == MITDB.signal_bytes)
    copies = copies_of(contents)
    names: defaultdict[str, set[str]] = defaultdict(set)  # of the person of a record and its copies
    known = MITDB.signals()
    for record, patient in patients.items():
        of_mitdb = {known[sha256] for sha256 in contents.get(record, ()) if sha256 in known}
        same = {patient, *(f"{_MITDB}{MITDB.patients[name]}" for name in of_mitdb)}
        names[copies.get(record, record)] |= same - {UNKNOWN}
    return Owners(_people(patients, copies, names), copies)


def _people(
    patients: Mapping[str, str], copies: Mapping[str, str], names: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return record to patient, where all names of one person have become one."""
    person: dict[str, str] = {}  # a name to another name of the person

    def of(name: str) -> str:
        while name in person:
            name = person[name]
        return name

    for group in names.values():
        first, *others = sorted(map(of, group), key=_mitdb_first) or [UNKNOWN]
        person |= {other: first for other in others if other != first}
    return {
        record: of(min(names[copies.get(record, record)], default=UNKNOWN)) for record in patients
    }


def _mitdb_first(name: str) -> tuple[bool, str]:
    return not name.startswith(_MITDB), name


def _folders(
    sources: Sequence[str], roots: Sequence[Path | None], cache_dir: Path, seed: int
) -> list[Path]:
    """The folders of the members, which may be missing; refuse unknown and repeated sources."""
    if not sources or ("kaggle" in sources and len(sources) > 1):
        raise InputError(
            "source",
            expected=f"some of {', '.join(SOURCES)}",
            found="kaggle among several" if sources else "none",
            hint="choose kaggle alone, or others" if sources else "choose some of these",
            setting="source",
        )
    twice = [name for name in sources if name != _FOLDER and sources.count(name) > 1]
    if twice:
        raise InputError(
            "source",
            expected="each source once",
            found=f"{escaped(twice[0])} {sources.count(twice[0])} times",
            hint="name it once",
            setting="source",
        )
    if roots and len(roots) != len(sources):
        raise InputError(
            "root",
            expected=f"a folder for each of {counted(len(sources), 'source')}, or none at all",
            found=counted(len(roots), "folder"),
            hint="name the folders in the order of the sources",
            setting="root",
        )
    pairs = zip(sources, roots or [None] * len(sources), strict=True)
    return [folder_of(source, root, cache_dir, seed) for source, root in pairs]


def _names(sources: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The names of the members, which begin the names of their records."""
    names = [
        Path(os.path.abspath(folder)).name if source == _FOLDER else source
        for source, folder in zip(sources, folders, strict=True)
    ]
    for name, source, folder in zip(names, sources, folders, strict=True):
        wrong = _wrong_name(name, names) if source == _FOLDER else ""
        if wrong:
            raise InputError(
                f"{folder}",
                expected="a folder whose name can be the first part of its records' names "
                "(FOLDER/RECORD)",
                found=wrong,
                hint="rename the folder, or link to it by another name",
                setting="root",
            )
    return names


def _wrong_name(name: str, names: Sequence[str]) -> str:
    """What is wrong with the name of a folder; "" for a right one."""
    if not name:
        return "no name"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return f"{name!r}, which is not in UTF-8"  # neither tables nor pages could hold it
    if name in _TAKEN:
        return f"{name}, which means the source of this name"
    return f"{escaped(name)} {names.count(name)} times" if names.count(name) > 1 else ""


def _check_patients(sources: Sequence[str], patients: Path | None) -> None:
    """Refuse a file of patients that could be of several folders, or of none."""
    count = sources.count(_FOLDER)
    if patients is not None and count != 1:
        raise InputError(
            "patients",
            expected=f"one source {_FOLDER}, whose records the file names",
            found=f"{count} of {counted(len(sources), 'source')}",
            hint="do not set it",
            setting="patients",
        )
