"""Databases: what is opened, what is made, and what is refused before anything is written."""

import hashlib
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records import databases as module
from ecg_lightning.records.databases import Database, open_database, prepare_database
from ecg_lightning.records.mitdb import MITDB, MITDB_RECORDS
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.published import Published

HINT = "prepare the source {} first with `ecg-lightning prepare` or `prepare_database`"


def write_records(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        wfdb.wrsamp(
            name,
            360,
            ["mV"],
            ["MLII"],
            np.arange(10.0).reshape(-1, 1),
            fmt=["16"],
            write_dir=str(folder),
        )
        (folder / f"{name}.atr").write_bytes(b"\0\0")


def write_fake_mitdb(folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    files = {name: name.encode() for name in MITDB.checksums()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


def refused(function: object, *args: object, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*args, **options)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Replace the generator by one that writes two small records by rename; return its calls."""
    calls: list[tuple[Path, int]] = []

    def write_synthetic(folder: Path, seed: int = 0) -> tuple[str, ...]:
        calls.append((folder, seed))
        write_records(folder.parent / "temporary", "s1", "s2")
        (folder.parent / "temporary").rename(folder)
        return ("s1", "s2")

    stub = ModuleType("ecg_lightning.records.synthetic.database")
    vars(stub).update(VERSION=7, write_synthetic=write_synthetic)
    monkeypatch.setitem(sys.modules, "ecg_lightning.records.synthetic.database", stub)
    return calls


def test_mitdb_has_48_records_of_47_patients_in_the_original_order(tmp_path: Path) -> None:
    write_fake_mitdb(tmp_path / "m")
    database = open_database("mitdb", tmp_path / "m", tmp_path)
    assert database.records == MITDB_RECORDS
    assert len(set(MITDB_RECORDS)) == 48
    assert (MITDB_RECORDS[0], MITDB_RECORDS[12], MITDB_RECORDS[-1]) == ("100", "101", "234")
    assert len(set(database.patients.values())) == 47
    assert database.patients["201"] == database.patients["202"] == "201"
    assert database.patients["100"] == "100"
    assert (database.source, database.root, database.annotator) == ("mitdb", tmp_path / "m", "atr")


def test_the_package_knows_the_files_of_the_48_records() -> None:
    expected = {
        f"{record}.{ending}" for record in MITDB_RECORDS for ending in ("atr", "dat", "hea")
    }
    assert set(MITDB.checksums()) == expected


@pytest.mark.parametrize("root", [None, "here"])
def test_no_mitdb(tmp_path: Path, root: str | None) -> None:
    folder = tmp_path / (root or "mitdb-1.0.0")
    hint = HINT.format("mitdb")
    if root is not None:
        hint = f"check the path, or {hint} in another folder (root)"
    assert refused(open_database, "mitdb", root and folder, tmp_path) == (
        f"{folder}: expected the 48 records of the MIT-BIH Arrhythmia Database 1.0.0, "
        f"found no such folder; {hint}"
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (["100.dat"], "100.dat"),
        (
            ["100.atr", "100.dat", "100.hea", "101.atr", "101.dat"],
            "100.atr, 100.dat, 100.hea, 101.atr and 1 more",
        ),
    ],
)
def test_an_incomplete_mitdb(tmp_path: Path, lost: list[str], named: str) -> None:
    write_fake_mitdb(tmp_path / "mitdb-1.0.0")
    for name in lost:
        (tmp_path / "mitdb-1.0.0" / name).unlink()
    message = refused(open_database, "mitdb", None, tmp_path)
    assert f"Database 1.0.0, found {named} missing; {HINT.format('mitdb')}" in message


def test_prepare_never_writes_to_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "download_files", lambda *_: pytest.fail("downloaded"))
    write_fake_mitdb(tmp_path / "m")
    (tmp_path / "m" / "100.dat").unlink()
    (tmp_path / "m" / "letter.txt").write_text("mine")
    assert "found 100.dat missing" in refused(prepare_database, "mitdb", tmp_path / "m", tmp_path)


def test_prepare_checks_a_complete_folder_by_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_fake_mitdb(tmp_path / "m")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(Published, "checksums", lambda _: hashes)
    assert prepare_database("mitdb", tmp_path / "m", tmp_path).records == MITDB_RECORDS
    (tmp_path / "m" / "231.hea").write_bytes(b"changed")
    assert refused(prepare_database, "mitdb", tmp_path / "m", tmp_path) == (
        f"{tmp_path / 'm'}: expected the files of the MIT-BIH Arrhythmia Database 1.0.0 by "
        "their SHA-256, "
        "found 231.hea different; fetch them again, or name no folder to download the database "
        "(root)"
    )


@pytest.mark.parametrize(
    "state", ["in the cache", "missing", "empty", ".incomplete", "100.dat.part"]
)
def test_prepare_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    calls: list[tuple[str, int]] = []

    def download(url: str, wanted: dict[str, str], folder: Path) -> None:
        calls.append((url, len(wanted)))
        shutil.rmtree(folder, ignore_errors=True)
        write_fake_mitdb(folder)

    monkeypatch.setattr(module, "download_files", download)
    root = None if state == "in the cache" else tmp_path / "m"
    if root and state != "missing":
        root.mkdir()
    if root and "." in state:  # an interrupted download, and one of an earlier version
        (root / "100.atr").write_bytes(b"done")
        (root / state).mkdir() if state == ".incomplete" else (root / state).touch()
    database = prepare_database("mitdb", root, tmp_path, url="http://mirror/")
    assert database.root == (root or tmp_path / "mitdb-1.0.0")
    assert calls == [("http://mirror/", 144)]


def test_wfdb_folder(tmp_path: Path) -> None:
    write_records(tmp_path / "db", "10", "9")
    write_records(tmp_path / "db" / "sub", "9")
    for name in ("9", "10", "sub/9"):
        (tmp_path / "db" / f"{name}.atr").touch()
    records = ("9", "10", "sub/9")
    copies = {"10": "9", "sub/9": "9"}  # the signals of all three are equal
    text = "the signal files are those of record 9"
    expected = Database(
        "wfdb",
        tmp_path / "db",
        records,
        dict.fromkeys(records, ""),
        notes=tuple(RecordNote(name, "signal", text) for name in copies),
        copies=copies,
    )
    assert open_database("wfdb", tmp_path / "db", tmp_path) == expected
    assert prepare_database("wfdb", tmp_path / "db", tmp_path) == expected


@pytest.mark.parametrize("function", [open_database, prepare_database])
def test_sources_that_cannot_be_opened(tmp_path: Path, function: object) -> None:
    assert refused(function, "edb", None, tmp_path) == (
        "source: expected one of mitdb, svdb, wfdb, synthetic, found 'edb'; choose one of these"
    )
    assert refused(function, "wfdb", None, tmp_path) == (
        "root: expected a folder of WFDB records for the source wfdb, found none; choose a folder"
    )
    assert refused(function, "wfdb", tmp_path / "no", tmp_path) == (
        f"{tmp_path / 'no'}: expected a folder of WFDB records, found no such folder; "
        "check the path (root)"
    )


def test_open_never_writes_the_synthetic_database(
    tmp_path: Path, synthetic: list[tuple[Path, int]]
) -> None:
    folder = tmp_path / "cache" / "synthetic-7-3"
    hint = HINT.format("synthetic")
    assert refused(open_database, "synthetic", None, tmp_path / "cache", seed=3) == (
        f"{folder}: expected the synthetic database, found no such folder; {hint}"
    )
    assert not any(tmp_path.iterdir())
    assert synthetic == []


def test_prepare_writes_the_synthetic_database_once(
    tmp_path: Path, synthetic: list[tuple[Path, int]]
) -> None:
    folder = tmp_path / "cache" / "synthetic-7-3"
    first = prepare_database("synthetic", None, tmp_path / "cache", seed=3)
    again = prepare_database("synthetic", None, tmp_path / "cache", seed=3)
    assert first == again == open_database("synthetic", None, tmp_path / "cache", seed=3)
    # These records are not simulated: their headers lack the comment.
    copies = {"s2": "s1"}
    assert first == Database("synthetic", folder, ("s1", "s2"), {"s1": "", "s2": ""}, copies=copies)
    assert synthetic == [(folder, 3)]


@pytest.mark.parametrize("state", ["missing", "empty"])
def test_prepare_writes_the_synthetic_database_where_the_user_says(
    tmp_path: Path, synthetic: list[tuple[Path, int]], state: str
) -> None:
    root = tmp_path / "here"
    if state == "empty":
        root.mkdir()
    assert prepare_database("synthetic", root, tmp_path / "cache").root == root
    assert synthetic == [(root, 0)]
    assert not (tmp_path / "cache").exists()


def test_prepare_changes_no_folder_with_other_files(
    tmp_path: Path, synthetic: list[tuple[Path, int]]
) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert "expected WFDB records" in refused(prepare_database, "synthetic", tmp_path, tmp_path)
    assert synthetic == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, synthetic: list[tuple[Path, int]]) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache" / "synthetic-7-0"
    assert refused(prepare_database, "synthetic", None, tmp_path / "file" / "cache") == (
        f"{folder}: expected a place where the synthetic database can be written, "
        f"found Not a directory; move {tmp_path / 'file'} away, which is no folder, or choose "
        "another folder (cache_dir)"
    )


def test_the_real_records_have_the_packages_checksums(mitdb: Path, tmp_path: Path) -> None:
    assert prepare_database("mitdb", mitdb, tmp_path).records == MITDB_RECORDS
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["mitdb", "synthetic"])
def test_a_training_job_does_not_fill_a_folder_that_the_user_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synthetic: list[tuple[Path, int]], source: str
) -> None:
    monkeypatch.setattr(module, "download_files", lambda *_: pytest.fail("downloaded"))
    with pytest.raises(
        InputError,
        match=r"typo: expected .* found no such folder; check the path, or prepare the source",
    ):
        prepare_database(source, tmp_path / "typo", tmp_path / "cache", fill_root=False)
    assert synthetic == []
