"""Several databases joined to one: names, patients, copies, notes, and what is refused."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ecg_lightning.data.beats import BeatSettings, beats_of_records, tables_of_records
from ecg_lightning.data.cache import key_of
from ecg_lightning.errors import InputError
from ecg_lightning.records.database_records import open_record_of, read_record_of
from ecg_lightning.records.databases import PUBLISHED, Database, without_records
from ecg_lightning.records.excerpts import excerpts_of_database
from ecg_lightning.records.joined import open_databases, prepare_databases
from ecg_lightning.records.mitdb import MITDB
from ecg_lightning.records.published import Published
from ecg_lightning.records.synthetic import write_synthetic
from ecg_lightning.system.checksums import sha256_of
from tests.helpers.records import bumps, ecg_like, write_record


def write(folder: Path, *names: str, text: str = "") -> None:
    """Write records, each with its own signal, or with that of its name before a `=`."""
    for name in names:
        name, _, signal = name.partition("=")
        seed = int("".join(filter(str.isdigit, signal or name)) or 0)
        record = replace(ecg_like(name, "NVNANNFNNN"), signal=ecg_like("r", "NVNANNFNNN").signal)
        record.signal[100 + seed] += 0.5
        write_record(folder, record)
        if text:
            with open(folder / f"{name}.hea", "a") as header:
                header.write(text)


def opened(*folders: Path, patients: Path | None = None) -> Database:
    """Folders of WFDB records, joined."""
    cache = folders[0].parent / "cache"
    return open_databases(["wfdb"] * len(folders), folders, cache, patients=patients)


def refused(
    sources: Sequence[str], roots: Sequence[Path | None], patients: Path | None = None
) -> str:
    """The line of an error that comes before anything is written."""
    lines = []
    for function in (open_databases, prepare_databases):
        with pytest.raises(InputError) as caught:
            function(sources, roots, Path("no/such/cache"), patients=patients)
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert "\n" not in lines[0]
    return lines[0]


@pytest.fixture
def two(tmp_path: Path) -> Database:
    """The folders `one` with the records 1 and 2, and `two` with 2 and sub/3."""
    write(tmp_path / "one", "1", "2")
    write(tmp_path / "two", "2=5")
    write(tmp_path / "two/sub", "3")
    return opened(tmp_path / "one", tmp_path / "two")


class TestNames:
    def test_records_have_the_names_of_their_folders(self, two: Database, tmp_path: Path) -> None:
        assert two.records == ("one/1", "one/2", "two/2", "two/sub/3")
        assert two.source == "wfdb,wfdb"
        assert str(two.root) == f"{tmp_path / 'one'},{tmp_path / 'two'}"
        assert [(member.root.name, name) for member, name in map(two.member_of, two.records)] == [
            *(("one", "1"), ("one", "2"), ("two", "2"), ("two", "sub/3"))
        ]
        assert (two.copies, two.notes, set(two.patients.values())) == ({}, (), {""})

    def test_one_source_is_no_joined_database(self, tmp_path: Path) -> None:
        write(tmp_path / "one", "1")
        for database in (
            open_databases(["wfdb"], [tmp_path / "one"], tmp_path),
            prepare_databases(["wfdb"], [tmp_path / "one"], tmp_path),
        ):
            assert (database.records, database.members) == (("1",), {})
            assert database.member_of("1") == (database, "1")

    def test_a_folder_may_be_named_by_a_point(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "one", "1")
        write(tmp_path / "two", "2")
        monkeypatch.chdir(tmp_path / "one")
        assert opened(Path(), Path("../two")).records == ("one/1", "two/2")

    def test_records_that_go_to_no_part(self, two: Database) -> None:
        rest = without_records(two, ["one/2", "two/sub/3"])
        assert rest.records == ("one/1", "two/2")
        assert len(beats_of_records(rest, BeatSettings("annotations"))) == 20
        with pytest.raises(InputError, match="found 2"):
            without_records(two, ["2"])


class TestPatients:
    def test_a_patient_of_one_folder_is_not_one_of_another(self, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            write(tmp_path / folder, "1" if folder == "one" else "2", text="# patient 1\n")
        database = opened(tmp_path / "one", tmp_path / "two")
        assert database.patients == {"one/1": "one/1", "two/2": "two/1"}

    @pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
    def test_copies_are_found_across_folders(self, tmp_path: Path, order: tuple[str, str]) -> None:
        write(tmp_path / "one", "1", "2")
        write(tmp_path / "two", "7=1", "8=1", "9")
        database = opened(*(tmp_path / name for name in order))
        expected = {"two/7": "one/1", "two/8": "one/1"}
        if order[0] == "two":
            expected = {"two/8": "two/7", "one/1": "two/7"}
        assert database.copies == expected
        assert [(note.record, note.text) for note in database.notes] == [
            (copy, f"the signal files are those of record {first}")
            for copy, first in expected.items()
        ]

    def test_what_is_known_of_one_is_known_of_its_copies(self, tmp_path: Path) -> None:
        write(tmp_path / "one", "1")
        write(tmp_path / "two", "7=1", text="# patient 3\n")
        assert set(opened(tmp_path / "one", tmp_path / "two").patients.values()) == {"two/3"}

    def test_names_of_one_person_become_one(self, tmp_path: Path) -> None:
        """Records 1 and 7 are copies, so patient 5 of one is patient 3 of two, in all records."""
        write(tmp_path / "one", "1", "2", text="# patient 5\n")
        write(tmp_path / "two", "7=1", "8", text="# patient 3\n")
        write(tmp_path / "three", "4")
        write(tmp_path / "three", "6=8", text="# patient 9\n")
        database = opened(*(tmp_path / name for name in ("one", "two", "three")))
        assert len({patient for name, patient in database.patients.items() if patient}) == 1
        assert [name for name, patient in database.patients.items() if not patient] == ["three/4"]

    def test_the_file_of_patients_is_of_the_one_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "one", "1", "2")
        write_synthetic(tmp_path / "s", patients=2, minutes=0.2)
        (tmp_path / "patients.csv").write_text("record,patient\n1,P\n2,P\n")
        sources, roots = ("synthetic", "wfdb"), (tmp_path / "s", tmp_path / "one")
        database = open_databases(sources, roots, tmp_path, patients=tmp_path / "patients.csv")
        assert database.patients == {
            **{f"synthetic/{name}": f"synthetic/{name}" for name in ("s01", "s02")},
            **{"one/1": "one/P", "one/2": "one/P"},
        }


@pytest.fixture
def small_mitdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for 200, 201 and 202 of mitdb, and 800 of svdb, with checksums of their own."""
    write(tmp_path / "m", "200", "201", "202")
    write(tmp_path / "s", "800")
    of_mitdb = {name: MITDB.patients[name] for name in ("200", "201", "202")}
    known = {sha256_of(tmp_path / "m" / f"{name}.dat"): name for name in of_mitdb}
    size = (tmp_path / "m/200.dat").stat().st_size
    small = replace(MITDB, records=(*of_mitdb,), patients=of_mitdb, signal_bytes=size)
    svdb = PUBLISHED["svdb"]
    small_svdb = replace(svdb, records=("800",), patients={"800": "800"})
    for module in ("databases", "joined", "patients"):
        monkeypatch.setattr(f"ecg_lightning.records.{module}.MITDB", small)
    monkeypatch.setitem(PUBLISHED, "mitdb", small)
    monkeypatch.setitem(PUBLISHED, "svdb", small_svdb)
    monkeypatch.setattr(Published, "signals", lambda _: known)
    monkeypatch.setattr(Published, "missing_files", lambda *_: [])
    monkeypatch.setattr(Published, "different_files", lambda *_: [])
    monkeypatch.setattr(Published, "may_be_filled", lambda *_: False)
    return tmp_path


