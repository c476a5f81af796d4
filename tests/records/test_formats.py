"""Opening: which format a path is of, options that do nothing, and files that are none."""

import os
import re
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.errors import InputError
from ecg_lightning.records import formats as module
from ecg_lightning.records.file_heads import head_of
from ecg_lightning.records.format_table import ARRAY, FORMATS, WFDB, Format, format_of
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.other_formats import LARGEST, MOST_BYTES
from ecg_lightning.records.recording import Lead, ReadOptions, Recording
from tests.helpers.other_formats import STEPS, aecg, kardia, mfer, mortara, muse, philips, scp
from tests.helpers.paths import ROOT
from tests.helpers.records import ecg_like, write_record

EDF = b"0       " + b" " * 248
MATLAB_5 = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128)


def told(path: Path) -> str | None:
    form = format_of(head_of(path))
    return form.name if form else None


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (EDF, "EDF"),
        (b"\xffBIOSEMI" + b" " * 248, "BDF"),
        (b"ISHNE1.0" + b"\0" * 600, "ISHNE"),
        (b"\0" * 128 + b"DICM" + b"\0" * 100, "DICOM"),
        (aecg(STEPS), "HL7 aECG"),
        (aecg(STEPS).replace(b"<Annotated", b"<hl7:Annotated"), "HL7 aECG"),
        (aecg(STEPS).decode().encode("utf-16"), "HL7 aECG"),
        (b"\xef\xbb\xbf" + aecg(STEPS), "HL7 aECG"),
        (muse(STEPS), "MUSE XML"),
        (philips(STEPS), "Philips XML"),
        (mortara(STEPS), "Mortara XML"),
        (kardia(STEPS), "Kardia"),
        (mfer(STEPS["I"]), "MFER"),
        (scp(STEPS), "SCP-ECG"),
        (b"0.1,0.2\n0.3,0.4\n", "table"),
        (b"0       SECRET\nNAME" + b" " * 228 + b"\1\2", "EDF"),  # its reader says what is wrong
        (b"\x08\0\0\0" + b"\0" * 400, None),  # a signal that begins as DICOM does
        (b"0       1\n0       2\n" * 20, "table"),  # begins as an EDF header
        ("µV;Zeit\n0,1;0\n".encode("latin-1"), "table"),
        ("0.1\t0.2\n".encode("utf-16"), "table"),
        (b"", None),
        (b"\x01\x02\x03\x04" * 100, None),
        (b"<html></html>", None),
        (b'{"a": 1}', None),
    ],
)
@pytest.mark.parametrize("ending", ["", ".dat", ".csv"])
def test_the_content_tells_the_format_and_not_the_ending(
    tmp_path: Path, content: bytes, name: str | None, ending: str
) -> None:
    path = tmp_path / f"r{ending}"
    path.write_bytes(content)
    assert told(path) == name


