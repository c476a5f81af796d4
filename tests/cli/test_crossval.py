"""`ecg-lightning crossval`: units as child processes, resuming, refusals and the table."""

import contextlib
import csv
import fcntl
import io
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
)

from ecg_lightning.cli.crossval import command as crossval
from ecg_lightning.cli.crossval import unit as crossval_unit
from ecg_lightning.cli.main import main, train
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.folds import TABLE_METRICS
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.evaluation.summary import summarize
from ecg_lightning.records.synthetic import write_synthetic
from ecg_lightning.records.wfdb.annotation_writer import annotation_bytes
from ecg_lightning.records.wfdb.annotations import read_annotations
from ecg_lightning.system.processes import python_path
from tests.helpers.cli import TINY, Outcome, names_below, one_cache
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
EPOCHS = 3
# With this split_seed each fold has all classes in training; the steps suffice to predict each.
SMALL = [
    *TINY,
    "--data.per_class",
    "100",
    "--model.learning_rate",
    "0.03",
    "--trainer.max_epochs",
    str(EPOCHS),
    "--data.split_seed",
    "1",
]
ONE_EPOCH = ["--trainer.max_epochs", "1"]
FAULTY = ["--trainer.callbacks+=tests.cli.test_crossval.Faults"]
FOLDS = ["--output", "out", "--folds", "3", *SMALL, *FAULTY]
UNITS = [f"fold-{fold}-seed-0" for fold in range(3)]


class Faults(lightning.Callback):
    """Once: fold 1 is refused before its first epoch; once: fold 2 is killed in its second."""

    def _first(self, trainer: Any, fold: int) -> bool:
        marker = Path(trainer.default_root_dir).parent / "faulted"
        if trainer.datamodule.choice.fold != fold or marker.exists():
            return False
        marker.touch()
        return True

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if self._first(trainer, 1):
            raise InputError("made to fail")

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        if trainer.current_epoch == 1 and trainer.global_step % 16 == 7 and self._first(trainer, 2):
            os.kill(os.getpid(), signal.SIGKILL)


class Terminated(lightning.Callback):
    """Sends SIGTERM to its own process in the second epoch."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def ran(folder: Path, *args: str) -> Outcome:
    """`ecg-lightning crossval ARGS` in this process; its units are child processes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["crossval", *args])
        except SystemExit as end:  # a crash, or a signal
            status = int(end.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())


def refused(outcome: Outcome) -> str:
    """The one line of a command that was refused."""
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    return outcome.err.removeprefix("ecg-lightning: ").strip()


def below(folder: Path) -> dict[str, int]:
    """Every file below a folder, and when it was changed."""
    return {name: (folder / name).stat().st_mtime_ns for name in names_below(folder)}


def run_of(unit: Path) -> Path:
    return unit / "run"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crossval")


@pytest.fixture(scope="module")
def first(home: Path) -> tuple[Outcome, dict[str, int]]:
    """Three folds, two of which fail."""
    outcome = ran(home, *FOLDS)
    return outcome, below(home)


@pytest.fixture(scope="module")
def second(home: Path, first: object) -> Outcome:
    """The same command again."""
    return ran(home, *FOLDS)