class TestPublished:
    def test_mitdb_and_svdb(self, small_mitdb: Path) -> None:
        roots = (small_mitdb / "m", small_mitdb / "s")
        for function in (open_databases, prepare_databases):
            database = function(["mitdb", "svdb"], roots, small_mitdb)
            assert database.source == "mitdb,svdb"
            assert database.patients == {
                "mitdb/200": "mitdb/200",
                "mitdb/201": "mitdb/201",
                "mitdb/202": "mitdb/201",
                "svdb/800": "svdb/800",
            }
            assert database.assumption == (
                "svdb: one record taken for one patient; the database does not say"
            )

    def test_each_has_its_place_in_the_cache(self, small_mitdb: Path) -> None:
        (small_mitdb / "m").rename(small_mitdb / "mitdb-1.0.0")
        (small_mitdb / "s").rename(small_mitdb / "svdb-1.0.0")
        for roots in ([], [None, None]):
            database = open_databases(["svdb", "mitdb"], roots, small_mitdb)
            assert database.records == ("svdb/800", "mitdb/200", "mitdb/201", "mitdb/202")
            assert read_record_of(database, "mitdb/201").name == "mitdb/201"

    @pytest.mark.parametrize(
        "others", [("mitdb",), ("svdb",), ("mitdb", "svdb"), ("svdb", "mitdb")]
    )
    def test_records_of_mitdb_in_a_folder_are_known(
        self, small_mitdb: Path, others: tuple[str, ...]
    ) -> None:
        """Whatever their names, and with or without mitdb itself on the other side."""
        write(small_mitdb / "own", "1=201", "2=9", "3=800")
        places = {"mitdb": small_mitdb / "m", "svdb": small_mitdb / "s"}
        roots = [*(places[name] for name in others), small_mitdb / "own"]
        database = open_databases([*others, "wfdb"], roots, small_mitdb)
        assert database.patients["own/1"] == "mitdb/201"
        assert database.patients["own/2"] == ""
        assert database.patients["own/3"] == ("svdb/800" if "svdb" in others else "")
        assert database.copies.get("own/1") == ("mitdb/201" if "mitdb" in others else None)

    def test_a_name_that_the_user_gives_a_patient_of_mitdb(self, small_mitdb: Path) -> None:
        """The user's P is the patient of 201 and 202; the other records of P are so too."""
        write(small_mitdb / "own", "1=201", "2=9")
        (small_mitdb / "patients.csv").write_text("record,patient\n1,P\n2,P\n")
        database = open_databases(
            ["wfdb", "mitdb"],
            [small_mitdb / "own", small_mitdb / "m"],
            small_mitdb,
            patients=small_mitdb / "patients.csv",
        )
        same = ("own/1", "own/2", "mitdb/201", "mitdb/202")
        assert {database.patients[name] for name in same} == {"mitdb/201"}
        assert database.patients["mitdb/200"] == "mitdb/200"

    def test_the_real_ones(self, mitdb: Path, svdb: Path, tmp_path: Path) -> None:
        database = open_databases(["mitdb", "svdb"], [mitdb, svdb], tmp_path)
        assert (len(database.records), len(set(database.patients.values()))) == (126, 125)
        assert (database.copies, database.notes) == ({}, ())
        few = replace(database, records=("mitdb/114", "mitdb/100", "svdb/860"))
        beats = beats_of_records(few, BeatSettings("annotations", lead=None, classes="aami"))
        assert (beats.leads, beats.recorded_fs_hz) == (("V5", "MLII", "ECG1"), (360.0, 128.0))
        expected = "1 annotation outside the signal is dropped"
        assert ("svdb/860", expected) in [(note.record, note.text) for note in beats.notes]


