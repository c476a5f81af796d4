"""Databases of records: MIT-BIH, any folder of WFDB records, and the synthetic database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.mitdb import (
    MITDB_PATIENTS,
    MITDB_RECORDS,
    MITDB_URL,
    different_files,
    may_be_filled,
    missing_files,
    mitdb_checksums,
)
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.patients import owners_of, owners_of_simulated
from ecg_lightning.records.wfdb_folder import find_records, records_below
from ecg_lightning.system.download import download_files
from ecg_lightning.system.locks import one_at_a_time
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import escaped

SOURCES = ("mitdb", "svdb", "wfdb", "synthetic")
_MAX_NAMES = 4  # in a message


@dataclass(frozen=True)
class Database:
    """A folder of WFDB records that are known to be there.

    Args:
        source: `"mitdb"`, `"wfdb"` or `"synthetic"`.
        root: The folder.
        records: The names of the records. Tables of beats keep this order.
        patients: Record to patient; "" where the patient is unknown. Records 201 and 202 of mitdb
            are of one patient. Each record of the synthetic database is of another.
        annotator: The ending of the annotation files.
        notes: What the folder holds that is not used, and which records are copies.
        copies: Record to the first record with the same signal files, where that is another one.
        members: The databases that this one joins, by the first part of its record names: record
            `mitdb/100` is record `100` of the member `mitdb`. Empty for a single database.
    """

    source: str
    root: Path
    records: tuple[str, ...]
    patients: Mapping[str, str]
    annotator: str = "atr"
    notes: tuple[RecordNote, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, "Database"] = field(default_factory=dict)

    def member_of(self, record: str) -> tuple["Database", str]:
        """Return the single database of a record, and the record's name there."""
        if not self.members:
            return self, record
        member, _, name = record.partition("/")
        return self.members[member], name


