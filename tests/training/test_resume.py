"""Runs that a kill, a signal or a full disk stopped, and that are resumed.

They end with the same bits as a run that was not stopped.
"""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.system.preemption import PreemptedError, Preemption
from ecg_lightning.training import distributed as launch
from ecg_lightning.training.distributed import plugins, status_of_rank
from tests.helpers.cli import Outcome, Tiny, command, one_cache
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
EPOCHS, STEPS = 3, 10
SETTINGS = [
    *("--model.network", "tests.training.test_resume.Normed", "--model.learning_rate", "0.01"),
    *(
        "--data.per_class",
        "64",
        "--data.batch_size",
        "32",
        "--trainer.max_epochs",
        str(EPOCHS),
        "--trainer.deterministic",
        "true",
    ),
    "--trainer.callbacks+=tests.training.test_resume.Faults",
]
FIT = ["fit", *SETTINGS, "--output", "out"]
TEST = ["test", "--data.source", "synthetic", "--ckpt_path"]


class Normed(Tiny):
    """A network with statistics that a checkpoint has to keep."""

    def __init__(self, input_length: int = 256, classes: int = 5) -> None:
        super().__init__(input_length, classes)
        self.norm = nn.BatchNorm1d(16)  # type: ignore[assignment]


class Faults(lightning.Callback):
    """Writes down what each step saw, and causes faults.

    Each line of the file `faults-RANK` next to the run folder, KIND EPOCH STEP, happens once.
    """

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        _: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        folder = Path(trainer.default_root_dir).parent
        with open(folder / f"steps-{trainer.global_rank}", "a") as file:
            print(
                trainer.current_epoch,
                batch_idx,
                batch[1].tolist(),
                float(batch[0].double().sum()),
                file=file,
            )
        self._fault(folder, trainer, batch_idx)

    def on_validation_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        self._fault(Path(trainer.default_root_dir).parent, trainer, "validation")

    def _fault(self, folder: Path, trainer: lightning.Trainer, place: int | str) -> None:
        faults = folder / f"faults-{trainer.global_rank}"
        lines = faults.read_text().splitlines() if faults.exists() else []
        if not lines or lines[0].split()[1:] != [str(trainer.current_epoch), str(place)]:
            return
        faults.write_text("\n".join(lines[1:]))
        if (kind := lines[0].split()[0]) == "full":
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (8000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
            )
        elif kind == "saving":
            os.fsync = killed_while_saving  # type: ignore[assignment]
        else:
            os.kill(os.getpid(), getattr(signal, kind))


def killed_while_saving(descriptor: int) -> None:
    """End the process when half of `last.ckpt` is written."""
    if ".last.ckpt." in os.readlink(f"/proc/self/fd/{descriptor}"):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)


