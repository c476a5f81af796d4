"""The files of a recording: which are written, which are replaced, and which are refused."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.output.files import check_annotator, write_files
from ecg_lightning.annotation.output.own_files import Kind, check_output, input_files
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from tests.helpers.annotated import annotations_of, beats_of
from tests.helpers.records import ecg_like, write_record

ALL: tuple[Kind, ...] = ("wfdb", "csv", "html", "parquet")
ENDINGS = ("ecl", "csv", "html", "parquet")


def of_record(folder: Path) -> Annotations:
    write_record(folder, ecg_like())
    return annotations_of(beats_of([100, 300], "NV"), read_recording(folder / "r"))


def test_files_have_the_name_of_the_recording(tmp_path: Path) -> None:
    annotations = of_record(tmp_path / "in")
    paths = write_files(annotations, tmp_path / "out", ALL, "ecl")
    assert paths == [tmp_path / f"out/r.{ending}" for ending in ENDINGS]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in paths
    )
    assert wfdb.rdann(str(tmp_path / "out/r"), "ecl").symbol == ["N", "V"]  # without a header


def test_a_repeated_command_replaces_its_own_files(tmp_path: Path) -> None:
    annotations = of_record(tmp_path / "in")
    write_files(annotations, tmp_path / "out", ALL)
    other = replace(annotations, beats=beats_of([50], "S", [[200, 300]]))
    first = [path.read_bytes() for path in write_files(other, tmp_path / "out", ALL)]
    again = [path.read_bytes() for path in write_files(other, tmp_path / "out", ALL)]
    assert first == again
    assert wfdb.rdann(str(tmp_path / "out/r"), "ecl").symbol == ["S", "~", "~"]


@pytest.mark.parametrize("unsure", ["", ",unsure"])
def test_a_table_of_an_earlier_version_is_replaced(tmp_path: Path, unsure: str) -> None:
    annotations = of_record(tmp_path / "in")
    head = "record,sample,symbol,predicted,p_N,p_S,p_V,p_F,p_Q,quality,p_beat" + unsure
    (tmp_path / "r.csv").write_text(head + "\n")
    annotations.to_csv(tmp_path / "r.csv")
    assert "sample,seconds," in (tmp_path / "r.csv").read_text()


def test_files_without_beats_are_replaced(tmp_path: Path) -> None:
    annotations = replace(of_record(tmp_path / "in"), beats=beats_of([], ""))
    write_files(annotations, tmp_path / "out", ALL)
    write_files(annotations, tmp_path / "out", ALL)


def test_our_files_may_lie_next_to_the_record(tmp_path: Path) -> None:
    annotations = of_record(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_files(annotations, tmp_path, ALL)
    write_files(annotations, tmp_path, ALL)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.items() < after.items()


def test_the_reference_of_the_record_is_not_replaced(tmp_path: Path) -> None:
    annotations = of_record(tmp_path)
    reference = (tmp_path / "r.atr").read_bytes()
    with pytest.raises(InputError, match="no file of this name, or one that ecg-lightning wrote"):
        write_files(annotations, tmp_path, ALL, "atr")
    assert (tmp_path / "r.atr").read_bytes() == reference
    assert not (tmp_path / "r.csv").exists()  # nothing is written where one file is refused


def test_the_positions_that_were_read_are_not_replaced(tmp_path: Path) -> None:
    detected = of_record(tmp_path)
    detected.to_wfdb(tmp_path / "r.ecl")  # of an earlier command
    annotations = replace(detected, detector="ecl", detection_leads=())
    with pytest.raises(InputError, match="a file that the command reads"):
        write_files(annotations, tmp_path, ["wfdb"], "ecl")


def test_the_name_of_a_detector_is_no_annotator(tmp_path: Path) -> None:
    annotations = of_record(tmp_path)
    for _ in range(2):
        (path,) = write_files(annotations, tmp_path, ["wfdb"], annotations.detector)
    assert path.name == "r.BeatDetector"


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["r.hea", "r.dat", "r.atr"])
def test_a_link_to_an_input_is_not_replaced(tmp_path: Path, link: object, name: str) -> None:
    annotations = of_record(tmp_path / "in")
    (tmp_path / "out").mkdir()
    link(tmp_path / "in" / name, tmp_path / "out/r.ecl")  # type: ignore[operator]
    with pytest.raises(InputError, match=r"reads|another one"):
        write_files(annotations, tmp_path / "out", ["wfdb"])
    assert (tmp_path / "out/r.ecl").samefile(tmp_path / "in" / name)


def test_an_input_table_is_not_replaced(tmp_path: Path) -> None:
    table = tmp_path / "walk.csv"
    table.write_text("time_s,II\n" + "".join(f"{i / 250:.3f},{i % 7}\n" for i in range(1000)))
    annotations = annotations_of(beats_of([100], "N"), read_recording(table, unit="mV"))
    before = table.read_bytes()
    with pytest.raises(InputError, match="a file that the command reads"):
        write_files(annotations, tmp_path, ["wfdb", "csv"])
    assert table.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["walk.csv"]


def test_annotations_that_a_person_corrected_are_not_replaced(tmp_path: Path) -> None:
    annotations = of_record(tmp_path / "in")
    (path,) = write_files(annotations, tmp_path / "out", ["wfdb"])
    read = wfdb.rdann(str(path.with_suffix("")), "ecl")
    wfdb.wrann(
        "r",
        "ecl",
        read.sample,
        ["N", "A"],
        aux_note=read.aux_note,
        fs=read.fs,
        write_dir=str(path.parent),
    )
    corrected = path.read_bytes()
    with pytest.raises(InputError, match="another one"):
        write_files(annotations, tmp_path / "out", ["wfdb"])
    assert path.read_bytes() == corrected


@pytest.mark.parametrize("kind", ["wfdb", "csv", "html", "parquet"])
@pytest.mark.parametrize("content", [b"", b"\0\0", b"record,sample\n", b"PAR1", b"<!doctype html>"])
def test_foreign_files_are_not_ours(tmp_path: Path, kind: Kind, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="another one"):
        check_output(tmp_path / "x", kind)


def test_files_of_other_programs_in_our_form_are_not_ours(tmp_path: Path) -> None:
    """Each differs in one thing from what we write: a symbol, a text, a subtype, no resolution."""
    samples, names = np.array([10, 2000]), np.array(["N", "~"])
    ours = (samples, names, np.array([0, 48]), ["0.987", ""], 360.0)
    (tmp_path / "r.ecl").write_bytes(annotation_bytes(*ours))
    check_output(tmp_path / "r.ecl", "wfdb")
    for index, other in (
        (1, np.array(["L", "~"])),
        (2, np.array([0, 16])),
        (3, ["0.98", ""]),
        (3, ["", ""]),
        (3, ["0.987", "x"]),
        (4, None),
    ):
        changed = [*ours[:index], other, *ours[index + 1 :]]
        (tmp_path / "r.ecl").write_bytes(annotation_bytes(*changed))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="another one"):
            check_output(tmp_path / "r.ecl", "wfdb")


def test_a_link_without_a_target_is_replaced(tmp_path: Path) -> None:
    annotations = of_record(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/r.ecl").symlink_to(tmp_path / "gone")
    write_files(annotations, tmp_path / "out", ["wfdb"])
    assert not (tmp_path / "out/r.ecl").is_symlink()
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "annotator", ["", "hea", "dat", "csv", "HTML", "parquet", "a/b", "..", "é"]
)
def test_other_endings_are_no_annotators(annotator: str) -> None:
    with pytest.raises(InputError, match="the ending of an annotation file"):
        check_annotator(annotator)


def test_all_files_of_a_record_are_inputs(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r/2 1 250 2000\na 1000\nb 1000\n")
    for name in "ab":
        (tmp_path / f"{name}.hea").write_text(
            f"{name} 1 250 1000\n{name}.dat 16 200 16 0 0 0 0 II\n"
        )
        (tmp_path / f"{name}.dat").write_bytes(b"\1\0" * 1000)
    recording = read_recording(tmp_path / "r")
    names = {path.name for path in input_files(recording, "atr")}
    assert names == {"r.hea", "a.hea", "b.hea", "a.dat", "b.dat", "r.atr"}


def test_no_real_reference_is_taken_for_ours(mitdb: Path, tmp_path: Path) -> None:
    for record in ("100", "207", "208"):
        shutil.copy(mitdb / f"{record}.atr", tmp_path / f"{record}.ecl")
        with pytest.raises(InputError, match="another one"):
            check_output(tmp_path / f"{record}.ecl", "wfdb")
