"""Where records come from: the MIT-BIH Arrhythmia Database, any folder of WFDB records, the synthetic database."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ecg_lightning.download import download, read_checksums, sha256_of
from ecg_lightning.errors import InputError
from ecg_lightning.file_lock import one_at_a_time
from ecg_lightning.records import find_records

SOURCES = ("mitdb", "wfdb", "synthetic")
MITDB_URL = "https://physionet.org/files/mitdb/1.0.0/"

_MITDB_ORDER = """
    100 104 108 113 117 122 201 207 212 217 222 231
    101 105 109 114 118 123 202 208 213 219 223 232
    102 106 111 115 119 124 203 209 214 220 228 233
    103 107 112 116 121 200 205 210 215 221 230 234
"""
MITDB_RECORDS: tuple[str, ...] = tuple(_MITDB_ORDER.split())  # the original's order; the beats are laid out in it
_SAME_PATIENT = {"202": "201"}  # PhysioNet's MIT-BIH directory: 47 patients, records 201 and 202 of one
_NAMED_AT_MOST = 4


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


def open_database(source: str, root: Path | None, cache_dir: Path, seed: int = 0, annotator: str = "atr") -> Database:
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
        _check_mitdb(folder, root)
        return Database(source, folder, MITDB_RECORDS, {name: _SAME_PATIENT.get(name, name) for name in MITDB_RECORDS})
    if source == "synthetic" and not folder.is_dir():
        raise InputError(f"{folder}: expected the synthetic database, found no such folder; {_advice(source, root)}")
    records = find_records(folder)
    return Database(source, folder, records, {name: name for name in records}, annotator if source == "wfdb" else "atr")


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
        _check_mitdb(folder, root)
        _check_hashes(folder)
    elif source == "synthetic" and fill and _is_empty(folder):
        with one_at_a_time(folder):
            if _is_empty(folder):  # no other process has written it meanwhile
                _write_synthetic(folder, seed)
    return open_database(source, root, cache_dir, seed, annotator)


def mitdb_checksums() -> dict[str, str]:
    """File name to SHA-256 of the 144 files of the 48 records, from the package's own `mitdb.sha256`."""
    return read_checksums(resources.files("ecg_lightning").joinpath("mitdb.sha256").read_text("ascii"))


def _folder(source: str, root: Path | None, cache_dir: Path, seed: int) -> Path:
    if source not in SOURCES:
        raise InputError(f"source: expected one of {', '.join(SOURCES)}, found {source!r}; choose one of these")
    if root is not None:
        return Path(root)
    if source == "wfdb":
        raise InputError("root: expected a folder of WFDB records for the source wfdb, found none; give --data.root")
    if source == "mitdb":
        return Path(cache_dir) / "mitdb-1.0.0"
    from ecg_lightning.synthetic import VERSION  # imported late: scipy's and wfdb's writers serve this source alone

    return Path(cache_dir) / f"synthetic-{VERSION}-{seed}"


def _write_synthetic(folder: Path, seed: int) -> None:
    from ecg_lightning.synthetic import write_synthetic

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            folder.rmdir()  # empty; it makes way for the finished folder, which comes by a rename
        write_synthetic(folder, seed=seed)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        found = f"expected to write a database here, found: {reason}"
        raise InputError(f"{folder}: {found}; choose another folder") from error


def _check_mitdb(folder: Path, root: Path | None) -> None:
    expected = "expected the 48 records of the MIT-BIH Arrhythmia Database 1.0.0"
    if not folder.is_dir():
        raise InputError(f"{folder}: {expected}, found no such folder; {_advice('mitdb', root)}")
    missing = [name for name in mitdb_checksums() if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder}: {expected}, found {_several(missing)} missing; {_advice('mitdb', root)}")


def _check_hashes(folder: Path) -> None:
    wrong = [name for name, expected in mitdb_checksums().items() if sha256_of(folder / name) != expected]
    if wrong:
        raise InputError(
            f"{folder}: expected the files of MIT-BIH 1.0.0 by their SHA-256, found {_several(wrong)} different; "
            "fetch them again, or leave --data.root out to download the database"
        )


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _is_ours_to_fill(folder: Path) -> bool:
    """Whether a folder is missing, empty, or holds part of a download of mitdb and nothing else."""
    if not folder.is_dir():
        return not folder.exists()
    names, found = set(mitdb_checksums()), {path.name for path in folder.iterdir()}
    return found <= names | {f"{name}.part" for name in names} and not names <= found


def _several(names: list[str]) -> str:
    """`a, b, c, d and 3 more`."""
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _advice(source: str, root: Path | None) -> str:
    command = f"run `ecg-lightning prepare --data.source {source}` to make it"
    return command if root is None else f"check the path, or {command} in the cache"
