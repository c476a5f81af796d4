"""What `annotate` refuses, and that nothing half-made stays where an error ends it."""

import os
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.errors import InputError
from tests.helpers.annotate_command import annotate, own, use_stand_in, write_tables
from tests.helpers.cli import Outcome, command, names_below
from tests.helpers.heartbeats import heartbeats


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-in's log."""
    return use_stand_in(monkeypatch, tmp_path_factory.mktemp("log"))


def everything(folder: Path) -> set[str]:
    """Files and folders below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.usefixtures("stand_in")
class TestNothingStays:
    @pytest.mark.parametrize("words", [(), ("--on-error", "stop"), ("--jobs", "2")])
    def test_of_one_bad_recording(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        write_tables(tmp_path, "in/bad")
        outcome = annotate(tmp_path, "in/bad.csv", *words)
        assert (outcome.status, outcome.err.count("\n")) == (2, 1)
        assert everything(tmp_path) == {"in", "in/bad.csv"}

    def test_of_a_first_bad_one_that_stops_the_command(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/a/bad", "in/b/2")
        words = ["--on-error", "stop", "--keep-folders"]
        outcome = command(
            ["annotate", "in", "--output", "deep/out", "--fs", "100", *words], tmp_path
        )
        assert (outcome.status, outcome.err.count("\n")) == (2, 1)
        assert [name for name in everything(tmp_path) if not name.startswith("in")] == []

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_of_weights_that_cannot_be_read(self, tmp_path: Path, jobs: str) -> None:
        write_tables(tmp_path, "in/1", "in/2")
        outcome = annotate(tmp_path, "in", "--model", "missing", "--jobs", jobs)
        assert outcome.status == 2
        assert not (tmp_path / "out").exists()

    def test_of_a_command_that_a_signal_ends(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "interrupted")
        assert annotate(tmp_path, "interrupted.csv").status == 130
        assert everything(tmp_path) == {"interrupted.csv"}

    def test_what_was_there_stays(self, tmp_path: Path) -> None:
        """An empty folder of the user, and the recordings that were annotated before."""
        (tmp_path / "out").mkdir()
        write_tables(tmp_path, "bad", "good")
        annotate(tmp_path, "bad.csv")
        assert everything(tmp_path) == {"out", "bad.csv", "good.csv"}
        annotate(tmp_path, "good.csv")
        before = names_below(tmp_path / "out")
        assert ".annotate/good.json" in before
        assert annotate(tmp_path, "bad.csv").status == 2
        assert names_below(tmp_path / "out") == before

    def test_a_task_of_an_array_keeps_what_the_others_read(self, tmp_path: Path) -> None:
        write_tables(tmp_path, "in/bad", "in/2")
        assert annotate(tmp_path, "in", "--shard", "2/2").status == 2
        assert names_below(tmp_path / "out") == {".annotate/bad.json"}

    def test_files_before_one_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> Path:
            raise InputError("x.html", expected="room", found="none", hint="make room")

        monkeypatch.setattr(Annotations, "to_html", full)
        write_tables(tmp_path, "1", "2")
        outcome = annotate(tmp_path, "1.csv")
        assert outcome == Outcome(
            2, "", "ecg-lightning: x.html: expected room, found none; make room\n"
        )
        assert not (tmp_path / "out").exists()
        assert annotate(tmp_path, "1.csv", "2.csv").status == 2
        assert own(tmp_path / "out") == {"summary.csv", "index.html"}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--causal"], "PatientContext-causal"),
        (["--model", "DeepConv1d-robust"], "DeepConv1d-robust"),
    ],
)
def test_shares_that_are_never_estimated_cannot_be_kept(
    tmp_path: Path, words: list[str], name: str
) -> None:
    leads, _ = heartbeats(12.0, 128.0)
    np.savetxt(tmp_path / "x.csv", leads.T, fmt="%.3f", header="mV", comments="")
    args = ["annotate", "x.csv", "--output", "out", "--fs", "128", *words]
    outcome = command([*args, "--no-own-shares"], tmp_path)
    line = (
        "ecg-lightning: own_shares: expected weights that estimate the shares of N and S, found "
        f"{name}, which never do; remove it, as it has no effect (--no-own-shares)\n"
    )
    assert outcome == Outcome(2, "", line)
    assert os.listdir(tmp_path) == ["x.csv"]
