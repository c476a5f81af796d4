"""Databases of records: published ones, any folder of WFDB records, and the synthetic database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import ANY_ECG
from ecg_lightning.records.mitdb import MITDB
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.patients import owners_of, owners_of_simulated
from ecg_lightning.records.published import Published
from ecg_lightning.records.svdb import SVDB
from ecg_lightning.records.wfdb.folder import find_records, records_below
from ecg_lightning.system.download import download_files
from ecg_lightning.system.locks import one_at_a_time
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import escaped, listed

PUBLISHED = {database.source: database for database in (MITDB, SVDB)}
SOURCES: tuple[str, ...] = (*PUBLISHED, "wfdb", "synthetic")


@dataclass(frozen=True)
class Database:
    """A folder of WFDB records that are known to be there.

    Args:
        source: One of `SOURCES`, or several separated by commas.
        root: The folder. Of several it is for messages only.
        records: The names of the records. Tables of beats keep this order.
        patients: Record to patient; "" where the patient is unknown. Records 201 and 202 of mitdb
            are of one patient. Each record of the synthetic database is of another.
        annotator: The ending of the annotation files.
        notes: What the folder holds that is not used, and which records are copies.
        copies: Record to the first record with the same signal files, where that is another one.
        members: The databases that this one joins, by the first part of its record names: record
            `mitdb/100` is record `100` of the member `mitdb`. Empty for a single database.
        assumption: What is assumed about the patients because a source does not say it; else "".
    """

    source: str
    root: Path
    records: tuple[str, ...]
    patients: Mapping[str, str]
    annotator: str = "atr"
    notes: tuple[RecordNote, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, "Database"] = field(default_factory=dict)
    assumption: str = ""

    def member_of(self, record: str) -> tuple["Database", str]:
        """Return the single database of a record, and the record's name there."""
        if not self.members:
            return self, record
        member, _, name = record.partition("/")
        return self.members[member], name


def lead_of(source: str, lead: int | str | None) -> int | str:
    """Return the lead to read: the stated one, or the default of a single database's source."""
    if lead is not None:
        return lead
    return ANY_ECG if source == "wfdb" else 0


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
    folder = folder_of(source, root, cache_dir, seed)
    if (published := PUBLISHED.get(source)) is not None:
        _check_present(published, folder, root)
        records, patients_of = published.records, published.patients
        return Database(source, folder, records, patients_of, assumption=published.assumption)
    if source == "synthetic" and not folder.is_dir():
        raise _not_prepared(source, folder, root, "the synthetic database", "no such folder")
    if source == "synthetic":
        records = find_records(folder)
        simulated = owners_of_simulated(folder, records)
        return Database(source, folder, records, simulated.patients, copies=simulated.copies)
    records, notes = records_below(folder, annotator)
    owners = owners_of(folder, records, patients)
    notes = (*notes, *copy_notes(owners.copies))
    return Database(source, folder, records, owners.patients, annotator, notes, owners.copies)


def copy_notes(copies: Mapping[str, str]) -> list[RecordNote]:
    """Return a note for each record that is a copy."""
    return [
        RecordNote(record, "signal", f"the signal files are those of record {escaped(first)}")
        for record, first in copies.items()
    ]


def prepare_database(
    source: str,
    root: Path | None,
    cache_dir: Path,
    seed: int = 0,
    url: str | None = None,
    fill_root: bool = True,
    annotator: str = "atr",
    patients: Path | None = None,
) -> Database:
    """Make sure that a database is there, then open it.

    mitdb and svdb are downloaded, the synthetic database is written, and a folder of WFDB records
    is only checked. Every file of mitdb and svdb is checked by SHA-256. A folder that the user
    names is filled if it is missing, empty or an interrupted download of ours. A folder that holds
    anything else is checked and never written to.

    Args:
        source: One of `SOURCES`.
        root: The folder of the database. `None` means its place in `cache_dir`.
        cache_dir: Where databases go that have no `root`.
        seed: The seed of the synthetic database.
        url: The address of the files to download. Default: that of PhysioNet.
        fill_root: Whether a folder that the user names may be filled. A training job does not
            fill it, because a missing folder is then most likely a typing error.
        annotator: The ending of the annotation files in a folder of WFDB records.
        patients: A CSV file `record,patient`, for a folder of WFDB records.

    Returns:
        The database.

    Raises:
        InputError: As in `open_database`; or the download fails, or a file has another content than
            in the published version.
    """
    folder = folder_of(source, root, cache_dir, seed)
    fill = root is None or fill_root
    if (published := PUBLISHED.get(source)) is not None:
        if root is None or (fill and published.may_be_filled(folder)):
            download_files(url or published.url, published.checksums(), folder)
        else:
            _check_present(published, folder, root)
            _check_contents(published, folder)
    elif source == "synthetic" and fill and _is_empty(folder):
        with one_at_a_time(folder):
            if _is_empty(folder):  # no other process has written it in the meantime
                _write_synthetic(folder, seed, "cache_dir" if root is None else "root")
    return open_database(source, root, cache_dir, seed, annotator, patients)


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
            found=escaped(listed(unknown)) if unknown else "all",
            hint="correct the names",
            setting="without",
        )
    notes = tuple(
        note
        for note in database.notes
        if not {note.record, database.copies.get(note.record)} & {*names}
    )
    return replace(database, records=records, notes=notes)


def folder_of(source: str, root: Path | None, cache_dir: Path, seed: int) -> Path:
    """Return the folder of a database, which may be missing.

    Args:
        source: One of `SOURCES`.
        root: The folder that is named; None: that of the source in the cache.
        cache_dir: The cache.
        seed: Of the synthetic database.

    Raises:
        InputError: The source is not known.
    """
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
    if source in PUBLISHED:
        return Path(cache_dir) / PUBLISHED[source].folder_name
    from ecg_lightning.records.synthetic.database import VERSION  # late: it needs scipy

    return Path(cache_dir) / f"synthetic-{VERSION}-{seed}"


def _check_present(published: Published, folder: Path, root: Path | None) -> None:
    """Refuse a folder without the files of all records."""
    expected = f"the {len(published.records)} records of the {published.title}"
    if not folder.is_dir():
        raise _not_prepared(published.source, folder, root, expected, "no such folder")
    if missing := published.missing_files(folder):
        found = f"{listed(missing)} missing"
        raise _not_prepared(published.source, folder, root, expected, found)


def _check_contents(published: Published, folder: Path) -> None:
    """Refuse a folder with files that differ from those of the published version."""
    if different := published.different_files(folder):
        raise InputError(
            f"{folder}",
            expected=f"the files of the {published.title} by their SHA-256",
            found=f"{listed(different)} different",
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