class TestBeats:
    def test_each_record_is_read_by_the_rule_of_its_source(self, small_mitdb: Path) -> None:
        """The first lead of mitdb and svdb; the lead that looks like an ECG in a folder."""
        signal = bumps([0.5, 1.5], 4.0)
        record = replace(ecg_like("p", "NN"), lead="ABP", unit="mmHg", signal=signal)
        for folder, name in {"m": "200", "s": "800", "own": "p"}.items():
            write_record(
                small_mitdb / folder, replace(record, name=name), [("II", bumps([1.0, 2.0], 4.0))]
            )
        database = open_databases(
            ["mitdb", "svdb", "wfdb"],
            [small_mitdb / name for name in ("m", "s", "own")],
            small_mitdb,
        )
        names, read = ("mitdb/200", "svdb/800", "own/p"), excerpts_of_database(database)
        assert [read_record_of(database, name).lead for name in names] == ["ABP", "ABP", "II"]
        assert [piece and piece.lead for piece in (read(name, 9, 1.0) for name in names)] == [
            *("ABP", "ABP", "II")
        ]
        assert {read_record_of(database, name, "II").lead for name in names} == {"II"}
        few = replace(database, records=names)
        for lead, expected in ((None, ("ABP", "II")), ("II", ("II",)), (0, ("ABP",))):
            beats = beats_of_records(few, BeatSettings("annotations", lead=lead))
            assert beats.leads == expected
            assert [*dict.fromkeys(beats.record_ids.tolist())] == [*names]

    def test_notes_and_errors_have_the_joined_names(self, two: Database, tmp_path: Path) -> None:
        header = tmp_path / "two/sub/3.hea"
        header.write_text(f"{header.read_text().splitlines()[0]}\n3.dat 16\n")  # without a gain
        for read in (read_record_of, open_record_of):
            recording = read(two, "two/sub/3")
            assert recording.name == "two/sub/3"
            assert {note.record for note in recording.notes} == {"two/sub/3"}
        notes = beats_of_records(two, BeatSettings("annotations")).notes
        assert {note.record for note in notes} == {*two.records}
        (tmp_path / "two/sub/3.dat").unlink()
        tables = tables_of_records(two, BeatSettings("annotations"), skip=True)
        skipped = [note for table in tables for note in table.notes if note.topic == "skipped"]
        assert [note.record for note in skipped] == ["two/sub/3"]
        assert skipped[0].text.startswith("skipped, sub/3.dat: expected ")

    def test_the_key_of_the_cache_is_of_all_members(self, two: Database, tmp_path: Path) -> None:
        settings = BeatSettings("annotations", lead=None)
        keys = {key_of(two, settings), key_of(two, replace(settings, lead=0))}
        for folder, name in (("one", "1"), ("two", "sub/3")):
            path = tmp_path / folder / f"{name}.dat"
            path.write_bytes(path.read_bytes()[:-2] + b"\1\1")
            keys.add(key_of(two, settings))
        second = two.members["two"]
        for other in (replace(second, annotator="qrs"), replace(second, source="mitdb")):
            members = {**two.members, "two": other}
            keys.add(key_of(replace(two, members=members), settings))
        assert len(keys) == 6