def open_database(
    source: str,
    root: Path | None,
    cache_dir: Path,
    seed: int = 0,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Open a database that is already there. Nothing is written or downloaded.

    Args:
        source: One of `SOURCES`.
        root: The folder of the database. `None` means its place in `cache_dir`.
        cache_dir: Where `prepare_database` puts databases.
        seed: The seed of the synthetic database. The other sources ignore it.
        annotator: The ending of the annotation files in a folder of WFDB records.
        patients: A CSV file `record,patient`, for a folder of WFDB records.

    Returns:
        The database.

    Raises:
        InputError: The source is unknown, the file of patients is wrong, or the folder or some of
            its records are missing.

    Example:
        >>> open_database("mitdb", Path("mitdb"), Path("cache")).patients["202"]  # doctest: +SKIP
        '201'
    """
    folder = _folder(source, root, cache_dir, seed)
    if source == "mitdb":
        _check_mitdb(folder, root)
        return Database(source, folder, MITDB_RECORDS, MITDB_PATIENTS)
    if source == "synthetic" and not folder.is_dir():
        raise _not_prepared(source, folder, root, "the synthetic database", "no such folder")
    if source == "synthetic":
        records = find_records(folder)
        simulated = owners_of_simulated(folder, records)
        return Database(source, folder, records, simulated.patients, copies=simulated.copies)
    records, notes = records_below(folder, annotator)
    owners = owners_of(folder, records, patients)
    notes = (*notes, *_copy_notes(owners.copies))
    return Database(source, folder, records, owners.patients, annotator, notes, owners.copies)


def _copy_notes(copies: Mapping[str, str]) -> list[RecordNote]:
    return [
        RecordNote(record, "signal", f"the signal files are those of record {escaped(first)}")
        for record, first in copies.items()
    ]


def prepare_database(
    source: str,
    root: Path | None,
    cache_dir: Path,
    seed: int = 0,
    url: str = MITDB_URL,
    fill_root: bool = True,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Make sure that a database is there, then open it.

    mitdb is downloaded, the synthetic database is written, and a folder of WFDB records is only
    checked. Every file of mitdb is checked by SHA-256. A folder that the user names is filled if
    it is missing, empty or an interrupted download of ours. A folder that holds anything else is
    checked and never written to.

    Args:
        source: One of `SOURCES`.
        root: The folder of the database. `None` means its place in `cache_dir`.
        cache_dir: Where databases go that have no `root`.
        seed: The seed of the synthetic database.
        url: The address of the files of mitdb.
        fill_root: Whether a folder that the user names may be filled. A training job does not
            fill it, because a missing folder is then most likely a typing error.
        annotator: The ending of the annotation files in a folder of WFDB records.
        patients: A CSV file `record,patient`, for a folder of WFDB records.

    Returns:
        The database.

    Raises:
        InputError: As in `open_database`; or the download fails, or a file of mitdb has another
            content than in version 1.0.0.
    """
    folder = _folder(source, root, cache_dir, seed)
    fill = root is None or fill_root
    if source == "mitdb" and (root is None or (fill and may_be_filled(folder))):
        download_files(url, mitdb_checksums(), folder)
    elif source == "mitdb":
        _check_mitdb(folder, root)
        _check_mitdb_contents(folder)
    elif source == "synthetic" and fill and _is_empty(folder):
        with one_at_a_time(folder):
            if _is_empty(folder):  # no other process has written it in the meantime
                _write_synthetic(folder, seed, "cache_dir" if root is None else "root")
    return open_database(source, root, cache_dir, seed, annotator, patients)


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
        sources: Some of `SOURCES`.
        roots: A folder for each source, as `open_database` takes it.
        cache_dir: As for `open_database`, like the others.
        seed: The seed of the synthetic database.
        annotator: The ending of the annotation files in a folder of WFDB records.
        patients: A CSV file `record,patient`, for a folder of WFDB records.

    Returns:
        The database. Of several, records are named `mitdb/100`, and so are the patients.

    Raises:
        InputError: As `open_database`, or two databases have one name.
    """
    if len(sources) == 1:
        return open_database(sources[0], roots[0], cache_dir, seed, annotator, patients)
    raise NotImplementedError


def prepare_databases(
    sources: Sequence[str],
    roots: Sequence[Path | None],
    cache_dir: Path,
    seed: int = 0,
    fill_root: bool = True,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Make sure that databases are there as `prepare_database` does, then open and join them."""
    for source, root in zip(sources, roots, strict=True):
        prepare_database(
            source,
            root,
            cache_dir,
            seed,
            fill_root=fill_root,
            annotator=annotator,
            patients=patients,
        )
    return open_databases(sources, roots, cache_dir, seed, annotator, patients)


def without_records(database: Database, names: Sequence[str]) -> Database:
    """Return the database without some records.

    Raises:
        InputError: It has no record of such a name, or no others.
    """
    unknown = [name for name in names if name not in database.records]
    records = tuple(name for name in database.records if name not in names)
    if unknown or not records:
        raise InputError(
            "without",
            expected="records of the folder, and not all of them",
            found=escaped(_several(unknown)) if unknown else "all",
            hint="correct the names",
            setting="without",
        )
    notes = tuple(
        note
        for note in database.notes
        if not {note.record, database.copies.get(note.record)} & {*names}
    )
    return replace(database, records=records, notes=notes)


def _folder(source: str, root: Path | None, cache_dir: Path, seed: int) -> Path:
    if source not in SOURCES:
        raise InputError(
            "source",
            expected=f"one of {', '.join(SOURCES)}",
            found=repr(source),
            hint="choose one of these",
            setting="source",
        )
    if root is not None:
        return Path(root)
    if source == "wfdb":
        raise InputError(
            "root",
            expected="a folder of WFDB records for the source wfdb",
            found="none",
            hint="choose a folder",
            setting="root",
        )
    if source == "mitdb":
        return Path(cache_dir) / "mitdb-1.0.0"
    from ecg_lightning.records.synthetic.database import VERSION  # late: it needs scipy

    return Path(cache_dir) / f"synthetic-{VERSION}-{seed}"


def _check_mitdb(folder: Path, root: Path | None) -> None:
    """Refuse a folder without the files of the 48 records."""
    expected = "the 48 records of the MIT-BIH Arrhythmia Database 1.0.0"
    if not folder.is_dir():
        raise _not_prepared("mitdb", folder, root, expected, "no such folder")
    if missing := missing_files(folder):
        raise _not_prepared("mitdb", folder, root, expected, f"{_several(missing)} missing")


def _check_mitdb_contents(folder: Path) -> None:
    """Refuse a folder with files that differ from those of version 1.0.0."""
    if different := different_files(folder):
        raise InputError(
            f"{folder}",
            expected="the files of MIT-BIH 1.0.0 by their SHA-256",
            found=f"{_several(different)} different",
            hint="fetch them again, or name no folder to download the database",
            setting="root",
        )


def _not_prepared(
    source: str, folder: Path, root: Path | None, expected: str, found: str
) -> InputError:
    hint = f"prepare the source {source} first with `ecg-lightning prepare` or `prepare_database`"
    if root is None:
        return InputError(f"{folder}", expected=expected, found=found, hint=hint)
    hint = f"check the path, or {hint} in another folder"
    return InputError(f"{folder}", expected=expected, found=found, hint=hint, setting="root")


def _several(names: Sequence[str]) -> str:
    """`a, b, c, d and 3 more`."""
    rest = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _write_synthetic(folder: Path, seed: int, setting: str) -> None:
    from ecg_lightning.records.synthetic.database import write_synthetic

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            folder.rmdir()  # it is empty; the finished folder takes its place by a rename
        write_synthetic(folder, seed=seed)
    except OSError as error:
        expected = "a place where the synthetic database can be written"
        raise cannot_write(folder, error, expected, setting=setting) from error


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
