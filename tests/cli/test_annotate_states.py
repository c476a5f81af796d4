"""The states of recordings: what makes a recording done, and what makes it work again."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.states import State, fingerprint, inputs_fingerprint, path_of
from ecg_lightning.report.summary_rows import skipped_row
from tests.helpers.ishne_files import write_ishne, write_ishne_annotations
from tests.helpers.records import ecg_like, write_record

DONE = State("done", "settings", "inputs", ("r.ecl", "r.csv"), skipped_row("r", "r", "none"))


def test_is_read_as_it_was_written(tmp_path: Path) -> None:
    DONE.write(tmp_path, "sub/r")
    assert State.read(tmp_path, "sub/r") == DONE
    assert path_of(tmp_path, "sub/r") == tmp_path / ".annotate/sub/r.json"


def test_is_done_while_settings_inputs_and_files_are_the_same(tmp_path: Path) -> None:
    for name in DONE.files:
        (tmp_path / name).touch()
    assert DONE.is_done(tmp_path, "settings", "inputs")
    assert not DONE.is_done(tmp_path, "others", "inputs")
    assert not DONE.is_done(tmp_path, "settings", "others")
    (tmp_path / "r.csv").unlink()
    assert not DONE.is_done(tmp_path, "settings", "inputs")


def test_a_failure_is_finished_and_not_done(tmp_path: Path) -> None:
    failed = State("failed", "settings", "inputs", ("r.ecl",))
    assert failed.is_finished(tmp_path, "settings", "inputs")
    assert not failed.is_finished(tmp_path, "others", "inputs")
    assert not failed.is_done(tmp_path, "settings", "inputs")


def test_work_that_began_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / "r.ecl").touch()
    assert not State("started", "s", "i", ("r.ecl",)).is_finished(tmp_path, "s", "i")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "\xff", '{"status": "done"}', "null", "[" * 100_000],
    ids=["empty", "list", "object", "bytes", "half", "null", "deep"],
)
def test_a_damaged_state_counts_as_none(text: str, tmp_path: Path) -> None:
    path_of(tmp_path, "r").parent.mkdir()
    path_of(tmp_path, "r").write_text(text, encoding="latin-1")
    assert State.read(tmp_path, "r") is None


@pytest.mark.parametrize(
    "change", [{"files": "r.ecl"}, {"files": [1]}, {"row": {"record": "r"}}, {"row": 3}]
)
def test_a_state_of_other_types_counts_as_none(change: dict[str, object], tmp_path: Path) -> None:
    DONE.write(tmp_path, "r")
    path = path_of(tmp_path, "r")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert State.read(tmp_path, "r") is None


def test_a_fingerprint_does_not_depend_on_the_order() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


class TestInputs:
    @pytest.fixture
    def one(self, tmp_path: Path) -> Input:
        write_record(tmp_path, ecg_like())
        return Input(str(tmp_path / "r"), "r")

    @pytest.mark.parametrize("ending", ["hea", "dat"])
    def test_another_time_or_size_of_a_file_is_another_input(self, one: Input, ending: str) -> None:
        before = inputs_fingerprint(one, None)
        assert inputs_fingerprint(one, None) == before
        os.utime(f"{one.path}.{ending}", ns=(1, 1))
        touched = inputs_fingerprint(one, None)
        assert touched != before
        with open(f"{one.path}.{ending}", "ab") as file:
            file.write(b"\n")
        os.utime(f"{one.path}.{ending}", ns=(1, 1))
        assert inputs_fingerprint(one, None) not in (before, touched)

    def test_another_folder_is_another_input(self, one: Input, tmp_path: Path) -> None:
        """Two recordings of one name can have one size and one time; their beats are others."""
        other = tmp_path / "other"
        other.mkdir()
        for path in tmp_path.glob("r.*"):
            shutil.copy2(path, other)
        there = Input(str(other / "r"), "r")
        assert inputs_fingerprint(there, None) != inputs_fingerprint(one, None)
        (tmp_path / "link").symlink_to(other)
        by_link = Input(str(tmp_path / "link/r"), "r")
        assert inputs_fingerprint(by_link, None) == inputs_fingerprint(there, None)

    def test_annotations_count_where_they_are_read(self, one: Input) -> None:
        before = inputs_fingerprint(one, None), inputs_fingerprint(one, "atr")
        os.utime(f"{one.path}.atr", ns=(1, 1))
        assert inputs_fingerprint(one, None) == before[0]
        assert inputs_fingerprint(one, "atr") != before[1]

    def test_the_annotation_file_of_ishne_counts_too(self, tmp_path: Path) -> None:
        path = write_ishne(tmp_path / "r.ecg", np.zeros((2, 400)))
        write_ishne_annotations(tmp_path / "r.ann", 100, [("N", 50)])
        one = Input(str(path), "r")
        before = inputs_fingerprint(one, None), inputs_fingerprint(one, "atr")
        os.utime(tmp_path / "r.ann", ns=(1, 1))
        assert inputs_fingerprint(one, None) == before[0]
        assert inputs_fingerprint(one, "atr") != before[1]

    def test_a_missing_file_is_no_error(self, tmp_path: Path) -> None:
        assert inputs_fingerprint(Input(str(tmp_path / "none.edf"), "none"), None)