ALL = "mitdb, svdb, wfdb, synthetic"


class TestRefused:
    @pytest.mark.parametrize(
        ("sources", "roots", "line"),
        [
            ([], [], f"source: expected some of {ALL}, found none; choose some of these"),
            (
                ["mitdb", "kaggle"],
                [],
                f"source: expected some of {ALL}, found kaggle among several; choose kaggle alone, "
                "or others",
            ),
            (
                ["mitdb", "edb"],
                [],
                f"source: expected one of {ALL}, found 'edb'; choose one of these",
            ),
            (
                ["svdb", "mitdb", "svdb"],
                [],
                "source: expected each source once, found svdb 2 times; name it once",
            ),
            (
                ["mitdb", "svdb"],
                ["m"],
                "root: expected a folder for each of 2 sources, or none at all, found 1 folder; "
                "name the folders in the order of the sources",
            ),
            (
                ["mitdb"],
                ["m", "s"],
                "root: expected a folder for each of 1 source, or none at all, found 2 folders; "
                "name the folders in the order of the sources",
            ),
            (
                ["mitdb", "wfdb"],
                [],
                "root: expected a folder of WFDB records for the source wfdb, found none; "
                "choose a folder",
            ),
        ],
    )
    def test_sources_and_folders_that_do_not_fit(
        self, sources: Sequence[str], roots: Sequence[str], line: str
    ) -> None:
        assert refused(sources, [*map(Path, roots)]) == line

    @pytest.mark.parametrize(
        ("roots", "refused_root", "found"),
        [
            (["a/x", "b/x"], "a/x", "x 2 times"),
            (["a/x", "a/x"], "a/x", "x 2 times"),
            (["a/mitdb", "b"], "a/mitdb", "mitdb, which means the source of this name"),
            (["b", "svdb/"], "svdb", "svdb, which means the source of this name"),
            (["b", "/"], "/", "no name"),
            (["b", os.fsdecode(b"\xff")], "\\udcff", "'\\udcff', which is not in UTF-8"),
        ],
    )
    def test_folders_whose_names_are_no_names_of_databases(
        self, roots: Sequence[str], refused_root: str, found: str
    ) -> None:
        assert refused(["wfdb", "wfdb"], [*map(Path, roots)]) == (
            f"{refused_root}: expected a folder whose name can be the first part of its records' "
            f"names (FOLDER/RECORD), found {found}; rename the folder, or link to it by another "
            "name (root)"
        )

    @pytest.mark.parametrize(
        ("sources", "found"),
        [(["mitdb", "svdb"], "0 of 2 sources"), (["wfdb", "wfdb"], "2 of 2 sources")],
    )
    def test_a_file_of_patients_of_no_single_folder(
        self, sources: Sequence[str], found: str
    ) -> None:
        assert refused(sources, [Path("a"), Path("b")], patients=Path("p.csv")) == (
            f"patients: expected one source wfdb, whose records the file names, found {found}; "
            "do not set it"
        )

    def test_nothing_is_downloaded_for_a_source_that_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "ecg_lightning.records.databases.download_files", lambda *_: pytest.fail("downloaded")
        )
        with pytest.raises(InputError):
            prepare_databases(["svdb", "kaggle"], [], tmp_path)
        assert not any(tmp_path.iterdir())
