"""The Run object: what it finds in a folder, what it refuses, and what it leaves."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch.utilities import rank_zero_only

from ecg_lightning.errors import InputError
from ecg_lightning.training.checkpoints import write_checkpoint
from ecg_lightning.training.metrics_file import read_metrics
from ecg_lightning.training.run import RUN_VARIABLE, Run, is_finished
from ecg_lightning.training.run_settings import FREE, flat, refuse_other_settings

SETTINGS: dict[str, Any] = {
    "model": {"learning_rate": 0.1},
    "data": {"per_class": 20, "cache_dir": None},
    "early_stopping": {},
    "checkpoint": {},
}
VALIDATED = '{"schema": 1, "validation": {}}'
TESTED = '{"schema": 1, "validation": {}, "last_epoch": {"test": {}}}'


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "")


def begun(folder: Path, metrics: str = "", epochs: int = 1) -> Path:
    """A run folder after some epochs."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    (folder / "metrics.csv").write_text("a log")
    (folder / ".metrics.json.1.tmp").write_text("half")
    (folder / "checkpoints/.last.ckpt.1.tmp").write_text("half")
    if metrics:
        (folder / "metrics.json").write_text(metrics)
    last = folder / "checkpoints/last.ckpt"
    write_checkpoint(torch.nn.Linear(1, 1), last, {})
    content = torch.load(last, weights_only=True)
    content["loops"]["fit_loop"]["epoch_progress"]["current"].update(
        processed=epochs, started=epochs
    )
    torch.save(content, last)
    return folder


def state(folder: Path, tested: bool = False, **settings: Any) -> Run:
    with Run.open(folder, SETTINGS | settings, tested) as run:
        return run


class TestOpen:
    def test_a_new_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        with Run.open(folder, SETTINGS, tested=False) as run:
            assert run == Run(folder, checkpoint=None, finished=False)
            assert [path.name for path in folder.iterdir()] == ["lock"]
            assert os.environ[RUN_VARIABLE] == str(folder)  # for processes that Lightning starts

    def test_a_stopped_run_is_resumed_with_clear_logs(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = begun(tmp_path / "run", epochs=3)
        run = state(folder)
        assert run == Run(folder, folder / "checkpoints/last.ckpt")
        assert capsys.readouterr().out == f"resumed from {run.checkpoint}, 3 epochs\n"
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert names == {"checkpoints", "checkpoints/last.ckpt", "config.yaml", "lock"}

    @pytest.mark.parametrize(
        ("metrics", "tested", "finished"),
        [
            ("", False, False),
            ("damaged", False, False),
            (VALIDATED, False, True),
            (VALIDATED, True, False),
            (TESTED, True, True),
        ],
    )
    def test_whether_a_run_is_finished(
        self, metrics: str, tested: bool, finished: bool, tmp_path: Path
    ) -> None:
        assert state(begun(tmp_path / "run", metrics), tested).finished == finished

    def test_a_finished_run_is_not_touched(self, tmp_path: Path) -> None:
        folder = begun(tmp_path / "run", VALIDATED)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        state(folder)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    def test_other_settings_are_refused_if_they_change_the_metrics(self, tmp_path: Path) -> None:
        folder = begun(tmp_path / "run")
        state(folder, data={"per_class": 20, "cache_dir": "elsewhere"})
        with pytest.raises(InputError) as error:
            state(folder, model={"learning_rate": 0.5})
        assert str(error.value) == (
            f"{folder}: begun with other settings: expected model.learning_rate 0.1, found "
            "model.learning_rate 0.5; repeat the command with the settings that it was begun "
            "with, or choose another folder (output)"
        )

    def test_settings_without_a_checkpoint_may_be_replaced(self, tmp_path: Path) -> None:
        folder = begun(tmp_path / "run")
        (folder / "checkpoints/last.ckpt").unlink()
        assert state(folder, model={"learning_rate": 0.5}) == Run(folder)

    def test_a_refused_command_leaves_no_new_folder(self, tmp_path: Path) -> None:
        for folder, stays in ((tmp_path / "new", False), (begun(tmp_path / "old"), True)):
            with pytest.raises(InputError), Run.open(folder, SETTINGS, tested=False):
                raise InputError("no such device")
            assert folder.exists() == stays

    def test_another_error_leaves_the_folder(self, tmp_path: Path) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            Run.open(tmp_path / "new", SETTINGS, tested=False),
        ):
            raise ZeroDivisionError
        assert (tmp_path / "new").exists()

    def test_a_second_command_is_refused(self, tmp_path: Path) -> None:
        with (
            Run.open(tmp_path / "run", SETTINGS, tested=False),
            pytest.raises(InputError, match="expected no other command in this folder"),
        ):
            state(tmp_path / "run")

    def test_another_process_of_the_run_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = begun(tmp_path / "run")
        monkeypatch.setattr(rank_zero_only, "rank", 1)
        with Run.open(tmp_path / "new", SETTINGS, tested=False):
            assert not (tmp_path / "new").exists()
        assert state(folder).checkpoint == folder / "checkpoints/last.ckpt"
        assert (folder / "metrics.csv").exists()
        assert capsys.readouterr().out == ""


class TestBegin:
    def test_a_folder_below_the_root(self, tmp_path: Path) -> None:
        with Run.begin(tmp_path / "runs", "test-Net") as run:
            assert run.folder.parent == tmp_path / "runs"
            assert run.folder.name.endswith("-test-Net")
            assert (run.checkpoint, run.finished) == (None, False)
        assert run.folder.is_dir()

    def test_a_refused_command_leaves_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError), Run.begin(tmp_path, "fit-Net"):
            raise InputError("no such device")
        assert list(tmp_path.iterdir()) == []


def test_pipes_in_a_run_folder_are_not_opened(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    os.mkfifo(run / "metrics.json")
    assert not is_finished(run, tested=False)
    with pytest.raises(
        InputError, match=r"metrics\.json: expected the metrics of a run, found a pi"
    ):
        read_metrics(run)
    (run / "config.yaml").unlink()
    os.mkfifo(run / "config.yaml")
    with pytest.raises(
        InputError, match=r"config\.yaml: expected the settings of a run, found a pi"
    ):
        refuse_other_settings(run / "config.yaml", SETTINGS)


@pytest.mark.parametrize(
    ("data", "same"),
    [
        ({"source": "mitdb"}, True),
        ({"source": "wfdb"}, False),
        ({"source": "mitdb", "segmentation": "context"}, False),
        ({"source": "synthetic,wfdb"}, False),
    ],
)
def test_no_lead_is_the_first_one_only_where_that_is_the_default(
    tmp_path: Path, data: dict[str, Any], same: bool
) -> None:
    path = tmp_path / "config.yaml"
    settings = {**SETTINGS, "data": {**data, "lead": 0}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    settings["data"] = {**data, "lead": None}
    with contextlib.nullcontext() if same else pytest.raises(InputError, match=r"data\.lead"):
        refuse_other_settings(path, settings)


def test_flat_names_every_setting_and_drops_the_free_ones() -> None:
    nested = {"a": {"b": {"c": 1}, "d": {}}, "trainer": dict.fromkeys(("x", *FREE))}
    nested["data"] = {"cache_dir": "x", "seed": 0}
    names = {"a.b.c": 1, "a.d": {}, "data.seed": 0, "trainer.x": None}
    assert flat(nested).items() >= names.items()
    assert "data.cache_dir" not in flat(nested)
