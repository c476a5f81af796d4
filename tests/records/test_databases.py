"""Databases: what is opened, what is made, and what is refused before anything is written."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records import databases as module
from ecg_lightning.records.database_records import read_record_of
from ecg_lightning.records.databases import (
    PUBLISHED,
    Database,
    open_database,
    prepare_database,
)
from ecg_lightning.records.mitdb import MITDB, MITDB_RECORDS
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.published import Published
from ecg_lightning.records.svdb import SVDB
from tests.helpers.server import Server, served

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


def write_fake(folder: Path, published: Published) -> dict[str, bytes]:
    """Write the files of a database with their names as content."""
    folder.mkdir(parents=True)
    files = {name: name.encode() for name in published.checksums()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from served(tmp_path_factory.mktemp("server"))


@pytest.fixture(params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> Published:
    return PUBLISHED[request.param]


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch, published: Published) -> dict[str, str]:
    """Checksums of files that have their names as content, in place of the real ones."""
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in published.checksums()}
    monkeypatch.setattr(Published, "checksums", lambda _: hashes)
    return hashes


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
    write_fake(tmp_path / "m", MITDB)
    database = open_database("mitdb", tmp_path / "m", tmp_path)
    assert database.assumption == ""
    assert database.records == MITDB_RECORDS
    assert len(set(MITDB_RECORDS)) == 48
    assert (MITDB_RECORDS[0], MITDB_RECORDS[12], MITDB_RECORDS[-1]) == ("100", "101", "234")
    assert len(set(database.patients.values())) == 47
    assert database.patients["201"] == database.patients["202"] == "201"
    assert database.patients["100"] == "100"
    assert (database.source, database.root, database.annotator) == ("mitdb", tmp_path / "m", "atr")


def test_svdb_has_78_records_and_says_that_its_patients_are_assumed(tmp_path: Path) -> None:
    write_fake(tmp_path / "s", SVDB)
    database = open_database("svdb", tmp_path / "s", tmp_path)
    assert (database.source, database.root, database.annotator) == ("svdb", tmp_path / "s", "atr")
    assert len(database.records) == 78
    assert [*database.records] == sorted(database.records, key=int)
    assert database.patients == {name: name for name in database.records}
    assert database.assumption == (
        "svdb: one record taken for one patient; the database does not say"
    )


def test_the_package_knows_the_files_of_every_record(published: Published) -> None:
    expected = {
        f"{record}.{ending}" for record in published.records for ending in ("atr", "dat", "hea")
    }
    assert set(published.checksums()) == expected
    assert set(published.signals().values()) == set(published.records)
    assert set(published.patients) == set(published.records)


@pytest.mark.parametrize("root", [None, "here"])
def test_a_published_database_that_is_not_there(
    tmp_path: Path, published: Published, root: str | None
) -> None:
    folder = tmp_path / (root or f"{published.source}-1.0.0")
    hint = HINT.format(published.source)
    if root is not None:
        hint = f"check the path, or {hint} in another folder (root)"
    titles = {
        "mitdb": "48 records of the MIT-BIH Arrhythmia Database 1.0.0",
        "svdb": "78 records of the MIT-BIH Supraventricular Arrhythmia Database 1.0.0",
    }
    assert refused(open_database, published.source, root and folder, tmp_path) == (
        f"{folder}: expected the {titles[published.source]}, found no such folder; {hint}"
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (["{0}.dat"], "{0}.dat"),
        (
            ["{0}.atr", "{0}.dat", "{0}.hea", "{1}.atr", "{1}.dat"],
            "{0}.atr, {0}.dat, {0}.hea, {1}.atr and 1 more",
        ),
    ],
)
def test_an_incomplete_folder(
    tmp_path: Path, published: Published, lost: list[str], named: str
) -> None:
    first = sorted(published.records)
    folder = tmp_path / f"{published.source}-1.0.0"
    write_fake(folder, published)
    for name in lost:
        (folder / name.format(*first)).unlink()
    message = refused(open_database, published.source, None, tmp_path)
    hint = HINT.format(published.source)
    assert f"Database 1.0.0, found {named.format(*first)} missing; {hint}" in message


def test_prepare_never_writes_to_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: Published
) -> None:
    monkeypatch.setattr(module, "download_files", lambda *_: pytest.fail("downloaded"))
    write_fake(tmp_path / "m", published)
    name = f"{published.records[0]}.dat"
    (tmp_path / "m" / name).unlink()
    (tmp_path / "m" / "letter.txt").write_text("mine")
    assert f"found {name} missing" in refused(
        prepare_database, published.source, tmp_path / "m", tmp_path
    )


def test_prepare_checks_a_complete_folder_by_hash(
    tmp_path: Path, published: Published, small_files: dict[str, str]
) -> None:
    write_fake(tmp_path / "m", published)
    where = published.source, tmp_path / "m", tmp_path
    assert prepare_database(*where).records == published.records
    name = f"{published.records[-1]}.hea"
    (tmp_path / "m" / name).write_bytes(b"changed")
    assert refused(prepare_database, *where) == (
        f"{tmp_path / 'm'}: expected the files of the {published.name} 1.0.0 by their SHA-256, "
        f"found {name} different; fetch them again, or name no folder to download the database "
        "(root)"
    )


@pytest.mark.parametrize("state", ["in the cache", "missing", "empty", ".incomplete", "{}.part"])
def test_prepare_downloads(
    tmp_path: Path,
    published: Published,
    small_files: dict[str, str],
    server: Server,
    state: str,
) -> None:
    """An interrupted download, also one of an earlier version, is continued."""
    for name in small_files:
        (server.folder / name).write_bytes(name.encode())
    root = None if state == "in the cache" else tmp_path / "m"
    present: list[str] = []
    if root and state != "missing":
        root.mkdir()
    if root and "." in state:
        present = [f"{published.records[0]}.atr", f"{published.records[0]}.hea"]
        for name in present:
            (root / name).write_bytes(name.encode())
        part = root / state.format(f"{published.records[0]}.dat")
        part.mkdir() if state == ".incomplete" else part.touch()
    database = prepare_database(published.source, root, tmp_path, url=server.url)
    assert database.root == (root or tmp_path / f"{published.source}-1.0.0")
    assert sorted(server.asked) == sorted({*small_files} - {*present})
    assert published.different_files(database.root) == []


def test_a_server_with_another_content_is_refused(
    tmp_path: Path, published: Published, small_files: dict[str, str], server: Server
) -> None:
    for name in small_files:
        (server.folder / name).write_bytes(b"other")
    message = refused(prepare_database, published.source, None, tmp_path, url=server.url)
    assert "SHA-256" in message
    assert not [*tmp_path.glob(f"{published.source}-1.0.0/*.*")]


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


def test_the_real_records_have_the_packages_checksums(
    request: pytest.FixtureRequest, published: Published, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(published.source)
    assert prepare_database(published.source, folder, tmp_path).records == published.records
    assert not any(tmp_path.iterdir())


def test_the_real_svdb_is_downloaded(svdb: Path, tmp_path: Path, server: Server) -> None:
    server.folder = svdb
    prepare_database("svdb", None, tmp_path, url=server.url)
    assert len(server.asked) == 3 * 78
    record = read_record_of(open_database("svdb", None, tmp_path), "800")
    assert (record.lead, record.fs_hz, len(record.signal)) == ("ECG1", 128.0, 230_400)


@pytest.mark.parametrize("source", ["mitdb", "svdb", "synthetic"])
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
