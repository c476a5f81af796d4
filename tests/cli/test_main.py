"""Runs on the synthetic database: what they print and write, and whether metrics fit weights."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping, ProgressBar, RichProgressBar
from matplotlib.image import imread
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.trainer import command as lightning_cli
from ecg_lightning.cli.trainer import parts as trainer_parts
from ecg_lightning.cli.trainer.command import CLI
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.models import DeepConv1d
from ecg_lightning.training.callbacks.epoch_bar import EpochBar
from ecg_lightning.training.callbacks.epoch_lines import EpochLines
from ecg_lightning.training.run import new_folder
from tests.helpers.cli import SMALL, TINY, Outcome, Steps, Tiny, command, names_below, one_cache
from tests.helpers.paths import ROOT

EVALUATED = {
    "evaluation.json",
    "report.html",
    "per_record.csv",
    "predictions.csv",
}  # of the test part

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
EPOCHS = 4
# Steps so large that the last epoch is not the best.
WILD = [*TINY, *SMALL, "--trainer.max_epochs", str(EPOCHS), "--model.learning_rate", "0.3"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of the runs that several tests use."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def trained(home: Path, cache: Path) -> Outcome:
    """`scripts/train.py`: fit, then test with the best and with the last weights."""
    with pytest.MonkeyPatch.context() as patch:  # as in an activated environment
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        return command(WILD, home, script=True)


@pytest.fixture(scope="module")
def run_folder(trained: Outcome, home: Path) -> Path:
    return home / trained.folder


@pytest.fixture(scope="module")
def data(cache: Path) -> BeatDataModule:
    module = BeatDataModule(per_class=20)
    module.prepare_data()
    module.setup()
    return module


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def epochs_of(folder: Path) -> list[dict[str, float]]:
    """The rows of metrics.csv, joined for each epoch."""
    rows: dict[int, dict[str, float]] = {}
    with open(folder / "metrics.csv", newline="") as file:
        for row in csv.DictReader(file):
            values = {name: float(value) for name, value in row.items() if value}
            rows.setdefault(int(values["epoch"]), {}).update(values)
    return [rows[epoch] for epoch in sorted(rows)]


def checkpoint(folder: Path, name: str) -> Any:
    return torch.load(folder / "checkpoints" / name, weights_only=True)


def finished(args: list[str], folder: Path) -> CLI:
    """The CLI object after its run."""
    runs: list[CLI] = []

    class Kept(CLI):
        def __init__(self, *args: Any) -> None:
            runs.append(self)
            super().__init__(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightning_cli, "CLI", Kept)
        outcome = command(args, folder)
    assert (outcome.status, outcome.err) == (0, "")
    return runs[0]


def figures(part: dict[str, Any]) -> str:
    """How the command line prints a part of metrics.json."""
    matrix = np.array(part["confusion_matrix"])
    right, total = int(np.trace(matrix)), int(matrix.sum())
    true, predicted = (
        np.repeat(rows, matrix.ravel()) for rows in np.indices((5, 5)).reshape(2, -1)
    )
    balanced = balanced_accuracy_score(true, predicted)
    only = np.flatnonzero(matrix.any(axis=0))
    return (
        f"accuracy {right / total:.4f} ({right:,} of {total:,}), balanced accuracy {balanced:.4f}, "
        f"loss {part['loss']:.4f}"
        + (f"; every beat is called {CLASS_NAMES[only[0]]}" if len(only) == 1 else "")
    )


class TestTheRunsFolder:
    def test_is_the_last_line_and_lies_below_runs(self, trained: Outcome, run_folder: Path) -> None:
        assert trained.status == 0
        assert trained.folder.parts[0] == "runs"
        assert len(trained.folder.parts) == 2
        assert trained.folder.name.endswith("-fit-Tiny")
        assert run_folder.is_dir()

    def test_holds_what_it_should_and_nothing_else(self, run_folder: Path) -> None:
        names = names_below(run_folder)
        events = {name for name in names if name.startswith("events.out.tfevents.")}
        assert len(events) == 1
        assert names - events == {
            *("config.yaml", "hparams.yaml", "metrics.csv", "metrics.json"),
            *("confusion_matrix.png", "curves.png", "classes.png"),
            *("checkpoints/best.ckpt", "checkpoints/last.ckpt"),
            *EVALUATED,
        }

    def test_pictures_can_be_read_and_are_not_blank(self, run_folder: Path) -> None:
        for name in ("confusion_matrix.png", "curves.png", "classes.png"):
            picture = imread(run_folder / name)
            assert min(picture.shape[:2]) > 200
            assert len(np.unique(picture[..., 0])) > 20

    def test_config_holds_every_setting(self, run_folder: Path) -> None:
        config = yaml.safe_load((run_folder / "config.yaml").read_text())
        assert config["data"]["per_class"] == 20
        assert config["data"]["source"] == "synthetic"
        assert config["model"]["network"]["class_path"] == "tests.helpers.cli.Tiny"
        assert config["model"]["learning_rate"] == 0.3
        assert config["trainer"]["max_epochs"] == EPOCHS
        assert config["seed_everything"] == 0
        assert (config["early_stopping"]["monitor"], config["early_stopping"]["patience"]) == (
            "val_loss",
            18,
        )
        assert config["checkpoint"]["monitor"] == "val_loss"

    def test_metrics_csv_has_the_four_figures_of_every_epoch(self, run_folder: Path) -> None:
        rows = epochs_of(run_folder)
        assert [row["epoch"] for row in rows] == list(range(EPOCHS))
        for row in rows:
            assert set(row) >= {"train_loss", "train_accuracy", "val_loss", "val_accuracy"}

    def test_tensorboard_has_the_same_figures(self, run_folder: Path) -> None:
        from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
            EventAccumulator,
        )

        events = EventAccumulator(str(run_folder))
        events.Reload()
        for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
            logged = [event.value for event in events.Scalars(name)]
            assert logged == pytest.approx([row[name] for row in epochs_of(run_folder)], rel=1e-6)

    def test_best_and_last_checkpoints_are_the_best_and_the_last_epoch(
        self, run_folder: Path
    ) -> None:
        losses = [row["val_loss"] for row in epochs_of(run_folder)]
        best = int(np.argmin(losses))
        assert best != EPOCHS - 1, (
            "the run has to end after its best epoch for this test to tell them apart"
        )
        assert checkpoint(run_folder, "best.ckpt")["epoch"] == best
        assert checkpoint(run_folder, "last.ckpt")["epoch"] == EPOCHS - 1

    def test_prints_one_line_an_epoch_and_the_figures_of_metrics_json(
        self, trained: Outcome, run_folder: Path
    ) -> None:
        lines, metrics = trained.out.splitlines(), read_json(run_folder / "metrics.json")
        for epoch, row in enumerate(epochs_of(run_folder)):
            line = next(line for line in lines if line.startswith(f"epoch {epoch + 1}/{EPOCHS}  "))
            assert f"val_loss {row['val_loss']:.4f}" in line
            assert f"train_accuracy {row['train_accuracy']:.4f}" in line
        first = lines.index(f"validation, best weights: {figures(metrics['validation'])}")
        assert lines[first : first + 4] == [
            f"validation, best weights: {figures(metrics['validation'])}",
            f"test, best weights: {figures(metrics['test'])}",
            f"validation, last weights: {figures(metrics['last_epoch']['validation'])}",
            f"test, last weights: {figures(metrics['last_epoch']['test'])}",
        ]

    def test_ends_with_the_files_and_the_next_command(
        self, trained: Outcome, run_folder: Path
    ) -> None:
        run = trained.folder
        best = checkpoint(run_folder, "best.ckpt")["epoch"] + 1
        assert trained.out.splitlines()[-9:] == [
            f"Best weights, of epoch {best}, which has the lowest val_loss:",
            f"  {run}/checkpoints/best.ckpt",
            f"Last weights, of epoch {EPOCHS}:",
            f"  {run}/checkpoints/last.ckpt",
            "Report of the test:",
            f"  {run}/report.html",
            "Next, write the class probabilities:",  # `annotate` takes no network of the user
            f"  ecg-lightning predict --config {run}/config.yaml "
            f"--ckpt_path {run}/checkpoints/best.ckpt",
            str(run),
        ]

    def test_a_line_says_whether_its_epoch_is_the_best_so_far(self, trained: Outcome) -> None:
        lines = [line for line in trained.out.splitlines() if line.startswith("epoch ")]
        losses = [float(line.partition("val_loss ")[2].split()[0]) for line in lines]
        expected = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
        assert [line.endswith(" s  best") for line in lines] == expected
        assert sum(expected) < EPOCHS

    def test_no_bar_and_nothing_on_standard_error(self, trained: Outcome) -> None:
        assert trained.err == ""
        assert not {"\r", "\x1b", "━"} & set(trained.out)


class TestFigures:
    @pytest.mark.parametrize(
        ("weights", "section"), [("best.ckpt", None), ("last.ckpt", "last_epoch")]
    )
    @pytest.mark.parametrize("part", ["validation", "test"])
    def test_are_those_of_the_weights(
        self, run_folder: Path, data: BeatDataModule, weights: str, section: str | None, part: str
    ) -> None:
        metrics = read_json(run_folder / "metrics.json")
        written = (metrics[section] if section else metrics)[part]
        network = Tiny()
        state = checkpoint(run_folder, weights)["state_dict"]
        network.load_state_dict(
            {key.removeprefix("network."): value for key, value in state.items()}
        )
        rows = getattr(data.split_rows, part)
        with torch.no_grad():
            shares = (
                network.double()(torch.from_numpy(data.beats.signals[rows]).double())
                .softmax(-1)
                .numpy()
            )
        labels = data.beats.labels[rows]
        assert (
            written["confusion_matrix"]
            == confusion_matrix(labels, shares.argmax(1), labels=range(5)).tolist()
        )
        assert written["loss"] == pytest.approx(log_loss(labels, shares, labels=range(5)), rel=1e-5)
        assert written["accuracy"] == pytest.approx(np.mean(labels == shares.argmax(1)))
        assert written["beats"] == dict.fromkeys("NSVFQ", 100)

    def test_name_the_checkpoint_and_count_the_training_part(
        self, run_folder: Path, home: Path, data: BeatDataModule
    ) -> None:
        metrics = read_json(run_folder / "metrics.json")
        assert metrics["checkpoint"] == "checkpoints/best.ckpt"
        assert metrics["train"]["beats"] == data.beats.class_counts(data.split_rows.train)

    @pytest.mark.parametrize(("verb", "part"), [("test", "test"), ("validate", "validation")])
    @pytest.mark.parametrize(("weights", "section"), [("best", None), ("last", "last_epoch")])
    def test_evaluating_a_checkpoint_again_gives_the_same(
        self,
        run_folder: Path,
        trained: Outcome,
        tmp_path: Path,
        verb: str,
        part: str,
        weights: str,
        section: str | None,
    ) -> None:
        path = run_folder / "checkpoints" / f"{weights}.ckpt"
        again = command(
            [verb, "--config", str(run_folder / "config.yaml"), "--ckpt_path", str(path)], tmp_path
        )
        assert (again.status, again.err) == (0, "")
        assert again.folder.name.endswith(f"-{verb}-Tiny")
        metrics, first = (
            read_json(tmp_path / again.folder / "metrics.json"),
            read_json(run_folder / "metrics.json"),
        )
        assert metrics[part].items() >= (first[section] if section else first)[part].items()
        assert metrics["checkpoint"] == path.name
        printed = next(
            line
            for line in trained.out.splitlines()
            if line.startswith(f"{part}, {weights} weights: ")
        )
        assert again.out.splitlines()[-2] == printed.replace(f", {weights} weights", "")
        evaluated = EVALUATED if verb == "test" else set()
        assert (
            names_below(tmp_path / again.folder)
            == {"config.yaml", "metrics.json", "confusion_matrix.png", "classes.png"} | evaluated
        )

    def test_the_evaluation_is_of_the_best_weights(self, run_folder: Path) -> None:
        metrics, evaluation = (
            read_json(run_folder / "metrics.json")["test"],
            read_json(run_folder / "evaluation.json"),
        )
        assert evaluation["measures"]["confusion_matrix"] == metrics["confusion_matrix"]
        assert metrics["measures"] == evaluation["measures"]
        assert metrics["measures"]["overall"]["accuracy"] == metrics["accuracy"]
        assert evaluation["checkpoint"] == "checkpoints/best.ckpt"
        assert evaluation["split"] == "original"
        assert len(evaluation["shared_patients"]) == 12
        assert evaluation["settings"]["data"]["per_class"] == 20

    def test_a_report_of_two_runs(self, run_folder: Path, tmp_path: Path) -> None:
        outcome = command(
            ["report", str(run_folder), str(run_folder), "--output", "both.html"], tmp_path
        )
        assert (outcome.status, outcome.err) == (0, "")
        *_, row, same, last = outcome.out.splitlines()
        overall = read_json(run_folder / "evaluation.json")["measures"]["overall"]
        assert row == same
        assert row.startswith(
            f"| Tiny | original | 12 on both sides | 500 | {100 * overall['accuracy']:.1f} ("
        )
        assert row.endswith(f"| {read_json(run_folder / 'evaluation.json')['run']} |")
        assert last == "both.html"
        assert (tmp_path / "both.html").read_text().startswith("<!doctype html>")
        refused = command(["report", "nothing"], tmp_path)
        assert refused.status == 2
        assert refused.err.startswith("ecg-lightning: nothing: expected an evaluated run")
        assert names_below(tmp_path) == {"both.html"}

    def test_predict_writes_every_beat_of_the_test_part(
        self, run_folder: Path, data: BeatDataModule, tmp_path: Path
    ) -> None:
        args = [
            "predict",
            "--config",
            run_folder / "config.yaml",
            "--ckpt_path",
            run_folder / "checkpoints/best.ckpt",
        ]
        outcome = command([str(arg) for arg in args], tmp_path)
        with open(tmp_path / outcome.folder / "predictions.csv", newline="") as file:
            table = list(csv.DictReader(file))
        rows, beats = data.split_rows.test, data.beats
        assert [row["record"] for row in table] == beats.record_ids[rows].tolist()
        assert [int(row["sample"]) for row in table] == beats.samples[rows].tolist()
        assert [row["symbol"] for row in table] == beats.symbols[rows].tolist()
        classes = [("NSVFQ".index(row["class"]), "NSVFQ".index(row["predicted"])) for row in table]
        assert [label for label, _ in classes] == beats.labels[rows].tolist()
        matrix = confusion_matrix(*zip(*classes, strict=True), labels=range(5)).tolist()
        assert matrix == read_json(run_folder / "metrics.json")["test"]["confusion_matrix"]


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, float]]]:
    """One epoch with the seeds 1, 1 and 2."""
    result = []
    for seed in ("1", "1", "2"):
        folder = tmp_path_factory.mktemp("seed")
        outcome = command(["fit", *TINY, *SMALL, "--seed_everything", seed], folder)
        result.append(epochs_of(folder / outcome.folder))
    return result


class TestSeeds:
    def test_the_same_seed_gives_the_same_run(self, histories: list[Any]) -> None:
        assert histories[0] == histories[1]

    def test_another_seed_gives_another(self, histories: list[Any]) -> None:
        assert histories[0] != histories[2]

    def test_the_sampler_has_another_seed(self, histories: list[Any], tmp_path: Path) -> None:
        outcome = command(
            ["fit", *TINY, *SMALL, "--seed_everything", "1", "--data.seed", "5"], tmp_path
        )
        assert epochs_of(tmp_path / outcome.folder) != histories[0]


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    whole = command(["fit", *TINY, *SMALL, "--trainer.max_epochs", "3"], tmp_path)
    begun = command(["fit", *TINY, *SMALL, "--trainer.max_epochs", "2"], tmp_path)
    last = str(tmp_path / begun.folder / "checkpoints/last.ckpt")
    resumed = command(
        ["fit", *TINY, *SMALL, "--trainer.max_epochs", "3", "--ckpt_path", last], tmp_path
    )
    assert (resumed.status, resumed.err) == (0, "")
    states = [
        checkpoint(tmp_path / run.folder, "last.ckpt")["state_dict"] for run in (whole, resumed)
    ]
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_a_resumed_run_keeps_the_best_epoch_so_far(tmp_path: Path) -> None:
    """A learning rate of 1,000 makes later epochs worse, so the first run has the best one."""
    begun = command(["fit", *TINY, *SMALL, "--trainer.max_epochs", "2"], tmp_path)
    first = tmp_path / begun.folder / "checkpoints"
    content = torch.load(first / "last.ckpt", weights_only=True)
    content["optimizer_states"][0]["param_groups"][0]["lr"] = 1e3
    torch.save(content, first / "last.ckpt")
    resumed = command(
        [
            "fit",
            *TINY,
            *SMALL,
            "--trainer.max_epochs",
            "4",
            "--ckpt_path",
            str(first / "last.ckpt"),
        ],
        tmp_path,
    )
    assert (resumed.status, resumed.err) == (0, "")
    best = [checkpoint(tmp_path / run.folder, "best.ckpt") for run in (begun, resumed)]
    assert best[0]["epoch"] == best[1]["epoch"]
    kept = json.loads((tmp_path / resumed.folder / "metrics.json").read_text())
    assert (
        kept["validation"]
        == json.loads((tmp_path / begun.folder / "metrics.json").read_text())["validation"]
    )


def test_prepare_needs_no_config(tmp_path: Path) -> None:
    """The advice that messages give, word for word."""
    outcome = command(["prepare", "--data.source", "synthetic"], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


def test_the_training_part_has_figures_too(tmp_path: Path) -> None:
    outcome = command(["fit", *TINY, *SMALL], tmp_path)
    part = json.loads((tmp_path / outcome.folder / "metrics.json").read_text())["train"]
    assert sum(map(sum, part["confusion_matrix"])) == 100  # 20 draws of each of five classes
    assert part["accuracy"] == sum(part["confusion_matrix"][i][i] for i in range(5)) / 100
    assert part["loss"] == pytest.approx(
        float(epochs_of(tmp_path / outcome.folder)[-1]["train_loss"]), rel=1e-5
    )
    assert sum(part["beats"].values()) > 1000  # the part's own beats


def test_a_run_whose_first_epoch_is_the_best(tmp_path: Path) -> None:
    outcome = command([*TINY, *SMALL], tmp_path, script=True)
    assert [line.split(":")[0] for line in outcome.out.splitlines()[1:5]] == [
        *("validation, best weights", "test, best weights"),
        *("validation, last weights", "test, last weights"),
    ]
    assert outcome.out.splitlines()[5].startswith("Best weights, of epoch 1,")


def test_early_stopping_stops(tmp_path: Path) -> None:
    args = [
        "--trainer.max_epochs",
        "9",
        "--early_stopping.min_delta",
        "100",
        "--early_stopping.patience",
        "2",
    ]
    outcome = command(["fit", *TINY, *SMALL, *args], tmp_path)
    assert (
        len(epochs_of(tmp_path / outcome.folder)) == 3
    )  # the first is the best, two more are waited for


def test_runs_lie_below_default_root_dir_where_it_is_given(tmp_path: Path) -> None:
    root = tmp_path / "new" / "place"
    outcome = command(["fit", *TINY, *SMALL, "--trainer.default_root_dir", str(root)], tmp_path)
    assert outcome.folder.parent == root
    assert (outcome.folder / "checkpoints/best.ckpt").is_file()
    assert not (tmp_path / "runs").exists()


def test_runs_that_begin_in_the_same_second_keep_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "2020-01-01-000000")
    folders = [new_folder(tmp_path, "fit-Tiny").name for _ in range(3)]
    assert folders == [f"2020-01-01-000000-fit-Tiny{end}" for end in ("", "-1", "-2")]


def test_another_rank_takes_the_first_ones_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_folder(tmp_path, "fit-Tiny")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert new_folder(tmp_path, "fit-Tiny") == first
    assert len(list(tmp_path.iterdir())) == 1


def test_prepare_fills_the_cache_and_prints_the_classes(
    cache: Path, data: BeatDataModule, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    outcome = command(["prepare"], tmp_path)
    lines = outcome.out.splitlines()
    assert (outcome.status, outcome.err) == (0, "")
    assert lines[0] == f"{len(data.beats):,} beats: " + " · ".join(
        f"{k} {n:,}" for k, n in data.beats.class_counts().items()
    )
    assert [line.split(": ")[0].strip() for line in lines[1:]] == ["train", "validation", "test"]
    assert lines[2].endswith("validation: N 100 · S 100 · V 100 · F 100 · Q 100")
    assert list(tmp_path.iterdir()) == [], "prepare has no run to keep"
    assert {
        path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()
    } == before, "all was there already"


def test_the_network_takes_its_length_from_the_data(tmp_path: Path) -> None:
    args = ["fit", *TINY, *SMALL, "--data.window_samples", "200", "--trainer.fast_dev_run", "true"]
    run = finished(args, tmp_path)
    assert run.model.network.input_length == 200
    assert run.datamodule.beats.signals.shape[2] == 200


RICH = ("--trainer.callbacks+", "RichProgressBar")  # a bar of the user
OFF = ("--trainer.enable_progress_bar", "false")


@pytest.mark.parametrize(
    ("terminal", "words", "bars"),
    [
        (True, (), [EpochBar]),
        (False, (), []),
        (True, OFF, []),
        (True, RICH, [RichProgressBar]),
        (False, RICH, [RichProgressBar]),
    ],
)
def test_a_bar_and_a_table_on_a_terminal_and_lines_elsewhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    words: tuple[str, ...],
    bars: list[type],
) -> None:
    for module in (lightning_cli, trainer_parts):
        monkeypatch.setattr(module, "on_a_terminal", lambda stream: terminal)
    run = finished(["fit", *TINY, *SMALL, *words, "--trainer.fast_dev_run", "true"], tmp_path)
    callbacks: list[Any] = run.trainer.callbacks  # type: ignore[attr-defined]
    assert [type(one) for one in callbacks if isinstance(one, ProgressBar)] == bars
    assert [one.table for one in callbacks if isinstance(one, EpochLines)] == [terminal]


def test_what_the_user_configures_stays(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        # A quarter of four batches. "1" could mean a number or a share, because typing caches
        # int | float and float | int as one type.
        "trainer:\n  logger: false\n  fast_dev_run: false\n  limit_train_batches: 0.25\n"
        "  callbacks:\n"
        "    - class_path: tests.helpers.cli.Steps\n"
        "early_stopping: {monitor: val_accuracy, mode: max, patience: 8}\n"
    )
    run = finished(["fit", "--config", "own.yaml", *TINY, *SMALL], tmp_path)
    callbacks: list[Any] = run.trainer.callbacks  # type: ignore[attr-defined]
    assert [callback.steps for callback in callbacks if isinstance(callback, Steps)] == [1]
    stopping = next(callback for callback in callbacks if isinstance(callback, EarlyStopping))
    assert (stopping.monitor, stopping.mode, stopping.patience) == ("val_accuracy", "max", 8)
    names = names_below(tmp_path / "runs")
    assert not any(name.endswith("metrics.csv") for name in names)
    assert any(name.endswith("metrics.json") for name in names)


def test_the_demo_trains_deep_conv1d(tmp_path: Path) -> None:
    outcome = command(["fit", "--config", "demo.yaml", *SMALL], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    state = checkpoint(tmp_path / outcome.folder, "last.ckpt")["state_dict"]
    expected = {f"network.{key}": value.shape for key, value in DeepConv1d().state_dict().items()}
    assert {key: value.shape for key, value in state.items()} == expected


def test_train_without_arguments_takes_the_demo_and_names_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(
        lightning_cli, "CLI", lambda args, test_after_fit: taken.append((args, test_after_fit))
    )
    outcome = command([], tmp_path, script=True)
    [(args, test_after_fit)] = taken
    assert (args[:2], Path(args[2]).name, test_after_fit) == (
        ["fit", "--config"],
        "demo.yaml",
        True,
    )
    assert "python scripts/train.py --config deep_conv1d.yaml --data.root" in outcome.out


def test_the_script_in_its_process(tmp_path: Path) -> None:
    args = ["--config", "demo.yaml", *SMALL, "--trainer.limit_train_batches", "1"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/train.py", *args],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("runs/")
    assert (tmp_path / last / "metrics.json").is_file()