def test_every_reader_is_there() -> None:
    for form in (*FORMATS, WFDB, ARRAY):
        assert callable(module.reader_of(form))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A WFDB record; its path without an ending."""
    write_record(tmp_path, ecg_like())
    return tmp_path / "r"


@pytest.mark.parametrize("ending", ["", ".hea", ".dat", ".atr"])
def test_a_record_is_named_by_any_of_its_files(record: Path, ending: str) -> None:
    recording = read_recording(f"{record}{ending}")
    assert (recording.format, recording.name) == ("WFDB", "r")
    expected = wfdb.rdrecord(str(record)).p_signal.T
    np.testing.assert_allclose(recording.read_exactly(), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["a.b", "a.b.c-d", "a b", "é1", "100.csv"])
def test_names_with_dots_blanks_and_letters(tmp_path: Path, name: str) -> None:
    write_record(tmp_path, ecg_like())
    for ending in ("hea", "dat", "atr"):
        (tmp_path / f"r.{ending}").rename(tmp_path / f"{name}.{ending}")
    header = tmp_path / f"{name}.hea"
    header.write_text(f"r{header.read_text().partition('r')[2]}".replace("r.dat", "x.dat"))
    (tmp_path / f"{name}.dat").rename(tmp_path / "x.dat")
    for path in (tmp_path / name, header, tmp_path / f"{name}.atr"):
        recording = read_recording(path)
        assert (recording.format, recording.path) == ("WFDB", header)


def test_a_name_with_a_dot_is_not_that_of_another_record(record: Path) -> None:
    with pytest.raises(InputError, match=r"neither this file nor a header r\.b\.hea"):
        read_recording(f"{record}.b")


def test_a_file_next_to_a_header_may_be_a_recording_of_its_own(record: Path) -> None:
    record.with_suffix(".csv").write_text("0.1\n0.2\n0.3\n")
    assert read_recording(record.with_suffix(".csv"), fs_hz=100).samples == 3
    record.with_suffix(".xml").write_bytes(aecg(STEPS))
    assert read_recording(record.with_suffix(".xml")).format == "HL7 aECG"
    record.with_suffix(".mat").write_bytes(MATLAB_5)  # as in PhysioNet's challenges
    assert read_recording(record.with_suffix(".mat")).format == "WFDB"


def test_a_home_folder_and_a_path_object(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(record.parent))
    assert read_recording("~/r").name == read_recording(Path("~/r.hea")).name == "r"


def _zip(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "content")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r", b"", "found an empty file; copy or download it again"),
        ("r.edf", b"", "found an empty file"),
        ("r.hea", b"", "found an empty file"),
        ("r.hea", b"\x01\x02\x03", "found a .hea file that is no WFDB header"),
        ("r.dat", b"\x01\x02\x03", "a signal file without its header r.hea; put the header next"),
        ("r.d0", b"\x01\x02\x03", "a signal file without its header r.hea"),
        ("a.b.dat", b"\x01\x02\x03", "a signal file without its header a.b.hea"),
        ("r.atr", b"\x01\x02\x03", "a file without the header r.hea"),
        ("r.mat", MATLAB_5, "a MATLAB file (5.0); load it in Python"),
        ("r.mat", b"MATLAB 7.3 MAT-file" + b"\0" * 600, "a MATLAB file (7.3)"),
        ("r.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file; load it in Python"),
        ("r.npy", b"\x93NUMPY\1\0", "a NumPy array; load it in Python"),
        ("r.pdf", b"%PDF-1.7\n\x01", "a PDF document; export the recording itself"),
        ("r.pdf", b"%PDF-1.7\nall of it is text", "a PDF document"),
        ("r.png", b"\x89PNG\r\n\x1a\n\0", "a picture (PNG)"),
        ("r.jpg", b"\xff\xd8\xff\xe0\0", "a picture (JPEG)"),
        ("r.edf.gz", b"\x1f\x8b\x08\0", "a gzip archive; unpack it first"),
        ("r.ann", b"ANN  1.0\0\0", "ISHNE annotations; open the ISHNE recording"),
        ("r.xyz", b"\x01\x02\x03", "an unknown format; convert it to EDF or CSV"),
        ("r.xle", b"\x01\x02\x03", "an XLE file, whose rate and scale no document states"),
        ("r.xml", b"<html>\n</html>", "an XML file of an unknown kind"),
        ("r.json", b'{"a": [1, 2]}', "a JSON file of an unknown kind"),
    ],
)
def test_a_file_that_is_no_recording_is_named_as_what_it_is(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_recording(path)
    assert str(caught.value).startswith(f"{path}: expected a recording, found ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("a.txt", "a ZIP archive; unpack it first"),
        ("xl/workbook.xml", "a spreadsheet or document of Office (ZIP); save it as CSV"),
        ("arr_0.npy", "NumPy arrays (.npz); load it in Python"),
    ],
)
def test_archives(tmp_path: Path, entry: str, message: str) -> None:
    _zip(tmp_path / "r", entry)
    with pytest.raises(InputError) as caught:
        read_recording(tmp_path / "r")
    assert message in str(caught.value)


def test_a_header_in_text_that_is_no_wfdb_header(tmp_path: Path) -> None:
    path = tmp_path / "r.hea"
    path.write_text("this is a text\n")
    with pytest.raises(InputError, match=r"r\.hea: expected a WFDB header .*, found 'this is a"):
        read_recording(path)


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("nihgt.edf", "night.edf"), ("Night.EDF", "night.edf"), ("recrod", "record"), ("x.edf", "")],
)
def test_a_misspelt_name_gets_the_one_that_is_there(
    tmp_path: Path, misspelt: str, meant: str
) -> None:
    for name in ("night.edf", "record.hea", "other.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError) as caught:
        read_recording(tmp_path / misspelt)
    assert caught.value.hint == ("check the path" + (f"; the folder has {meant}" if meant else ""))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "found a folder; open one of its recordings; `find_recordings` and"),
        (tmp_path / "none", "found neither this file nor a header none.hea; check the path"),
        (tmp_path / "none*/s10", "a header s10.hea; no file has such a name: give one name"),
        (tmp_path / "pipe", "found a pipe; put a regular file in its place"),
        (tmp_path / "a\0b", "\\x00"),
        (tmp_path / ("a" * 300), "File name too long"),
        ("", "found a folder"),
    ):
        with pytest.raises(InputError) as caught:
            read_recording(path)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_options_that_do_nothing_are_refused(record: Path, tmp_path: Path) -> None:
    xml = tmp_path / "x.xml"
    xml.write_bytes(aecg(STEPS))
    table = tmp_path / "t.csv"
    table.write_text("1\n2\n3\n")
    for path, option, value, message in (
        (record, "column", "2", "no column for a recording of the format WFDB, found 2; choose"),
        (xml, "column", 1, "no column for a recording of the format HL7 aECG, found 1"),
        (xml, "annotator", "qrs", "no annotator for a recording of the format HL7 aECG, found qrs"),
        (table, "annotator", "qrs", "no annotator for a recording of the format table"),
        (xml, "unit", "mV", "no unit for a recording of the format HL7 aECG, found mV"),
    ):
        with pytest.raises(InputError) as caught:
            read_recording(path, **{option: value})  # type: ignore[arg-type]
        assert message in str(caught.value)
        assert caught.value.setting == option
    with pytest.raises(InputError, match="no column for a recording of the format array"):
        read_recording(np.zeros(9), fs_hz=1, column=1)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("fs_hz", float("nan"), "a number from 0.001 to 1,000,000 Hz, found nan"),
        ("fs_hz", float("inf"), "found inf"),
        ("fs_hz", 0.0, "found 0"),
        ("fs_hz", -360, "found -360"),
        ("fs_hz", "360", "a number from 0.001 to 1,000,000 Hz, found '360'"),
        ("unit", 5, "a text, found 5"),
        ("annotator", 5, "a text, found 5"),
        ("lead", [], "a name or a number, found []"),
        ("lead", ", ", "a name or a number, found ', '"),
        ("lead", ["X", "Y"], "found ['X', 'Y']"),
        ("unit", " ", "a unit such as mV, found an empty text"),
        ("unit", "uVs", "V, mV, uV or nV, or a unit without a V, found uVs"),
        ("annotator", "", "the ending of a file such as atr, found ''"),
        ("annotator", "../atr", "the ending of a file such as atr"),
    ],
)
def test_options_that_no_recording_has_are_refused(
    record: Path, option: str, value: object, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_recording(record, **{option: value})  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert caught.value.setting == option


@pytest.mark.parametrize(
    ("lead", "name"), [(["V5", "MLII"], "V5"), (("X", 0), "MLII"), (["X", "Y,v5"], "V5")]
)
def test_a_lead_may_be_a_list_of_python(tmp_path: Path, lead: list[str], name: str) -> None:
    signals = np.zeros((20, 2))
    wfdb.wrsamp(
        "r", 360, ["mV", "mV"], ["MLII", "V5"], signals, fmt=["16"] * 2, write_dir=str(tmp_path)
    )
    assert read_recording(tmp_path / "r", lead=lead).lead.name == name


def _read_nothing(path: Path, options: ReadOptions) -> Recording:
    """A reader of a format of this test's own: four leads and no samples."""
    names = {"ABP": "mmHg", "2": "", "ECG": "mV", "EEG": "mV"}
    leads = tuple(Lead(name, unit, 100, 5) for name, unit in names.items())
    used = {None: 2, "ABP": 0, "2": 1, 2: 2, "EEG": 3}[options.lead]  # type: ignore[index]
    return Recording(path.name, "own", leads, used, None, path, datetime(2020, 1, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lead", "texts"),
    [
        (None, []),
        ("ABP", ["the lead ABP is in mmHg, no voltage"]),
        ("EEG", ["the lead EEG has the name of another signal than an ECG"]),
        ("2", ["the lead 2 has no unit, so it may be no voltage"]),
        (2, ["lead 2 is taken for an index, so the lead named ECG is read"]),
    ],
)
def test_a_format_is_one_line_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lead: int | str | None, texts: list[str]
) -> None:
    """Notes about the lead are added, whatever the format."""
    own = Format("own", lambda head: head.start.startswith(b"OWN"), "own:read_own")
    monkeypatch.setattr("ecg_lightning.records.format_table.FORMATS", (own, *FORMATS))
    monkeypatch.setattr(module, "reader_of", lambda form: _read_nothing)
    (tmp_path / "r.own").write_bytes(b"OWN")
    recording = read_recording(tmp_path / "r.own", lead)
    assert [note.text for note in recording.notes] == texts
    assert all(note.record == "r.own" and note.topic == "signal" for note in recording.notes)