@pytest.fixture(scope="module")
def parts(home: Path, second: Outcome) -> list[Predictions]:
    """The predictions of the three folds."""
    return [Predictions.read(run_of(home / "out" / name) / "predictions.csv") for name in UNITS]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run units in this process, for tests that are not about child processes."""

    def run(commands: dict[str, list[str]], folder: Path, *_: object) -> dict[str, int]:
        statuses = {}
        for name, command in commands.items():
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                statuses[name] = crossval_unit.main(command[4:])
            (folder / name / "log").write_text(out.getvalue())
        return {name: status for name, status in statuses.items() if status}

    monkeypatch.setattr(crossval, "run_all", run)


class TestUnitsThatFail:
    def test_are_listed_with_the_last_line_of_their_logs(
        self, first: tuple[Outcome, object]
    ) -> None:
        outcome = first[0]
        assert outcome.status == 1  # a crash
        lines = outcome.err.splitlines()
        assert lines[0] == "fold-1-seed-0: ecg-lightning: made to fail"
        assert lines[1].startswith(f"fold-2-seed-0: epoch 1/{EPOCHS}  train_loss ")
        assert lines[2] == (
            "ecg-lightning: out: 2 of 3 units failed; "
            "read their logs, then repeat the command: it runs only these units"
        )

    def test_leave_the_others_alone(
        self, first: tuple[Outcome, dict[str, int]], home: Path
    ) -> None:
        outcome, files = first
        assert "fold-0-seed-0: finished" in outcome.out.splitlines()
        assert "not finished: fold-1-seed-0 fold-2-seed-0" in outcome.out
        assert "pooled" not in outcome.out
        assert {name for name in files if name.endswith("predictions.csv")} == {
            "out/fold-0-seed-0/run/predictions.csv"
        }

    def test_are_done_by_the_same_command_and_no_other_is(
        self, second: Outcome, first: tuple[Outcome, dict[str, int]], home: Path
    ) -> None:
        assert (second.status, second.err) == (0, "")
        assert second.out.splitlines()[0] == "3 units, 1 finished before, 1 at a time"
        before, after = (
            {name: changed for name, changed in files.items() if "fold-0" in name}
            for files in (first[1], below(home))
        )
        assert before == after

    def test_killed_ones_resume_from_their_last_epoch(self, second: Outcome, home: Path) -> None:
        log = (home / "out/fold-2-seed-0/log").read_text().splitlines()
        begun = [line for line in log if line.startswith("epoch ")]
        assert [line.split()[1] for line in begun] == [f"{epoch}/{EPOCHS}" for epoch in (1, 2, 3)]
        assert log[1] == "resumed from out/fold-2-seed-0/run/checkpoints/last.ckpt, 1 epoch"
        assert home / log[-1] == run_of(home / "out/fold-2-seed-0")

    def test_killed_ones_end_as_an_unbroken_run_does(
        self, second: Outcome, home: Path, tmp_path: Path
    ) -> None:
        args = ["--data.split", "folds", "--data.folds", "3", "--data.fold", "2", *SMALL]
        with contextlib.chdir(tmp_path), contextlib.redirect_stdout(io.StringIO()) as out:
            assert train(args) == 0
        alone, resumed = (
            tmp_path / out.getvalue().splitlines()[-1],
            run_of(home / "out/fold-2-seed-0"),
        )
        for name in ("best", "last"):
            states = [
                torch.load(run / f"checkpoints/{name}.ckpt", weights_only=True)["state_dict"]
                for run in (alone, resumed)
            ]
            assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        assert (alone / "predictions.csv").read_bytes() == (
            resumed / "predictions.csv"
        ).read_bytes()


class TestAFinishedCrossval:
    def test_runs_nothing_again(self, second: Outcome, home: Path) -> None:
        before = below(home / "out")
        outcome = ran(home, *FOLDS)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out.splitlines()[0] == "3 units, 3 finished before, 1 at a time"
        tables = {"crossval.csv", "crossval.json", "crossval.yaml"}  # written again
        after = below(home / "out")
        assert {name for name in before if after[name] != before[name]} <= tables
        assert set(after) == set(before)
        assert (
            outcome.out.splitlines()[1:]
            == second.out.splitlines()[-len(outcome.out.splitlines()) + 1 :]
        )

    def test_tests_every_record_once(self, parts: list[Predictions]) -> None:
        names = [set(part.records.tolist()) for part in parts]
        assert sum(map(len, names)) == 12
        assert set.union(*names) == {f"s{number:02}" for number in range(1, 13)}

    def test_other_settings_are_refused(self, second: Outcome, home: Path) -> None:
        line = refused(ran(home, *FOLDS, "--data.per_class", "30", "--model.learning_rate", "0.1"))
        assert line.startswith(
            "out: begun with other settings: expected model.learning_rate 0.03, data.per_class 100,"
            " found model.learning_rate 0.1, data.per_class 30; repeat the command with the"
            " settings that it was begun with, or choose another folder"
        )

    def test_a_second_one_at_the_same_time_is_refused(self, second: Outcome, home: Path) -> None:
        with open(home / "out/lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            line = refused(ran(home, *FOLDS))
        assert line.startswith(
            "out: expected no other command in this folder, found one that is running, "
            "or a process that a killed one left behind; wait"
        )

    def test_a_record_in_two_folds_is_refused(
        self, parts: list[Predictions], tmp_path: Path
    ) -> None:
        """As where records were added between two units."""
        units = [crossval_unit.Unit(*of) for of in ((0, 0), (1, 0), (0, 1))]
        crossval._refuse_two_tests(
            tmp_path, dict(zip(units, [parts[0], parts[1], parts[0]], strict=True))
        )
        twice = Predictions.concatenate([parts[1], parts[0]])
        with pytest.raises(InputError, match="folds that test each record once, found record"):
            crossval._refuse_two_tests(tmp_path, {units[0]: parts[0], units[1]: twice})

    def test_pooled_metrics_are_those_of_all_beats_together(
        self, parts: list[Predictions], home: Path
    ) -> None:
        content = json.loads((home / "out/crossval.json").read_text())
        labels, predicted = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("labels", "predicted")
        )
        records = np.concatenate([part.records for part in parts])
        probabilities = np.concatenate([part.probabilities for part in parts])
        expected = summarize(labels, predicted, probabilities, records, np.random.default_rng(0))
        assert content["pooled"] == json.loads(json.dumps([{"seed": 0, "measures": expected}]))
        pooled = content["pooled"][0]["measures"]
        class_f1 = f1_score(labels, predicted, labels=range(5), average=None)
        overall = {
            "accuracy": accuracy_score(labels, predicted),
            "balanced_accuracy": balanced_accuracy_score(labels, predicted),
            "macro_f1_nsv": class_f1[:3].mean(),
            "macro_f1_nsvf": class_f1[:4].mean(),
        }
        assert {key: pooled["overall"][key] for key in overall} == pytest.approx(overall, abs=1e-12)
        for k, name in ((1, "S"), (2, "V")):
            ratios = {
                "sensitivity": recall_score(labels, predicted, labels=[k], average="macro"),
                "positive_predictivity": precision_score(
                    labels, predicted, labels=[k], average="macro"
                ),
                "f1": class_f1[k],
            }
            assert {key: pooled["by_class"][name][key] for key in ratios} == pytest.approx(
                ratios, abs=1e-12
            )
        assert len(set(predicted.tolist())) == 5  # so that the metrics above say something

    def test_csv_holds_what_json_does(self, second: Outcome, home: Path) -> None:
        content = json.loads((home / "out/crossval.json").read_text())
        with open(home / "out/crossval.csv", newline="") as file:
            rows = {row["unit"]: row for row in csv.DictReader(file)}
        assert list(rows) == [
            *UNITS,
            "mean",
            "spread",
            "n",
            "pooled seed 0",
            "95 % from",
            "95 % to",
        ]
        for unit in content["units"]:
            assert float(rows[unit["unit"]]["S.f1"]) == pytest.approx(unit["S.f1"], abs=1e-6)
            assert rows[unit["unit"]]["beats"] == str(unit["beats"])
        interval = content["pooled"][0]["measures"]["intervals"]["macro_f1_nsv"]
        ends = [float(rows[name]["macro_f1_nsv"]) for name in ("95 % from", "95 % to")]
        assert ends == pytest.approx([interval["low"], interval["high"]], abs=1e-6)
        assert rows["n"]["accuracy"] == "3"

    def test_the_table_says_whether_patients_are_apart(self, second: Outcome, home: Path) -> None:
        assert second.out.splitlines()[-2] == "training and test: inter-patient"
        content = json.loads((home / "out/crossval.json").read_text())
        assert content["patients"] == ["inter-patient"]

    def test_the_table_fits_a_phone(self, second: Outcome) -> None:
        lines = second.out.splitlines()
        table = lines[next(number for number, line in enumerate(lines) if "bal acc" in line) :]
        assert max(map(len, table)) <= 72
        assert sum(line.startswith("pooled seed 0") for line in table) == 2

    def test_leaves_the_shared_settings(self, second: Outcome, home: Path) -> None:
        settings = yaml.safe_load((home / "out/crossval.yaml").read_text())
        assert (
            settings["data"]["split"],
            settings["data"]["folds"],
            settings["data"]["per_class"],
        ) == ("folds", 3, 100)


@pytest.mark.usefixtures("here")
class TestSeeds:
    def test_mean_and_spread_and_one_more_seed(self, tmp_path: Path) -> None:
        command = ["--output", "out", *SMALL]
        assert ran(tmp_path, *command, "--seeds", "3", "5").status == 0
        before = below(tmp_path / "out/seed-3")
        assert ran(tmp_path, *command, "--seeds", "3", "5", "7").status == 0
        assert below(tmp_path / "out/seed-3") == before
        content = json.loads((tmp_path / "out/crossval.json").read_text())
        assert [unit["unit"] for unit in content["units"]] == ["seed-3", "seed-5", "seed-7"]
        assert content["pooled"] == []
        complete = [
            key for key in TABLE_METRICS if all(unit[key] is not None for unit in content["units"])
        ]
        assert {
            "accuracy",
            "balanced_accuracy",
            "macro_f1_nsv",
            "macro_f1_nsvf",
            "S.f1",
            "V.f1",
        } <= set(complete)
        for key in complete:
            values = [unit[key] for unit in content["units"]]
            expected = {"mean": np.mean(values), "spread": np.std(values, ddof=1), "n": 3}
            assert content["over_units"][key] == pytest.approx(expected, abs=1e-12)
        assert content["over_units"]["accuracy"]["spread"] > 0  # the seeds differ
        config = yaml.safe_load(
            (tmp_path / "out" / content["units"][1]["run"] / "config.yaml").read_text()
        )
        assert (config["seed_everything"], config["data"]["seed"]) == (5, 5)

    def test_a_run_that_stopped_early_is_not_trained_further(self, tmp_path: Path) -> None:
        early = [
            "--early_stopping.min_delta",
            "100",
            "--early_stopping.patience",
            "1",
            "--trainer.max_epochs",
            "9",
        ]
        command = ["--output", "out", "--seeds", "0", *SMALL, *early]
        assert ran(tmp_path, *command).status == 0
        unit = tmp_path / "out/seed-0"
        table, run = (tmp_path / "out/crossval.csv").read_bytes(), run_of(unit)
        assert len(re.findall(r"^epoch ", (unit / "log").read_text(), re.MULTILINE)) == 2
        (run / "metrics.json").unlink()
        assert ran(tmp_path, *command).status == 0
        assert "resumed from" in (unit / "log").read_text()
        assert not [
            line for line in (unit / "log").read_text().splitlines() if line.startswith("epoch ")
        ]
        assert (tmp_path / "out/crossval.csv").read_bytes() == table

    def test_a_unit_that_is_told_to_end_is_not_finished(self, tmp_path: Path) -> None:
        stop = ["--trainer.callbacks+=tests.cli.test_crossval.Terminated"]
        before = signal.getsignal(signal.SIGTERM)
        outcome = ran(tmp_path, "--output", "out", "--seeds", "0", *SMALL, *stop)
        assert signal.getsignal(signal.SIGTERM) == before
        assert outcome.status == 1
        assert outcome.out.splitlines()[-1] == "not finished: seed-0"

    def test_a_run_without_predictions_is_not_finished(self, tmp_path: Path) -> None:
        outcome = ran(
            tmp_path, "--output", "out", "--seeds", "0", *SMALL, "--trainer.fast_dev_run", "true"
        )
        assert outcome.status == 2
        assert outcome.out.splitlines()[-1] == "not finished: seed-0"
        assert "1 of 1 units failed" in outcome.err.splitlines()[-1]
        # These settings have given no result, so others may replace them.
        again = ran(
            tmp_path, "--output", "out", "--seeds", "0", *SMALL, "--trainer.max_epochs", "1"
        )
        assert again.status == 0


SEEDS = "expected different whole numbers from 0 to 4294967295"
FOR_EACH = "crossval sets it for each unit; remove it, and"
# The words after `crossval --output out` -> the beginning of the line that refuses them.
MISTAKES = {
    "": "crossval: expected folds or seeds, found neither; give --folds 5, or --seeds 0 1 2, or",
    "--folds 2": "--folds: expected 3 or more, one for each part, found 2; change --folds",
    "--folds 13": "folds: expected 3 to 12, the number of patients, found 13; change the number of",
    "--folds 1000000000": "folds: expected 3 to 100,000, and at most one for each record, found "
    "1000000000; change the number of folds (--folds)",
    f"--folds {10**30}": "folds: expected 3 to 100,000, and at most one for each record, found",
    "--folds 40000 --seeds 1 2 3": "folds: expected 3 to 33,333, and at most one for each record,",
    "--data.split folds --data.folds -1": "folds: expected 3 to 100,000, and at most one for each",
    "--folds 3 --data.split_seed 8": "fold 1, balance weighted: expected all of N S V F Q in the "
    "training part, found no beat of class F among ",
    "--data.split records --data.split_seed 67 --seeds 1": "balance weighted: expected all of N S ",
    "--folds 3 --data.patients x.csv": "patients: expected the source wfdb, found synthetic; do",
    "--folds x": "argument --folds: invalid int value: 'x'; see `ecg-lightning crossval --help`",
    "--jobs -1 --folds 3": "--jobs: expected 0 or more, found -1; change --jobs",
    "--unit seed-2 --seeds 0 1": "--unit: expected one of seed-0, seed-1, found seed-2; change",
    "--unit seed-1 --seeds 0 1": "out: expected crossval.yaml, found none; run the same command "
    "once with --jobs 0",
    "--seeds 1 1": f"--seeds: {SEEDS}, found 1 1; change --seeds",
    "--seeds -1": f"--seeds: {SEEDS}, found -1; change --seeds",
    "--folds 3 --data.fold=1": f"--data.fold: {FOR_EACH} use --folds, --seeds and --output",
    "--folds 3 --data.folds 4": f"--data.folds: {FOR_EACH}",
    "--folds 3 --data.split all": f"--data.split: {FOR_EACH}",
    "--folds 3 --data.seed 1": f"--data.seed: {FOR_EACH}",
    "--folds 3 --seed_everything 1": f"--seed_everything: {FOR_EACH}",
    "--folds 3 --trainer.default_root_dir x": f"--trainer.default_root_dir: {FOR_EACH}",
    "--folds 3 --ckpt_path x": f"--ckpt_path: {FOR_EACH} repeat the command with the same --output",
    "--folds 3 --trainer.devices 2": "trainer.devices: expected 1 for crossval, found 2; remove "
    "--trainer.devices",
    "--folds 3 --checkpoint.dirpath x": "checkpoint.dirpath: expected None for crossval, found x; "
    "remove --checkpoint.dirpath",
    "--folds 3 --data.per_class many": "data.per_class: expected int, found many; see "
    "`ecg-lightning fit --help`",
    "--folds 3 --config absent.yaml": "config absent.yaml: expected a file, or the name of a ",
    "--folds 3 --output full": "full: expected a new folder or one that crossval began, found",
    "--folds 3 --output full/file": "full/file: expected a folder that can be written, found File ",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_refused_in_one_line_and_leave_nothing(words: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    line = refused(ran(tmp_path, "--output", "out", *SMALL, *words.split()))
    assert line.startswith(MISTAKES[words])
    assert names_below(tmp_path) == {"full/file"}
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("here")
def test_folds_of_unknown_patients_are_called_whole_records(tmp_path: Path) -> None:
    """As those of the synthetic database are, where it is opened as a folder like any other."""
    write_synthetic(tmp_path / "db", minutes=3)
    data = ["--data.source", "wfdb", "--data.root", "db", "--data.balance", "none"]
    outcome = ran(tmp_path, "--output", "out", "--folds", "3", *data, *TINY, *ONE_EPOCH)
    assert outcome.status == 0
    words = "patients unknown: whole records are apart"
    assert outcome.out.splitlines()[-2] == f"training and test: {words}"
    assert json.loads((tmp_path / "out/crossval.json").read_text())["patients"] == [words]
    for unit in UNITS:
        page = (run_of(tmp_path / "out" / unit) / "report.html").read_text()
        assert "Patients unknown: whole records are apart." in page
        assert "nter-patient" not in page
    # Then an annotation changes: a finished table is shown with a warning, no unit is made.
    command = ("--output", "out", "--folds", "3", *data, *TINY, *ONE_EPOCH)
    assert ran(tmp_path, *command).out.splitlines()[-2] == outcome.out.splitlines()[-2]
    old = read_annotations(tmp_path / "db/s03.atr", 360, 1, 64_800)
    symbols = old.symbols.copy()
    symbols[5] = "A" if symbols[5] != "A" else "N"
    (tmp_path / "db/s03.atr").write_bytes(annotation_bytes(old.samples, symbols))
    again = ran(tmp_path, *command)
    assert again.out.splitlines()[-2] == outcome.out.splitlines()[-2]
    changed = "the records, annotations or this program have changed since it was made"
    assert again.err == f"ecg-lightning: warning: out: {changed}\n"
    (run_of(tmp_path / "out" / UNITS[1]) / "predictions.csv").unlink()  # no longer finished
    for more, hint in (
        ((), "choose another folder"),
        (("--unit", UNITS[0]), "run the same command once with --jobs 0"),
    ):
        changed_too = ran(tmp_path, *command, *more)
        assert (changed_too.status, changed_too.out) == (2, "")
        assert changed_too.err.splitlines()[-1].startswith(
            "ecg-lightning: out: expected the records and annotations with which it was begun, "
            f"found others, or another version of this program; {hint}"
        )


def test_a_config_that_resumes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("ckpt_path: old.ckpt\n")
    line = refused(ran(tmp_path, "--output", "out", "--seeds", "1", *SMALL, "--config", "run.yaml"))
    reason = "crossval trains each unit from its start; remove ckpt_path from the config"
    assert line == f"ckpt_path old.ckpt: {reason}"


def test_a_child_runs_a_module_of_the_package_whatever_the_folder_holds() -> None:
    command = crossval_unit.Unit(2, 5).command(Path("out"))
    assert command[1:] == ["-P", "-m", "ecg_lightning.cli.crossval.unit", "out", "2", "5"]
    assert crossval_unit.Unit(None, 5).command(Path("out"))[-2:] == ["", "5"]


@pytest.mark.parametrize(
    ("count", "visible", "accelerator", "jobs", "expected"),
    [
        (0, None, "auto", None, [{}]),
        (0, None, "auto", 2, [{"OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "3"}]),
        (0, None, "auto", 9, [{"OMP_NUM_THREADS": "1"}] * 9),
        (1, None, "gpu", None, [{"CUDA_VISIBLE_DEVICES": "0"}]),
        (
            2,
            None,
            "auto",
            None,
            [{"OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": gpu} for gpu in "01"],
        ),
        (
            2,
            "4,7",
            "cuda",
            None,
            [{"OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": gpu} for gpu in "47"],
        ),
        (
            2,
            None,
            "auto",
            3,
            [{"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": gpu} for gpu in "010"],
        ),
        (2, None, "cpu", None, [{}]),
    ],
)
def test_one_unit_runs_on_each_gpu(
    count: int,
    visible: str | None,
    accelerator: str,
    jobs: int | None,
    expected: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    package = {"PYTHONPATH": python_path()}
    assert crossval._slots(accelerator, jobs, 12) == [{**package, **slot} for slot in expected]
    alone = {key: value for key, value in expected[0].items() if key != "OMP_NUM_THREADS"}
    assert crossval._slots(accelerator, jobs, 0) == [{**package, **alone}]
