"""Which recordings paths name, and the names of their files."""

import os
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.cli.annotate.inputs import Input, find_inputs
from ecg_lightning.errors import InputError
from tests.helpers.records import ecg_like, write_record


def write_table(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.random.default_rng(0).normal(size=(200, 1)), fmt="%.3f", header="mV")


def names(*paths: Path, keep_folders: bool = False) -> list[str]:
    return [one.name for one in find_inputs([str(path) for path in paths], keep_folders)]


def test_a_record_is_one_recording_whatever_file_names_it(tmp_path: Path) -> None:
    write_record(tmp_path, ecg_like())
    paths = [tmp_path / "r", tmp_path / "r.hea", tmp_path / "r.dat", tmp_path / "r.atr", tmp_path]
    assert find_inputs([str(path) for path in paths]) == (Input(str(tmp_path / "r"), "r"),)


def test_links_and_other_spellings_of_a_path_are_one_recording(tmp_path: Path) -> None:
    write_table(tmp_path / "a/x.csv")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "y.csv").symlink_to("a/x.csv")
    paths = ["a/x.csv", "./a/../a/x.csv", "link/x.csv", "y.csv"]
    assert names(*[tmp_path / path for path in paths]) == ["x"]


def test_linked_headers_of_different_folders_are_different_records(tmp_path: Path) -> None:
    for folder in "ab":
        write_record(tmp_path / folder, ecg_like())
    (tmp_path / "b/r.hea").unlink()
    (tmp_path / "b/r.hea").symlink_to("../a/r.hea")
    assert names(tmp_path, keep_folders=True) == ["a/r", "b/r"]


def test_the_order_is_that_of_people(tmp_path: Path) -> None:
    for name in ("10", "9", "1a"):
        write_table(tmp_path / f"{name}.csv")
    write_table(tmp_path / "other/2.csv")
    assert names(tmp_path / "10.csv", tmp_path) == ["1a", "2", "9", "10"]


def test_folders_are_kept_below_the_one_that_is_named(tmp_path: Path) -> None:
    write_record(tmp_path / "set/one", ecg_like())
    write_table(tmp_path / "set/two/r.csv")
    write_table(tmp_path / "set/r.csv")
    assert names(tmp_path / "set", keep_folders=True) == ["one/r", "r", "two/r"]


class TestEqualNames:
    @pytest.mark.parametrize(
        "files", [("a/x.csv", "b/x.csv"), ("a/x.csv", "a/X.csv"), ("é.csv", "e\u0301.csv")]
    )
    def test_are_refused(self, files: tuple[str, str], tmp_path: Path) -> None:
        for file in files:
            write_table(tmp_path / file)
        with pytest.raises(InputError, match="a name of its own for each recording") as end:
            find_inputs([str(tmp_path)])
        assert all(file in end.value.found for file in files)
        assert end.value.setting == "keep_folders"

    def test_are_refused_of_a_record_and_a_table_of_its_name(self, tmp_path: Path) -> None:
        write_record(tmp_path, ecg_like())
        write_table(tmp_path / "r.csv")
        with pytest.raises(InputError, match="name r: expected a name of its own"):
            find_inputs([str(tmp_path / "r"), str(tmp_path / "r.csv")])

    def test_are_refused_of_two_named_folders_also_with_their_folders(self, tmp_path: Path) -> None:
        write_table(tmp_path / "a/sub/x.csv")
        write_table(tmp_path / "b/sub/x.csv")
        with pytest.raises(InputError, match="rename one of them, or write them to different") as e:
            find_inputs([str(tmp_path / "a"), str(tmp_path / "b")], keep_folders=True)
        assert e.value.setting == ""
        assert names(tmp_path, keep_folders=True) == ["a/sub/x", "b/sub/x"]


class TestNamesThatFilesCannotHave:
    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            ("summary.csv", "another name"),
            ("Index.csv", "another name"),
            (".hidden.csv", "a name that does not begin with a dot"),
            ("a\nb.csv", "a name without control characters and line ends"),
            ("a\x1b[31m.csv", "a name without control characters and line ends"),
        ],
    )
    def test_are_the_problem_of_their_recording(
        self, file: str, expected: str, tmp_path: Path
    ) -> None:
        write_table(tmp_path / file)
        write_table(tmp_path / "good.csv")
        by_path = {Path(one.path).name: one for one in find_inputs([str(tmp_path)])}
        assert by_path["good.csv"].problem is None
        problem = by_path[file].problem
        assert problem is not None
        assert problem.expected == expected
        assert problem.hint == "rename the recording"

    def test_below_a_folder_the_names_of_the_summary_are_free(self, tmp_path: Path) -> None:
        write_table(tmp_path / "sub/summary.csv")
        (one,) = find_inputs([str(tmp_path)], keep_folders=True)
        assert (one.name, one.problem) == ("sub/summary", None)


class TestWhatCannotBeOpened:
    def test_is_a_recording_with_a_problem(self, tmp_path: Path) -> None:
        write_table(tmp_path / "x.csv")
        (tmp_path / "empty").mkdir()
        (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
        files = ("empty", "none.edf", "picture.png", "x.csv")
        inputs = find_inputs([str(tmp_path / file) for file in files])
        problems = {one.name: str(one.problem) for one in inputs if one.problem}
        assert list(problems) == ["empty", "none", "picture"]
        assert "expected recordings here or below, found no files" in problems["empty"]
        assert "found neither this file nor a header none.edf.hea" in problems["none"]
        assert "PNG" in problems["picture"]

    def test_takes_no_name(self, tmp_path: Path) -> None:
        write_table(tmp_path / "a/x.csv")
        inputs = find_inputs([str(tmp_path / "b/x.csv"), str(tmp_path / "a/x.csv")])
        assert [one.problem is None for one in inputs] == [False, True]


def test_names_are_those_of_the_recordings_of_all_formats(formats: Path) -> None:
    from ecg_lightning.records.formats import read_recording

    inputs = find_inputs([str(formats)], keep_folders=True)
    readable = 0
    for one in inputs:
        try:
            recording = read_recording(one.path)
        except InputError:
            continue
        readable += 1
        assert os.path.basename(one.name) == recording.name
    assert readable > 10
