"""The recordings of a folder: all formats, natural order, and what is skipped."""

import os
import warnings
from pathlib import Path

import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records import recordings_folder as module
from ecg_lightning.records.file_heads import head_of as read_head
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.notes import RecordWarning
from ecg_lightning.records.recordings_folder import find_recordings
from tests.helpers.other_formats import STEPS, aecg, kardia
from tests.helpers.records import ecg_like, write_record
from tests.records.test_formats import EDF

TABLE = "0.1,0.2\n0.3,0.4\n0.5,0.6\n"


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_recordings(root)]


def test_all_formats_in_natural_order_as_they_are_opened(tmp_path: Path) -> None:
    for name in ("10", "2", "1"):
        write_record(tmp_path / "sub", ecg_like(name))
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.xml").write_bytes(aecg(STEPS))
    (tmp_path / "c.json").write_bytes(kardia(STEPS))
    (tmp_path / "e10.edf").write_bytes(EDF)
    (tmp_path / "e2").write_bytes(EDF)
    (tmp_path / "f.ecg").write_bytes(b"ISHNE1.0" + b"\0" * 600)
    expected = ["a.csv", "b.xml", "c.json", "e2", "e10.edf", "f.ecg", "sub/1", "sub/2", "sub/10"]
    assert names(tmp_path) == expected
    for path in find_recordings(tmp_path / "sub"):
        assert read_recording(path).name == path.name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("100.csv", TABLE),  # next to the header 100.hea
        ("100.edf", EDF.decode()),
        ("._a.csv", TABLE),
        ("notes.md", TABLE),
        ("table.dat", TABLE),
        ("patients.csv", "record,patient\n100,1\n101,2\n"),
        ("predictions.csv", "1,2\n3,4\n5,6\n"),
        ("metrics.csv", "epoch,step,loss\n0,10,0.5\n1,20,0.4\n"),
        ("RECORDS", "100\n101\n"),
        ("RECORDS.txt", "100\n101\n"),
        ("SHA256SUMS.txt", "0a1b 100.dat\n0c1d 100.hea\n"),
        ("README.txt", "This is a folder of 2 recordings.\n1 is long.\n"),
        ("words.csv", "a,b\nc,d\n"),
        ("names.csv", "100,N\n200,V\n"),
        ("one.csv", "time,ECG\n0,1\n"),  # too few numbers to be sure
        ("beats.csv", ",".join(["0.5"] * 188) + "\n" + ",".join(["0.5"] * 188) + "\n"),
        ("image.dcm", "\0" * 128 + "DICM" + "1.2.840.10008.5.1.4.1.1.2"),
        ("a.ann", "ANN  1.0"),
        ("a.pdf", "%PDF-1.7"),
        ("a.hea", "some text"),
        ("empty.csv", ""),
        ("page.xml", "<html></html>"),
    ],
)
def test_what_is_no_recording_of_its_own_is_skipped(
    tmp_path: Path, name: str, content: str
) -> None:
    write_record(tmp_path, ecg_like("100"))
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    assert names(tmp_path) == ["100"]


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        "# a comment\ntime;ECG\n0,004;1,5\n0,008;1,6\n",
        "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
        "'0:00.000',-0.145,-0.065\n'0:00.003',-0.145,-0.065\n",
        "2020-01-01T10:00:00.000,1\n2020-01-01T10:00:00.004,2\n",
        "1 2 3\n4 5 6\n",
        "a\tb\n1e-3\t\n2E+3\tnan\n",
        "1\n2\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_numbers(tmp_path: Path, content: str, encoding: str) -> None:
    for name in ("a.csv", "b.TXT", "c.tsv"):
        (tmp_path / name).write_bytes(content.encode(encoding))
    assert names(tmp_path) == ["a.csv", "b.TXT", "c.tsv"]