def test_the_real_files(formats: Path) -> None:
    for path, name, lead, fs_hz in (
        ("dicom/sample.dcm", "DICOM", "II", 500),
        ("edf/sample.edf", "EDF", "ECG", 300),
        ("ishne/ECG_P28.01.ecg", "ISHNE", "II", 1000),
        ("wfdb/a103l.mat", "WFDB", "II", 250),
        ("wfdb/mixedsignals", "WFDB", "II", 249.89),
    ):
        recording = read_recording(formats / path)
        assert (recording.format, recording.lead.name) == (name, lead)
        assert recording.fs_hz == pytest.approx(fs_hz, rel=1e-4)


def test_the_page_lists_every_format_with_its_limit() -> None:
    page = (ROOT / "docs" / "recordings.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 6]
    for form in (*FORMATS, WFDB):
        name = {"table": "CSV"}.get(form.name, form.name)
        (row,) = [row for row in rows if re.search(rf"\b{re.escape(name)}\b", row.split("|")[1])]
        assert ("not tried" in row) is not form.is_tried
        assert (f"(extra `{form.extra}`)" in row) is bool(form.extra)
        if form.reader.startswith("other_formats"):
            most = LARGEST.get(form.name, MOST_BYTES)
            assert f"whole, at most {most >> 20} MiB" in row


def test_reading_imports_no_library_for_training_or_drawing(record: Path) -> None:
    """Nor wfdb, nor a library of another format than that of the file."""
    libraries = ("torch", "lightning", "matplotlib", "scipy", "wfdb", "pydicom", "ecgdatakit")
    code = (
        "import sys, ecg_lightning as el\n"
        f"el.find_recordings({str(record.parent)!r})\n"
        f"recording = el.read_recording({str(record)!r})\n"
        "recording.read(), recording.annotations\n"
        f"print([name for name in {libraries} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
