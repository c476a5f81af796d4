"""Whose a record is: by a file of the user, by MIT-BIH's checksums, by documented comments."""

import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.errors import InputError, SettingsWarning
from ecg_lightning.records import patients, signal_files
from ecg_lightning.records.databases import Database, open_database
from ecg_lightning.records.mitdb import MITDB
from ecg_lightning.records.patients import patient_of_header
from ecg_lightning.records.published import Published
from ecg_lightning.records.synthetic import write_synthetic
from ecg_lightning.system.checksums import sha256_of

HEADER = "{name} 1 360 {samples}\n{name}.dat 16 200(0)/mV 16 0 0 0 0 MLII\n{comments}"


def write(folder: Path, name: str, seed: int, comments: str = "", samples: int = 3000) -> Path:
    """Write a header and a signal file; the same seed gives the same bytes."""
    path = folder / f"{name}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    signal = np.random.default_rng(seed).integers(-500, 500, samples, np.int16)
    path.write_bytes(signal.tobytes())
    header = HEADER.format(name=path.stem, samples=samples, comments=comments)
    path.with_suffix(".hea").write_text(header)
    path.with_suffix(".atr").touch()
    return path


def opened(folder: Path, table: str | bytes | None = None, source: str = "wfdb") -> Database:
    """The database in `folder/db`, with a table of patients beside it."""
    path = folder / "patients.csv"
    if table is not None:
        path.write_bytes(table if isinstance(table, bytes) else table.encode())
    return open_database(
        source, folder / "db", folder / "cache", patients=path if table is not None else None
    )


