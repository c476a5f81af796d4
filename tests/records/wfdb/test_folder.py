"""Which files of a folder are records, and what is said when none are."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import ANY_ECG
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.wfdb.folder import find_records, records_below
from ecg_lightning.records.wfdb.reader import read_record

SIGNAL = "r.dat 16 200/mV 12 0 0 0 0 MLII\n"
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "


def header(root: Path, name: str, first: str | bytes | None = None, annotated: bool = True) -> None:
    """Write a header, with an annotation file beside it."""
    path = root / f"{name}.hea"
    path.parent.mkdir(parents=True, exist_ok=True)
    first = f"{path.stem} 1 360 100\n{SIGNAL}" if first is None else first
    path.write_bytes(first if isinstance(first, bytes) else os.fsencode(first))
    if annotated:
        path.with_suffix(".atr").write_bytes(b"\0\0")


def refused(root: Path, annotator: str | None = "atr") -> str:
    with pytest.raises(InputError) as caught:
        records_below(root, annotator)
    return str(caught.value).replace(str(root), "db")


def test_natural_order_by_folder(tmp_path: Path) -> None:
    for name in ("10", "2", "sub2/1", "sub10/1", "a10", "a9"):
        header(tmp_path, name, annotated=False)
    header(tmp_path, "notes", "# annotations alone\nnotes 0 360 100\n")
    names = ("2", "10", "a9", "a10", "sub2/1", "sub10/1")
    assert find_records(tmp_path) == names
    for name in names:
        header(tmp_path, name)
    assert records_below(tmp_path, "atr") == (names, ())


@pytest.mark.parametrize(
    "add",
    [
        pytest.param(lambda root: header(root, "._r", APPLE_DOUBLE), id="AppleDouble"),
        pytest.param(
            lambda root: header(root, "raw/scan", "ENVI\ndescription = {x}\n", annotated=False),
            id="ENVI",
        ),
        pytest.param(lambda root: header(root, "x", b"", annotated=False), id="empty"),
        pytest.param(lambda root: header(root, "x", b"\xff\xfe\0", annotated=False), id="binary"),
        pytest.param(
            lambda root: header(root, "x", b"y" * (1 << 20), annotated=False), id="one long line"
        ),
        pytest.param(lambda root: header(root, "x", "x 0 360 100\n"), id="no signals"),
        pytest.param(lambda root: os.mkfifo(root / "x.hea"), id="a pipe"),
        pytest.param(lambda root: (root / "x.hea").mkdir(), id="a folder"),
    ],
)
def test_a_file_of_another_kind_is_no_record(tmp_path: Path, add: Callable[[Path], object]) -> None:
    header(tmp_path, "r")
    add(tmp_path)
    assert records_below(tmp_path, "atr") == (("r",), ())


def test_records_without_annotations_are_named_and_not_used(tmp_path: Path) -> None:
    header(tmp_path, "r")
    for name in ("bw", "sub/em"):
        header(tmp_path, name, annotated=False)
    text = "no annotations (.atr), not used"
    notes = tuple(RecordNote(name, "unused", text) for name in ("bw", "sub/em"))
    assert records_below(tmp_path, "atr") == (("r",), notes)
    assert find_records(tmp_path) == ("bw", "r", "sub/em")


@pytest.mark.parametrize(
    ("name", "first", "annotated"),
    [
        ("x", b"", True),
        ("x", b"nonsense\n", True),
        ("x", b"x two 360\n", True),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}1", None, True),
        ("=1+1", None, True),
    ],
)
def test_a_damaged_or_odd_header_with_annotations_is_a_record(
    tmp_path: Path, name: str, first: bytes | None, annotated: bool
) -> None:
    """So that reading it says what is wrong, instead of a record that is missing in silence."""
    header(tmp_path, "r")
    header(tmp_path, name, first, annotated)
    assert name in records_below(tmp_path, "atr").names


def test_a_damaged_header_without_annotations_is_named(tmp_path: Path) -> None:
    header(tmp_path, "r")
    header(tmp_path, "x", b"x two 360\n", annotated=False)
    assert [note.record for note in records_below(tmp_path, "atr").notes] == ["x"]


def test_a_header_that_is_a_broken_link_is_a_record_if_it_has_annotations(tmp_path: Path) -> None:
    header(tmp_path, "r")
    (tmp_path / "x.hea").symlink_to(tmp_path / "nowhere")
    assert records_below(tmp_path, "atr").names == ("r",)
    (tmp_path / "x.atr").symlink_to(tmp_path / "nowhere either")
    assert records_below(tmp_path, "atr").names == ("r", "x")


def test_segments_are_no_records_of_their_own(tmp_path: Path) -> None:
    header(tmp_path, "sub/whole", "# comment\nwhole/3 2 360 200\nlay 0\ns1 100\ns2 100\n")
    header(tmp_path, "s1")
    for name in ("lay", "s1", "s2"):
        header(tmp_path / "sub", name)
    assert records_below(tmp_path, "atr") == (("s1", "sub/whole"), ())


def test_records_that_name_each_other_as_segments_are_found(tmp_path: Path) -> None:
    """Reading them says that a segment has no segments of its own."""
    header(tmp_path, "a", "a/1 1 360 100\nb 100\n")
    header(tmp_path, "b", "b/1 1 360 100\na 100\n")
    assert records_below(tmp_path, "atr").names == ("a", "b")
    with pytest.raises(InputError, match=r"b\.hea: expected a segment of a\.hea, without segments"):
        read_record(tmp_path, "a", ANY_ECG)


@pytest.mark.parametrize("name", ["a.b", "a-b_c", "\N{LATIN SMALL LETTER E WITH ACUTE}1", "=1"])
def test_segments_of_a_record_with_any_name(tmp_path: Path, name: str) -> None:
    header(
        tmp_path, name, f"\ufeff{name}/2 1 360 200\n{name}.1 100\n{name}.2 100\n", annotated=False
    )
    for number in (1, 2):
        header(tmp_path, f"{name}.{number}", annotated=False)
    assert find_records(tmp_path) == (name,)


def test_linked_folders_are_entered_once_and_without_end(tmp_path: Path) -> None:
    root = tmp_path / "above" / "db"
    header(root / "sub", "a")
    header(tmp_path / "elsewhere", "b")
    header(tmp_path / "above", "outside")
    (root / "all").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    (root / "again").symlink_to(root / "sub")
    (root / "sub" / "loop").symlink_to(root / "sub")
    (root / "up").symlink_to(tmp_path / "above")
    (root / "broken").symlink_to(tmp_path / "nowhere")
    assert records_below(root, "atr") == (("all/b", "sub/a"), ())


def test_a_linked_root_is_entered(tmp_path: Path) -> None:
    header(tmp_path / "db", "a")
    (tmp_path / "link").symlink_to(tmp_path / "db")
    assert records_below(tmp_path / "link", "atr").names == ("a",)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for scandir, because root may read every folder."""
    header(tmp_path, "a")
    header(tmp_path / "closed", "b")
    scandir = os.scandir

    def closed(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    text = "a folder that cannot be read (Permission denied), not used"
    assert records_below(tmp_path, "atr") == (("a",), (RecordNote("closed", "unused", text),))
    assert refused(tmp_path / "closed") == (
        "db: expected a folder of WFDB records, found Permission denied; check the path (root)"
    )


def unannotated(root: Path, names: str) -> None:
    for name in names:
        header(root, name, annotated=False)


NONE = "db: expected WFDB records (.hea with signals) here or below, found"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda root: None,
            "db: expected a folder of WFDB records, found no such folder; check the path (root)",
        ),
        (
            lambda root: root.write_text(""),
            "db: expected a folder of WFDB records, found a file; check the path (root)",
        ),
        (lambda root: root.mkdir(), f"{NONE} none; check the path (root)"),
        (
            lambda root: header(root, "scan", "ENVI\n", annotated=False),
            f"{NONE} 1 .hea file of another kind; check the path (root)",
        ),
        (
            lambda root: unannotated(root, "fabcde"),
            "db: expected records with annotations (.atr), found 6 records without "
            "(a, b, c, d and 2 more); put annotation files next to the headers, or choose another "
            "annotator (annotator)",
        ),
    ],
)
def test_a_folder_without_records_says_what_is_there(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "db")
    assert refused(tmp_path / "db") == message


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    header(tmp_path, os.fsdecode(b"\xff"))
    assert records_below(tmp_path, "atr").names == ("\udcff",)


def test_svdb_opens_and_the_annotation_behind_its_end_is_dropped(svdb: Path) -> None:
    names, notes = records_below(svdb, "atr")
    assert (len(names), notes) == (78, ())
    record = read_record(svdb, "860", ANY_ECG)
    dropped = [note for note in record.notes if note.topic == "dropped"]
    assert dropped == [RecordNote("860", "dropped", "1 annotation outside the signal is dropped")]
    assert record.annotation_samples[-1] < len(record.signal)


def test_records_of_noise_have_no_beats(noise: Path) -> None:
    assert find_records(noise) == ("bw", "em", "ma")
    assert "found 3 records without (bw, em, ma); " in refused(noise)


def test_segments_in_records_of_other_formats(formats: Path) -> None:
    names = set(find_records(formats))
    assert names >= {"wfdb/mixedsignals", "wfdb/a103l"}
    for header in formats.glob("**/*.hea"):
        first, *others = header.read_text("latin1").splitlines()
        for line in others if "/" in first.split()[0] else ():
            segment = (header.parent / line.split()[0]).relative_to(formats).as_posix()
            assert line.startswith("#") or segment not in names