def test_a_recording_with_the_name_of_a_record_has_a_warning(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like("100"))
    (tmp_path / "100.edf").write_bytes(EDF)
    (tmp_path / "100.csv").write_text(TABLE)
    (tmp_path / "100.txt").write_text("words")
    text = "records 100.csv, 100.edf: a recording with the name of a WFDB record next to it"
    with pytest.warns(RecordWarning, match=rf"{text}, not listed$") as caught:
        assert names(tmp_path) == ["100"]
    assert len(caught) == 1


def test_a_dicom_file_with_a_waveform(tmp_path: Path) -> None:
    head = b"\0" * 128 + b"DICM" + b"\2\0\2\0UI\x1e\0" + b"1.2.840.10008.5.1.4.1.1.9.1.1\0"
    (tmp_path / "a").write_bytes(head)
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("content", [b"", bytes(300), b"\x93broken\xff"])
def test_a_damaged_file_with_the_ending_of_a_recording_is_listed(
    tmp_path: Path, content: bytes
) -> None:
    for name in ("a.edf", "b.BDF", "c.dcm", "d.pdf"):
        (tmp_path / name).write_bytes(content)
    assert names(tmp_path) == ["a.edf", "b.BDF", "c.dcm"]
    for name in names(tmp_path):
        with pytest.raises(InputError, match=name):
            read_recording(tmp_path / name)


def test_of_each_file_only_the_first_bytes_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(tmp_path / "a.csv", "w") as file:
        file.write(TABLE)
        file.truncate(1 << 40)  # a sparse file
    opened = []

    def counted(path: Path) -> object:
        opened.append(path.name)
        head = read_head(path)
        assert len(head.start) <= 4096
        return head

    monkeypatch.setattr(module, "head_of", counted)
    (tmp_path / "b.edf").write_bytes(EDF)
    assert names(tmp_path) == ["b.edf"]  # after them the table has zeros
    assert sorted(opened) == ["a.csv", "b.edf"]


def test_linked_folders_and_broken_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text(TABLE)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "root" / "broken.csv").symlink_to(tmp_path / "none")
    (tmp_path / "root" / "loop").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "itself").symlink_to("itself")
    os.mkfifo(tmp_path / "root" / "pipe.csv")
    assert names(tmp_path / "root") == ["linked/a.csv"]


def test_a_folder_without_recordings_says_what_is_there(tmp_path: Path) -> None:
    for name in ("b.pdf", "a10.txt", "a2.txt", "c", "d"):
        (tmp_path / name).write_text("words")
    with pytest.raises(InputError) as caught:
        find_recordings(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: expected recordings here or below, found 5 files of another kind "
        "(a2.txt, a10.txt, b.pdf, c and 1 more); check the path"
    )


def test_an_empty_folder_a_file_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(TABLE)
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("empty", "expected recordings here or below, found no files; check the path"),
        ("file", "expected a folder of recordings, found a file; open it as one recording"),
        ("none", "expected a folder of recordings, found no such folder; check the path"),
    ):
        with pytest.raises(InputError) as caught:
            find_recordings(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_what_cannot_be_read_has_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the errors are made here."""
    for name in ("a.csv", "b.csv", "sub/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(TABLE)
    scandir = os.scandir

    def no_folder(path: Path) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def no_file(path: Path) -> object:
        if path.name == "b.csv":
            raise InputError(str(path), found="Permission denied")
        return read_head(path)

    monkeypatch.setattr(os, "scandir", no_folder)
    monkeypatch.setattr(module, "head_of", no_file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert names(tmp_path) == ["a.csv"]
    assert {warning.category for warning in caught} == {RecordWarning}
    assert [str(warning.message) for warning in caught] == [
        "record sub: a folder that cannot be read (Permission denied), not searched",
        "record b.csv: a file that cannot be read (Permission denied), skipped",
    ]


def test_segments_are_not_recordings(formats: Path) -> None:
    assert names(formats / "multi-segment") == [
        "041s/041s",
        "fixed1/v102s",
        "s25047/s25047-2704-05-04-10-44",
        "s25047/s25047-2704-05-04-10-44n",
    ]
    assert names(formats / "edf") == ["sample.edf"]
    assert names(formats / "dicom") == ["sample.dcm"]