@pytest.fixture
def mitdb_of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for 200, 201 and 202, with checksums of their own."""
    paths = {name: write(tmp_path / "mitdb", name, int(name)) for name in ("200", "201", "202")}
    known = {sha256_of(path): name for name, path in paths.items()}
    monkeypatch.setattr(Published, "signals", lambda _: known)
    monkeypatch.setattr(patients, "MITDB", replace(MITDB, signal_bytes=6000))
    return tmp_path / "mitdb"


class TestMitdb:
    def test_its_signals_are_known_whatever_their_names(
        self, tmp_path: Path, mitdb_of_three: Path
    ) -> None:
        write(tmp_path / "db", "r1", 201)  # a copy of 201 with another name
        write(tmp_path / "db", "sub/200", 202)  # 202 with the name of 200
        write(tmp_path / "db", "201", 5)  # a foreign record with the name of 201
        assert opened(tmp_path).patients == {"201": "", "r1": "201", "sub/200": "201"}

    def test_a_record_with_segments_has_their_signal_files(
        self, tmp_path: Path, mitdb_of_three: Path
    ) -> None:
        """Records 201 and 202 are of one patient, 200 is of another."""
        for number in (200, 201, 202):
            write(tmp_path / "db", f"s{number}", number)
        for name, segments in (("a", "201 202"), ("b", "200 201"), ("c", "202 201"), ("d", "200")):
            lines = [f"s{segment} 3000" for segment in segments.split()]
            header = "\n".join([f"{name}/{len(lines)} 1 360", *lines])
            (tmp_path / "db" / f"{name}.hea").write_text(header)
            (tmp_path / "db" / f"{name}.atr").touch()
        database = opened(tmp_path)
        assert database.patients == {"a": "201", "b": "", "c": "201", "d": "200"}
        assert database.copies == {"c": "a"}

    def test_a_record_with_a_damaged_signal_is_unknown(
        self, tmp_path: Path, mitdb_of_three: Path
    ) -> None:
        content = bytearray(write(tmp_path / "db", "200", 200).read_bytes())
        content[3000] ^= 1
        (tmp_path / "db/200.dat").write_bytes(content)
        assert opened(tmp_path).patients == {"200": ""}

    def test_the_files_of_a_folder_that_cannot_be_records_of_it_are_not_read_through(
        self, tmp_path: Path, mitdb_of_three: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            write(tmp_path / "db", f"r{number}", number, samples=5000)
        monkeypatch.setattr(signal_files, "sha256_of", pytest.fail)
        assert set(opened(tmp_path).patients.values()) == {""}

    def test_the_real_records_opened_as_wfdb(self, mitdb: Path, tmp_path: Path) -> None:
        database = open_database("wfdb", mitdb, tmp_path)
        assert database.patients == open_database("mitdb", mitdb, tmp_path).patients
        assert database.copies == {}


class TestComments:
    @pytest.mark.parametrize(
        ("comments", "patient"),
        [
            ("#<age>: 65 <sex>: F <diagnoses> -\n# patient 1\n# PVCs, noise\n", "1"),
            ("#patient 17", "17"),
            ("# patient 1 and his brother", ""),
            ("# Patient 1", ""),
            ("# patient: 1", ""),
            ("# patient", ""),
            ("# patient 1\n# patient 2", ""),
            ("# patient 12345678", ""),
            ("# 60 M the patient 3", ""),
            ("patient 1", ""),
            ("", ""),
        ],
    )
    def test_only_the_documented_form_names_a_patient(
        self, tmp_path: Path, comments: str, patient: str
    ) -> None:
        write(tmp_path / "db", "r", 0, comments)
        assert opened(tmp_path).patients == {"r": patient}
        assert patient_of_header(["r 1 360", *comments.splitlines()]) == patient

    def test_records_of_the_synthetic_database_are_of_one_patient_each(
        self, tmp_path: Path
    ) -> None:
        names = write_synthetic(tmp_path / "db", patients=3, minutes=0.2)
        shutil.copy(tmp_path / "db/s01.hea", tmp_path / "db/copy.hea")
        write(tmp_path / "db", "foreign", 0)
        expected = {name: name for name in names} | {"copy": "s01", "foreign": ""}
        database = opened(tmp_path, source="synthetic")
        # Which of two equal records is the copy, follows from the order of their names.
        assert len({database.patients["copy"], database.patients["s01"]}) == 1
        del expected["copy"], expected["s01"]
        assert expected.items() <= database.patients.items()
        assert set(opened(tmp_path).patients.values()) == {""}  # the comment says that to nobody


class TestCopies:
    def test_equal_signals_are_one_recording(self, tmp_path: Path) -> None:
        for name, seed in {"a": 1, "b": 2, "c": 1, "sub/a": 1}.items():
            write(tmp_path / "db", name, seed)
        database = opened(tmp_path)
        assert database.copies == {"c": "a", "sub/a": "a"}
        assert set(database.patients.values()) == {""}

    def test_files_that_differ_in_the_middle_are_no_copies(self, tmp_path: Path) -> None:
        signal = bytearray(write(tmp_path / "db", "a", 1, samples=20_000).read_bytes())
        write(tmp_path / "db", "b", 1, samples=20_000)
        signal[20_000] ^= 1
        (tmp_path / "db/a.dat").write_bytes(signal)
        assert opened(tmp_path).copies == {}

    def test_two_headers_of_one_file_are_copies(self, tmp_path: Path) -> None:
        write(tmp_path / "db", "a", 1)
        header = (tmp_path / "db/a.hea").read_text()
        (tmp_path / "db/b.hea").write_text(header.replace("a 1", "b 1", 1))
        (tmp_path / "db/b.atr").touch()
        assert opened(tmp_path).copies == {"b": "a"}

    def test_records_of_the_same_segments_are_copies(self, tmp_path: Path) -> None:
        for number, name in enumerate(("s1", "s2", "t1", "t2")):
            write(tmp_path / "db", name, number % 2)
            (tmp_path / f"db/{name}.atr").unlink()
        for name, segments in {"a": "s1 s2", "b": "t1 t2", "c": "s2 t1", "self": "self s1"}.items():
            lines = [f"{segment} 3000" for segment in segments.split()]
            (tmp_path / f"db/{name}.hea").write_text("\n".join([f"{name}/2 1 360 6000", *lines]))
            (tmp_path / f"db/{name}.atr").touch()
        database = opened(tmp_path)
        assert {"a", "b", "c"} <= {*database.records}
        assert database.copies == {"b": "a"}

    def test_what_is_known_of_one_is_known_of_its_copies(self, tmp_path: Path) -> None:
        write(tmp_path / "db", "a", 1)
        write(tmp_path / "db", "b", 1, "# patient 7")
        write(tmp_path / "db", "c", 2)
        assert opened(tmp_path).patients == {"a": "7", "b": "7", "c": ""}

    def test_a_contradiction_of_headers_leaves_the_patient_unknown(self, tmp_path: Path) -> None:
        write(tmp_path / "db", "a", 1, "# patient 6")
        write(tmp_path / "db", "b", 1, "# patient 7")
        assert opened(tmp_path).patients == {"a": "", "b": ""}

    @pytest.mark.parametrize("kind", ["pipe", "link to a device", "missing", "empty", "elsewhere"])
    def test_only_files_next_to_their_header_are_opened(self, tmp_path: Path, kind: str) -> None:
        """The reader of the record says what is wrong with such a file."""
        for name in "ab":
            path = write(tmp_path / "db", name, 1)
            path.unlink()
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "link to a device":
                path.symlink_to("/dev/zero")
            elif kind == "empty":
                path.touch()
            elif kind == "elsewhere":
                header = path.with_suffix(".hea")
                header.write_text(header.read_text().replace(path.name, "../outside.dat"))
                (tmp_path / "outside.dat").write_bytes(b"12345678")
        database = opened(tmp_path)
        assert (database.copies, set(database.patients.values())) == ({}, {""})


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """The records a, b and sub/c, of which b has a comment."""
    for number, name in enumerate(("a", "b", "sub/c")):
        write(tmp_path / "db", name, number, "# patient 1" * (name == "b"))
    return tmp_path


class TestTable:
    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            ("record,patient\na,P\nb,Q\nsub/c,P\n", {"a": "P", "b": "Q", "sub/c": "P"}),
            ("record,patient\na,P\n", {"a": "P", "b": "1", "sub/c": ""}),
            ("\ufeffrecord,patient\r\n a , P \r\n\r\n", {"a": "P", "b": "1", "sub/c": ""}),
            ('record,patient\na,"Müller, H."\n', {"a": "Müller, H.", "b": "1", "sub/c": ""}),
            ("record,patient", {"a": "", "b": "1", "sub/c": ""}),
        ],
    )
    def test_it_comes_first_and_what_it_lacks_is_looked_up(
        self, three: Path, table: str, expected: Mapping[str, str]
    ) -> None:
        assert opened(three, table).patients == expected

    @pytest.mark.parametrize(
        ("names", "text"),
        [
            (("P01", "p1", "P2"), "P01, p1 are taken for different patients"),
            (("Müller ", "MÜLLER", "mül ler"), "MÜLLER, Müller, mül ler are taken for different"),
            (("P1", "P10", "P100"), ""),
            (("P1", "P1", "1P"), ""),
        ],
    )
    def test_names_that_may_be_one_are_noted_and_stay_apart(
        self, three: Path, names: tuple[str, str, str], text: str
    ) -> None:
        pairs = dict(zip(("a", "b", "sub/c"), names, strict=True))
        table = "record,patient\n" + "".join(f"{key},{name}\n" for key, name in pairs.items())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            patients = opened(three, table).patients
        assert patients == {key: name.strip() for key, name in pairs.items()}
        messages = [str(one.message) for one in caught if one.category is SettingsWarning]
        assert len(messages) == bool(text)
        assert all(text in message for message in messages)

    def test_a_name_that_is_no_unicode(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"\xff")
        path = write(tmp_path / "db", "a", 1)
        for ending in (".hea", ".atr"):
            path.with_suffix(ending).rename(tmp_path / "db" / f"{name}{ending}")
        table = b"record,patient\n\xff,P\n"
        assert opened(tmp_path, table).patients == {name: "P"}

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("", "line 1: expected the header record,patient, found ''"),
            ("a,P\nb,Q\n", "line 1: expected the header record,patient, found 'a,P'"),
            ("record;patient\n", "line 1: expected the header record,patient, found 'record;pat"),
            ("record,patient\na\n", "line 2: expected a record and its patient, found 'a'"),
            ("record,patient\n\na,P,1\n", "line 3: expected a record and its patient, found 'a,P,"),
            ("record,patient\na, \n", "line 2: expected a record and its patient, found 'a,'"),
            ("record,patient\n,P\n", "line 2: expected a record and its patient, found ',P'"),
            (
                "record,patient\na,P\nb,P\na,P\n",
                "line 4: expected each record once, found a again, which is in line 2",
            ),
            ("record,patient\n../a,P\n", "line 2: expected a record of "),
            ("record,patient\nd\x1b[31m\0,P\n", "line 2: expected a record of "),
            (
                f"record,patient\na,{'x' * 65}\n",
                "line 2: expected a patient's name of at most 64 printable letters, found 'xxx",
            ),
            (
                "record,patient\na,P\x1b[2J\n",
                "line 2: expected a patient's name of at most 64 printable letters, found 'P",
            ),
            ('record,patient\na,"P\n', "line 2: expected a line of CSV, found unexpected end"),
            (
                f"record,patient\na,{'x' * 200_000}\n",
                "line 2: expected a line of CSV, found field larger than field limit",
            ),
        ],
    )
    def test_a_wrong_line_is_named(self, three: Path, table: str, message: str) -> None:
        with pytest.raises(InputError) as caught:
            opened(three, table)
        line = str(caught.value)
        assert line.startswith(f"{three / 'patients.csv'}, {message}")
        assert line.endswith("; correct this line (patients)")
        assert line.isprintable()
        assert len(line) < 600

    def test_copies_of_one_record_are_of_one_patient(self, tmp_path: Path) -> None:
        for name in "ab":
            write(tmp_path / "db", name, 1)
        with pytest.raises(InputError) as caught:
            opened(tmp_path, "record,patient\na,P\nb,Q\n")
        assert str(caught.value) == (
            f"{tmp_path / 'patients.csv'}: expected one patient for records with the same signal, "
            "found P for a and Q for b; correct the file (patients)"
        )
        assert opened(tmp_path, "record,patient\nb,Q\n").patients == {"a": "Q", "b": "Q"}

    def test_a_header_without_signals_may_be_named(self, three: Path) -> None:
        (three / "db/list.hea").write_text("list 0 360\n")
        assert opened(three, "record,patient\nlist,P\na,Q\n").patients["a"] == "Q"

    @pytest.mark.parametrize("kind", ["missing", "pipe", "folder"])
    def test_it_has_to_be_a_file(self, three: Path, kind: str) -> None:
        path = three / "table"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        with pytest.raises(InputError, match=r"table: expected a CSV file `record,patient`, found"):
            open_database("wfdb", three / "db", three, patients=path)
