"""Where records come from: the MIT-BIH Arrhythmia Database, any folder of WFDB records, the synthetic database."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.mitdb import (
    MITDB_RECORDS,
    MITDB_URL,
    SAME_PATIENT,
    advice,
    check_hashes,
    check_mitdb,
    mitdb_checksums,
)
from ecg_lightning.records.wfdb import find_records
from ecg_lightning.system.download import INCOMPLETE, download
from ecg_lightning.system.locks import one_at_a_time

SOURCES = ("mitdb", "wfdb", "synthetic")


@dataclass(frozen=True)
class Database:
    """A folder of WFDB records, checked to be there.

    Args:
        source: `"mitdb"`, `"wfdb"` or `"synthetic"`.
        root: The folder.
        records: The records' names, in the order in which their beats are laid out.
        patients: Record to patient; 201 and 202 of mitdb are one patient, elsewhere each record is a patient.
        annotator: The ending of the annotation files.
    """

    source: str
    root: Path
    records: tuple[str, ...]
    patients: Mapping[str, str]
    annotator: str = "atr"


def open_database(
    source: str, root: Path | None, cache_dir: Path, seed: int = 0, annotator: str = "atr"
) -> Database:
    """Find a database that is already there; writes and downloads nothing.

    Args:
        source: One of `SOURCES`.
        root: The database's folder; `None` for mitdb's or the synthetic database's place in `cache_dir`.
        cache_dir: Where `prepare_database` puts databases.
        seed: The synthetic database's seed; the other sources ignore it.
        annotator: The ending of the annotation files in a folder of WFDB records.

    Returns:
        The database.

    Raises:
        InputError: Unknown source, no such folder, or records missing from it.

    Example:
        >>> open_database("mitdb", Path("mitdb"), Path("cache")).patients["202"]  # doctest: +SKIP
        '201'
    """
    folder = _folder(source, root, cache_dir, seed)
    if source == "mitdb":
        check_mitdb(folder, root)
        return Database(
            source,
            folder,
            MITDB_RECORDS,
            {name: SAME_PATIENT.get(name, name) for name in MITDB_RECORDS},
        )
    if source == "synthetic" and not folder.is_dir():
        raise InputError(
            f"{folder}: expected the synthetic database, found no such folder; {advice(source, root)}"
        )
    records = find_records(folder)
    return Database(
        source,
        folder,
        records,
        {name: name for name in records},
        annotator if source == "wfdb" else "atr",
    )


def prepare_database(
    source: str,
    root: Path | None,
    cache_dir: Path,
    seed: int = 0,
    url: str = MITDB_URL,
    fill_root: bool = True,
    annotator: str = "atr",
) -> Database:
    """Make a database be there, then open it: downloads mitdb, writes the synthetic database, else only checks.

    Every file of mitdb is checked by SHA-256. A folder that the user names is filled where it is missing, empty or an
    interrupted download of ours; one that holds anything else is checked and never written to.

    Args:
        source: One of `SOURCES`.
        root: The database's folder; `None` for its place in `cache_dir`.
        cache_dir: Where databases go that have no `root`.
        seed: The synthetic database's seed.
        url: Where mitdb's files lie.
        fill_root: Also fill a folder that the user names; a training job leaves it off, where a missing folder is a slip of the pen.
        annotator: As in `open_database`.

    Returns:
        The database.

    Raises:
        InputError: As `open_database`; or the download failed, or a file is not MIT-BIH 1.0.0's.
    """
    folder = _folder(source, root, cache_dir, seed)
    fill = root is None or fill_root
    if source == "mitdb" and (root is None or (fill and _is_ours_to_fill(folder))):
        download(url, mitdb_checksums(), folder)
    elif source == "mitdb":
        check_mitdb(folder, root)
        check_hashes(folder)
    elif source == "synthetic" and fill and _is_empty(folder):
        with one_at_a_time(folder):
            if _is_empty(folder):  # no other process has written it meanwhile
                _write_synthetic(folder, seed)
    return open_database(source, root, cache_dir, seed, annotator)


def _folder(source: str, root: Path | None, cache_dir: Path, seed: int) -> Path:
    if source not in SOURCES:
        raise InputError(
            f"source: expected one of {', '.join(SOURCES)}, found {source!r}; choose one of these"
        )
    if root is not None:
        return Path(root)
    if source == "wfdb":
        raise InputError(
            "root: expected a folder of WFDB records for the source wfdb, found none; give --data.root"
        )
    if source == "mitdb":
        return Path(cache_dir) / "mitdb-1.0.0"
    from ecg_lightning.records.synthetic.database import (
        VERSION,  # imported late: scipy's and wfdb's writers serve this source alone
    )

    return Path(cache_dir) / f"synthetic-{VERSION}-{seed}"


def _write_synthetic(folder: Path, seed: int) -> None:
    from ecg_lightning.records.synthetic.database import write_synthetic

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            folder.rmdir()  # empty; it makes way for the finished folder, which comes by a rename
        write_synthetic(folder, seed=seed)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        found = f"expected to write a database here, found: {reason}"
        raise InputError(f"{folder}: {found}; choose another folder") from error


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _is_ours_to_fill(folder: Path) -> bool:
    """Whether a folder is missing, empty, or holds part of a download of mitdb and nothing else."""
    if not folder.is_dir():
        return not folder.exists()
    names, found = set(mitdb_checksums()), {path.name for path in folder.iterdir()}
    begun = {INCOMPLETE, *(f"{name}.part" for name in names)}  # .part: of version 0.1
    return found <= names | begun and not names <= found