def script(args: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`ecg-lightning ARGS`, or scripts/train.py, in a process of its own."""
    program = (
        ["-c", "import sys; from ecg_lightning.cli.main import main; sys.exit(main())"]
        if args[0] == "fit"
        else []
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
    }  # two threads round otherwise than one
    line = [sys.executable, *program, *args]
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, env=environment, check=False, timeout=300
    )


def steps_of(folder: Path, rank: int = 0) -> list[str]:
    return (folder / f"steps-{rank}").read_text().splitlines()


def logged(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    events = EventAccumulator(str(run))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def same(one: Any, other: Any) -> bool:
    """Whether two nested values have equal bits."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def assert_same_run(folder: Path, whole: Path, name: str = "out") -> None:
    """Compare weights, optimiser, history, early stopping, metrics and logs of two runs."""
    run, unbroken = folder / name, whole / name
    for file in ("best.ckpt", "last.ckpt"):
        actual, expected = (
            torch.load(place / "checkpoints" / file, weights_only=True) for place in (run, unbroken)
        )
        for key in ("state_dict", "optimizer_states", "epoch", "global_step"):
            assert same(actual[key], expected[key]), (file, key)
        for callback in expected["callbacks"]:
            if "Checkpoint" not in callback:
                assert same(actual["callbacks"][callback], expected["callbacks"][callback]), (
                    file,
                    callback,
                )
        best = next(
            state["best_model_score"]
            for key, state in expected["callbacks"].items()
            if key.startswith("BestCheckpoint")
        )
        assert same(
            next(
                state["best_model_score"]
                for key, state in actual["callbacks"].items()
                if key.startswith("BestCheckpoint")
            ),
            best,
        )
    assert (run / "metrics.csv").read_text() == (unbroken / "metrics.csv").read_text()
    assert (run / "metrics.json").read_text().replace(str(folder), "") == (
        unbroken / "metrics.json"
    ).read_text().replace(str(whole), "")
    assert logged(run) == logged(unbroken)
    names = {path.name for path in run.rglob("*") if not path.name.startswith("events")}
    assert names == {
        path.name for path in unbroken.rglob("*") if not path.name.startswith("events")
    }


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield from one_cache(tmp_path_factory)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parent folder of a run that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    outcome = command(FIT, folder)
    assert (outcome.status, outcome.err) == (0, "")
    assert len(steps_of(folder)) == EPOCHS * STEPS
    return folder


def next_second() -> None:
    """Wait until TensorBoard can tell an earlier file from a later one.

    It reads the files of a run in the order of their names, which have the second in which they
    were opened, and after it numbers that do not grow as strings.
    """
    time.sleep(1 - time.time() % 1)


def again(folder: Path) -> Outcome:
    """Repeat the command in this process."""
    next_second()
    outcome = command(FIT, folder)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome


class TestSignals:
    @pytest.mark.parametrize(
        ("faults", "words"),
        [
            (["SIGTERM 1 4"], ["in epoch 2 after 5 of 10 steps"]),
            (["SIGUSR1 0 0"], ["in epoch 1 after 1 of 10 steps"]),
            (
                ["SIGTERM 1 2", "SIGUSR1 1 6"],
                ["in epoch 2 after 3 of 10 steps", "in epoch 2 after 7 of 10 steps"],
            ),
            (
                ["SIGUSR1 0 9"],
                ["saved 1 epoch in"],
            ),  # the epoch's last step: its validation has still to be done
            (["SIGTERM 1 validation"], ["saved 2 epochs in"]),
            (["SIGTERM 2 9"], ["the last epoch is saved in"]),
        ],
        ids=str,
    )
    def test_end_with_75_and_the_same_command_resumes(
        self, faults: list[str], words: list[str], whole: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "faults-0").write_text("\n".join(faults))
        for name, word in zip(faults, words, strict=True):
            next_second()
            outcome = command(FIT, tmp_path)
            assert outcome.status == 75
            [line] = outcome.err.splitlines()
            assert line.startswith(f"ecg-lightning: {name.split()[0]}: ")
            assert word in line
            assert line.endswith(
                "out/checkpoints/last.ckpt; repeat the command to resume"
                if "saved in" in word
                else "; repeat the command to resume"
            )
        resumed = again(tmp_path)
        assert resumed.out.startswith("resumed from out/checkpoints/last.ckpt, ")
        assert steps_of(tmp_path) == steps_of(whole)  # each step once, none is missing
        assert_same_run(tmp_path, whole)

    def test_ctrl_c_saves_too_and_ends_with_130(self, tmp_path: Path) -> None:
        (tmp_path / "faults-0").write_text("SIGINT 1 4")
        outcome = command(FIT, tmp_path)
        assert outcome.status == 130
        [line] = outcome.err.splitlines()
        assert line.startswith("ecg-lightning: Ctrl-C: saved ")
        assert line.endswith("in epoch 2 after 5 of 10 steps; repeat the command to resume")
        assert again(tmp_path).out.startswith("resumed from out/checkpoints/last.ckpt, ")

    def test_a_second_ctrl_c_ends_the_command_at_once(self) -> None:
        preemption = Preemption()
        preemption.waits = True
        with preemption.watched():
            os.kill(os.getpid(), signal.SIGINT)
            assert preemption.received == "Ctrl-C"
            with pytest.raises(PreemptedError, match="Ctrl-C: stopped") as caught:
                os.kill(os.getpid(), signal.SIGINT)
        assert caught.value.status == 130

    def test_leave_the_handlers_as_they_were(self, whole: Path) -> None:
        assert (
            signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        )

    def test_outside_a_fit_end_the_command_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            BeatDataModule, "prepare_data", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
        )
        outcome = command(["prepare"], tmp_path)
        assert (outcome.status, outcome.err) == (
            75,
            "ecg-lightning: SIGTERM: stopped; repeat the command to resume\n",
        )

    def test_without_output_name_the_checkpoint(self, whole: Path, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs/faults-0").write_text("SIGTERM 1 4")
        outcome = command(["fit", *SETTINGS], tmp_path)
        assert outcome.status == 75
        [last] = tmp_path.glob("runs/*/checkpoints/last.ckpt")
        assert outcome.err.endswith(
            "/checkpoints/last.ckpt in epoch 2 after 5 of 10 steps; "
            "give it as --ckpt_path to resume\n"
        )
        resumed = command(["fit", *SETTINGS, "--ckpt_path", str(last)], tmp_path)
        (tmp_path / "runs" / resumed.folder.name).rename(tmp_path / "out")
        states = [
            torch.load(place / "out/checkpoints/last.ckpt", weights_only=True)["state_dict"]
            for place in (tmp_path, whole)
        ]
        assert same(*states)
        assert (tmp_path / "out/metrics.csv").read_text() == (whole / "out/metrics.csv").read_text()


def test_a_validation_that_is_due_by_all_epochs_batches_is_not_lost(tmp_path: Path) -> None:
    """The validation is due every 15 steps, in epochs of 10 steps.

    The signal comes with step 15. A checkpoint there would skip its validation.
    """
    args = [*FIT, "--trainer.check_val_every_n_epoch", "null", "--trainer.val_check_interval", "15"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    (parts / "faults-0").write_text("SIGTERM 1 4")
    unbroken, stopped, resumed = command(args, whole), command(args, parts), command(args, parts)
    assert (unbroken.status, stopped.status, resumed.status) == (0, 75, 0)
    assert "in epoch 2 after 6 of 10 steps" in stopped.err
    for name in ("best.ckpt", "last.ckpt"):
        actual, expected = (
            torch.load(place / "out/checkpoints" / name, weights_only=True)
            for place in (parts, whole)
        )
        assert same(actual["state_dict"], expected["state_dict"])
        assert actual["callbacks"]["RunFolder"] == expected["callbacks"]["RunFolder"]


class TestAMovedRun:
    """A run whose folder was moved: its checkpoints contain the old path."""

    @pytest.mark.parametrize("copied", [False, True])
    def test_keeps_its_best_weights(self, copied: bool, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a/faults-0").write_text("SIGTERM 1 4")
        assert command(FIT, tmp_path / "a").status == 75
        (tmp_path / "a").rename(tmp_path / "b")
        if copied:  # and the first one has been resumed
            (tmp_path / "a/out/checkpoints").mkdir(parents=True)
            (tmp_path / "a/out/checkpoints/best.ckpt").touch()
        checkpoints = tmp_path / "b/out/checkpoints"
        last = torch.load(checkpoints / "last.ckpt", weights_only=True)
        [state] = [
            state for key, state in last["callbacks"].items() if key.startswith("BestCheckpoint")
        ]
        state["best_model_score"].fill_(
            -1.0
        )  # no later loss is lower; best_k_models has the same tensor
        torch.save(last, checkpoints / "last.ckpt")
        before = (checkpoints / "best.ckpt").read_bytes()
        again(tmp_path / "b")
        assert (checkpoints / "best.ckpt").read_bytes() == before
        assert {path.name for path in checkpoints.iterdir()} == {"best.ckpt", "last.ckpt"}

    def test_is_tested_after_its_last_epoch(self, whole: Path, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a/faults-0").write_text("SIGTERM 2 9")
        assert command(FIT[1:], tmp_path / "a", script=True).status == 75
        (tmp_path / "a").rename(tmp_path / "b")
        outcome = command(FIT[1:], tmp_path / "b", script=True)
        assert (outcome.status, outcome.err) == (0, "")
        actual, expected = (
            json.loads((place / "out/metrics.json").read_text())
            for place in (tmp_path / "b", whole)
        )
        assert actual["validation"] == expected["validation"]
        assert actual["checkpoint"] == "checkpoints/best.ckpt"
        assert "test" in actual["last_epoch"]


class TestKills:
    @pytest.mark.parametrize("fault", ["SIGKILL 1 4", "saving 1 4"])
    def test_cost_the_epoch_and_nothing_else(self, fault: str, whole: Path, tmp_path: Path) -> None:
        (tmp_path / "faults-0").write_text(fault)
        killed = script(FIT, tmp_path)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert torch.load(tmp_path / "out/checkpoints/last.ckpt", weights_only=True)["epoch"] == 0
        assert len(list(tmp_path.glob("out/checkpoints/.last.ckpt.*.tmp"))) == (
            fault != "SIGKILL 1 4"
        )
        assert again(tmp_path).out.startswith("resumed from out/checkpoints/last.ckpt, 1 epoch\n")
        assert list(dict.fromkeys(steps_of(tmp_path))) == steps_of(
            whole
        )  # steps done twice saw the same
        assert_same_run(tmp_path, whole)


def line_of_a_full_disk(folder: Path, *words: str) -> str:
    (folder / "faults-0").write_text("full 1 4")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        outcome = command([*FIT, *words], folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcome.status == 2
    [line] = outcome.err.splitlines()
    advice = "found File too large; raise the largest size of a file (ulimit -f), then repeat the "
    assert advice in line
    return line


def test_a_full_disk_is_told_with_the_checkpoint_that_has_no_room(tmp_path: Path) -> None:
    line = line_of_a_full_disk(tmp_path, "--trainer.logger", "false")
    assert "/out/checkpoints/best.ckpt: expected room for " in line
    assert line.endswith("command: the earlier checkpoint is intact")
    assert torch.load(tmp_path / "out/checkpoints/last.ckpt", weights_only=True)["epoch"] == 0


def test_a_full_disk_leaves_the_checkpoint_before(whole: Path, tmp_path: Path) -> None:
    """TensorBoard's log, with a picture, is the first file without room."""
    line = line_of_a_full_disk(tmp_path)
    assert re.match(
        r"ecg-lightning: out/events\.out\.tfevents\.\S+: expected room to write, ", line
    )
    assert torch.load(tmp_path / "out/checkpoints/last.ckpt", weights_only=True)["epoch"] == 0
    assert again(tmp_path).out.startswith("resumed from out/checkpoints/last.ckpt, 1 epoch\n")
    assert_same_run(tmp_path, whole)


class TestAFolder:
    def test_of_a_finished_run_is_left_alone(self, whole: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in (whole / "out").rglob("*")}
        outcome = command(FIT, whole)
        assert (outcome.status, outcome.out, outcome.err) == (
            0,
            "out: this run is finished; nothing to do\n",
            "",
        )
        assert {path: path.stat().st_mtime_ns for path in (whole / "out").rglob("*")} == before

    def test_of_a_finished_fit_is_tested_by_the_script(self, whole: Path, tmp_path: Path) -> None:
        again(tmp_path)
        steps = steps_of(tmp_path)
        outcome = command(FIT[1:], tmp_path, script=True)
        assert (outcome.status, outcome.err) == (0, "")
        assert steps_of(tmp_path) == steps
        metrics = json.loads((tmp_path / "out/metrics.json").read_text())
        assert metrics["train"] == json.loads((whole / "out/metrics.json").read_text())["train"]
        assert "test" in metrics["last_epoch"]
        assert (tmp_path / "out/predictions.csv").is_file()
        assert (
            command(FIT[1:], tmp_path, script=True).out
            == "out: this run is finished; nothing to do\n"
        )

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (
                ["--model.learning_rate", "0.5", "--data.seed", "3"],
                "out: begun with other settings: expected model.learning_rate 0.01, data.seed 0, "
                "found model.learning_rate 0.5, data.seed 3; repeat the command with the settings",
            ),
            (
                ["--output", "full"],
                "full: expected a new folder or one that fit began, found other files; "
                "choose another folder",
            ),
            (
                ["--output", "full/file"],
                "full/file: expected a folder that can be written, found File exists; "
                "move full/file away, which is no folder, or choose another folder",
            ),
        ],
        ids=["settings", "files", "a file"],
    )
    def test_of_something_else_is_refused(self, args: list[str], words: str, whole: Path) -> None:
        (whole / "full").mkdir(exist_ok=True)
        (whole / "full/file").touch()
        outcome = command([*FIT, *args], whole)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"ecg-lightning: {words}")
        assert outcome.err.count("\n") == 1

    @pytest.mark.parametrize(
        "text",
        ["model: {}\ndata: {}\ntrainer: {}\n", "- a list", "{", ""],
        ids=["lightning", "list", "damaged", "empty"],
    )
    def test_of_another_program_with_a_config_of_that_name_is_refused(
        self, text: str, tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/config.yaml").write_text(text)
        (tmp_path / "out/events.out.tfevents.1").write_text("theirs")
        outcome = command(FIT, tmp_path)
        line = (
            "out: expected a new folder or one that fit began, found other files; "
            "choose another folder (--output)"
        )
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"ecg-lightning: {line}\n")
        assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
            "config.yaml": text,
            "events.out.tfevents.1": "theirs",
        }

    def test_with_a_damaged_checkpoint_is_refused(self, whole: Path, tmp_path: Path) -> None:
        shutil.copytree(whole / "out", tmp_path / "out")
        (tmp_path / "out/metrics.json").unlink()
        (tmp_path / "out/checkpoints/last.ckpt").write_bytes(
            (whole / "out/checkpoints/last.ckpt").read_bytes()[:5000]
        )
        outcome = command(FIT, tmp_path)
        assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
        assert (
            "out/checkpoints/last.ckpt: expected a checkpoint of this program, "
            "found a file that cannot be read as one" in outcome.err
        )
        (tmp_path / "out/checkpoints/last.ckpt").unlink()
        assert again(tmp_path).out.startswith("epoch 1/3")  # begun again

    def test_where_another_command_works_is_refused(self, tmp_path: Path) -> None:
        import fcntl

        (tmp_path / "out").mkdir()
        with open(tmp_path / "out/lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            outcome = command(FIT, tmp_path)
        assert outcome.status == 2
        expected = "expected no other command in this folder, found one that is running"
        assert f"out: {expected}" in outcome.err
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["lock"]

    def test_of_a_refused_command_goes(self, tmp_path: Path) -> None:
        outcome = command([*FIT, "--trainer.devices", "0"], tmp_path)
        assert outcome.status == 2
        assert list(tmp_path.iterdir()) == []

    def test_is_for_a_fit(self, tmp_path: Path) -> None:
        outcome = command(["test", "--ckpt_path", "DeepConv1d", "--output", "out"], tmp_path)
        assert outcome.status == 2
        assert "output" in outcome.err


EARLY = (
    "--trainer.max_epochs",
    "9",
    "--early_stopping.min_delta",
    "100",
    "--early_stopping.patience",
    "1",
)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parent folder of a run that has stopped after its second epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    outcome = command([*FIT, *EARLY], folder)
    assert (outcome.status, outcome.out.count("\nepoch ")) == (0, 1)  # the second of two lines
    return folder


class TestEarlyStopping:
    def test_a_stopped_run_trains_no_further(self, stopped: Path) -> None:
        metrics, steps = stopped / "out/metrics.json", steps_of(stopped)
        before, log = metrics.read_text(), (stopped / "out/metrics.csv").read_text()
        metrics.unlink()  # as if it had been killed before the evaluation
        outcome = command([*FIT, *EARLY], stopped)
        assert (outcome.status, outcome.err) == (0, "")
        assert "epoch 3" not in outcome.out
        assert (steps_of(stopped), metrics.read_text()) == (steps, before)
        assert (stopped / "out/metrics.csv").read_text() == log

    @pytest.mark.parametrize(("patience", "epochs"), [("1", 0), ("3", 2)])
    def test_by_its_checkpoint_it_resumes_with_more_patience_only(
        self, stopped: Path, tmp_path: Path, patience: str, epochs: int
    ) -> None:
        last = str(stopped / "out/checkpoints/last.ckpt")
        more = [*SETTINGS, *EARLY, "--ckpt_path", last, "--early_stopping.patience", patience]
        outcome = command(more, tmp_path, script=True)
        assert (outcome.status, outcome.err) == (0, "")
        assert (
            "test, last weights: " in outcome.out
        )  # which are the checkpoint's own where no epoch is left to do
        assert sum(line.startswith("epoch ") for line in outcome.out.splitlines()) == epochs
        with open(tmp_path / outcome.folder / "metrics.csv", newline="") as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == [
                str(i // 2) for i in range(2 * (2 + epochs))
            ]


def test_two_processes_stop_together_resume_and_are_tested_on_one_device(tmp_path: Path) -> None:
    """The signal reaches only the second process."""
    args = [
        str(ROOT / "scripts/train.py"),
        *SETTINGS,
        "--trainer.devices",
        "2",
        "--trainer.accelerator",
        "cpu",
        "--output",
        "out",
    ]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    (parts / "faults-1").write_text("SIGUSR1 1 2")
    stopped = script(args, parts)
    assert stopped.returncode == 75, stopped.stderr
    assert "a signal to another process: saved " in stopped.stderr
    assert "in epoch 2 after 3 of 5 steps; repeat the command" in stopped.stderr
    unbroken, resumed = script(args, whole), script(args, parts)
    for done in (unbroken, resumed):
        assert (done.returncode, done.stderr) == (0, "")
        lines = [line.split(":")[0] for line in done.stdout.splitlines() if "weights: " in line]
        assert lines[:2] == ["validation, best weights", "test, best weights"]
    for rank in (0, 1):
        assert steps_of(parts, rank) == steps_of(whole, rank)
    for name in ("best.ckpt", "last.ckpt"):
        states = [
            torch.load(place / "out/checkpoints" / name, weights_only=True)["state_dict"]
            for place in (parts, whole)
        ]
        assert same(*states)
    for name in ("metrics.csv", "metrics.json"):
        assert (parts / "out" / name).read_text().replace(str(parts), "") == (
            whole / "out" / name
        ).read_text().replace(str(whole), "")
    # The settings name two devices, but a test takes one.
    alone = command(
        ["test", "--config", "out/config.yaml", "--ckpt_path", "out/checkpoints/best.ckpt"], whole
    )
    assert (alone.status, alone.err) == (0, "")
    metrics = [
        json.loads((whole / folder / "metrics.json").read_text())["test"]
        for folder in ("out", alone.folder)
    ]
    assert metrics[0] == metrics[1]
    assert (whole / "out/predictions.csv").read_bytes() == (
        whole / alone.folder / "predictions.csv"
    ).read_bytes()


class TestSeveralProcesses:
    @pytest.fixture(params=["torchrun", "srun"])
    def others(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pretend that a launcher other than Lightning has started two processes."""
        variables = (
            {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2"}
            if request.param == "torchrun"
            else {"SLURM_NTASKS": "2"}
        )
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    @pytest.fixture
    def second(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
        """Act as the second process of a run; return how long it has waited for the first."""
        waited: list[float] = []
        monkeypatch.setattr(rank_zero_only, "rank", 1)
        monkeypatch.setattr(time, "sleep", waited.append)
        before = signal.getsignal(signal.SIGTERM)
        yield waited
        signal.signal(signal.SIGTERM, before)

    def test_need_a_folder_that_all_know(self, others: None, tmp_path: Path) -> None:
        outcome = command(FIT[:-2], tmp_path)
        line = (
            "output: expected one folder for all processes of the run, "
            "found none for 2 processes; name a folder (--output)"
        )
        assert (outcome.status, outcome.err) == (2, f"ecg-lightning: {line}\n")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("status", "second_status"), [(75, 0), (2, 2)])
    def test_end_as_the_first_one_does(
        self, second: list[float], status: int, second_status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert status_of_rank(status) == second_status
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN  # by which srun ends the others
        assert second == [launch.HEAD_START_S] * (status == 2)
        monkeypatch.setattr(rank_zero_only, "rank", 0)
        assert status_of_rank(status) == status
        assert len(second) == (status == 2)

    def test_all_refuse_a_damaged_checkpoint(
        self, second: list[float], whole: Path, tmp_path: Path
    ) -> None:
        """Otherwise the others would wait for the first one."""
        (tmp_path / "out/checkpoints").mkdir(parents=True)
        shutil.copy(whole / "out/config.yaml", tmp_path / "out")
        (tmp_path / "out/checkpoints/last.ckpt").write_bytes(b"damaged")
        outcome = command(FIT, tmp_path)
        assert (outcome.status, outcome.out, len(second)) == (2, "", 1)
        assert "out/checkpoints/last.ckpt: expected a checkpoint of this program" in outcome.err

    def test_do_not_test(self, others: None, tmp_path: Path) -> None:
        outcome = command([*TEST, "DeepConv1d"], tmp_path)
        assert (outcome.status, outcome.err) == (
            2,
            "ecg-lightning: test: expected one process, found 2; "
            "start one, as with srun --ntasks=1\n",
        )

    def test_lightning_does_not_requeue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "ecg"}.items():
            monkeypatch.setenv(name, value)
        [environment] = [
            plugin
            for plugin in plugins(None, one_device=False)
            if isinstance(plugin, SLURMEnvironment)
        ]
        assert not environment.auto_requeue
