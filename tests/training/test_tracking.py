"""What loggers get of a fit: settings, steps, pictures, results; and runs that are resumed."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ecg_lightning.training import trackers
from tests.helpers.cli import SMALL, TINY, command, names_below, one_cache
from tests.helpers.paths import ROOT
from tests.helpers.trackers import Kept

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning",
    "ignore:.*tensorboard",
)
EXAMPLES = ROOT / "docs" / "examples"
EPOCHS, STEPS = 3, 4  # 100 draws in batches of 32
FIT = (*TINY, *SMALL, "--trainer.max_epochs", str(EPOCHS), "--model.learning_rate", "0.01")
EVERY = ("--trainer.log_every_n_steps", "1")
KEPT = ("--trainer.logger", "tests.helpers.trackers.Kept")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module", autouse=True)
def of_a_service() -> Iterator[None]:
    """Treat the stand-in as the logger of a service that has runs and a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trackers.ID, "Kept", "id")
        patch.setitem(trackers.FOLDER, "Kept", ("save_dir", "."))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def kept(folder: Path, cache: Path) -> Kept:
    """The logger of a fit with test."""
    outcome = command([*FIT, *EVERY, *KEPT, "--output", "run"], folder, script=True)
    assert (outcome.status, outcome.err) == (0, "")
    return Kept.built[-1]


def metrics_of(run: Path) -> Any:
    return json.loads((run / "metrics.json").read_text())


def epochs_of(run: Path) -> list[dict[str, float]]:
    """The rows of metrics.csv, joined by epoch."""
    epochs: dict[str, dict[str, float]] = {}
    with open(run / "metrics.csv", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {key: float(value) for key, value in row.items() if value}
            epochs.setdefault(row["epoch"], {}).update(numbers)
    return list(epochs.values())


class TestALogger:
    def test_gets_network_data_and_seed(self, kept: Kept) -> None:
        expected = {"network": "Tiny", "seed": 0, "data.source": "synthetic", "data.seed": 0}
        assert kept.settings.items() >= expected.items()
        assert kept.settings["model.learning_rate"] == 0.01
        assert not any(isinstance(value, str) and "/" in value for value in kept.settings.values())

    def test_gets_the_loss_of_every_step(self, kept: Kept, folder: Path) -> None:
        losses = kept.values("train_loss_step")
        assert list(losses) == list(range(EPOCHS * STEPS))
        sizes = np.array([32, 32, 32, 4])
        for epoch, row in enumerate(epochs_of(folder / "run")):
            own = [losses[step] for step in range(epoch * STEPS, (epoch + 1) * STEPS)]
            assert np.average(own, weights=sizes) == pytest.approx(row["train_loss"], rel=1e-5)

    def test_gets_the_learning_rate(self, kept: Kept) -> None:
        assert set(kept.values("learning_rate").values()) == {0.01}

    def test_gets_a_picture_of_each_best_epoch_and_of_the_test(
        self, kept: Kept, folder: Path
    ) -> None:
        losses = [row["val_loss"] for row in epochs_of(folder / "run")]
        best = [i for i, loss in enumerate(losses) if loss < min(losses[:i], default=np.inf)]
        names = [(name, step) for name, _, step in kept.pictures]
        steps = [(epoch + 1) * STEPS - 1 for epoch in best]
        assert names[:-1] == [("val_confusion", step) for step in steps]
        assert names[-1] == ("test_confusion", EPOCHS * STEPS - 1)
        for _, picture, _ in kept.pictures:
            assert (picture.shape[2], picture.dtype) == (3, np.uint8)
            assert len(np.unique(picture)) > 20

    def test_gets_the_results_of_metrics_json_and_is_closed_then(
        self, kept: Kept, folder: Path
    ) -> None:
        metrics, (_, last) = metrics_of(folder / "run"), kept.metrics[-1]
        for weights, section in (("best", metrics), ("last", metrics["last_epoch"])):
            for part, key in (("val", "validation"), ("test", "test")):
                assert last[f"{weights}/{part}_accuracy"] == section[key]["accuracy"]
                assert last[f"{weights}/{part}_loss"] == section[key]["loss"]
        assert kept.ends == ["success"]

    def test_leaves_the_run_folder_as_it_is(self, kept: Kept, folder: Path) -> None:
        names = names_below(folder / "run")
        assert names >= {"metrics.csv", "report.html", "checkpoints/best.ckpt", "loggers.json"}
        assert {path.name for path in folder.iterdir()} == {"run"}
        assert Path(kept.save_to) == folder / "run"
        assert [row["epoch"] for row in epochs_of(folder / "run")] == list(range(EPOCHS))
        assert "train_loss_step" not in (folder / "run/metrics.csv").read_text()


def test_a_fit_that_fails_says_so_to_its_logger(tmp_path: Path) -> None:
    diverges = ("--model.learning_rate", "1e38")
    outcome = command(["fit", *FIT, *diverges, *KEPT], tmp_path)
    assert outcome.status == 2
    assert Kept.built[-1].ends == ["failed"]


def test_a_resumed_run_is_the_same_run_of_the_service(tmp_path: Path) -> None:
    """It gets each step once."""
    (tmp_path / "faults-0").write_text("SIGUSR1 1 1")
    args = ["fit", *FIT, *EVERY, *KEPT, "--output", "run"]
    args += ["--trainer.callbacks", "tests.training.test_resume.Faults"]
    assert command(args, tmp_path).status == 75
    first = Kept.built[-1]
    assert first.ends == ["failed"]
    outcome = command(args, tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    second = Kept.built[-1]
    assert (second.id, second.project) == (first.id, first.project)
    steps = [*first.values("train_loss_step"), *second.values("train_loss_step")]
    assert steps == list(range(EPOCHS * STEPS))
    losses = [*first.values("val_loss"), *second.values("val_loss")]
    assert losses == [3, 7, 11]
    assert len(epochs_of(tmp_path / "run")) == EPOCHS  # all are in metrics.csv
    other = command([*args[:-4], "--ckpt_path", "run/checkpoints/last.ckpt"], tmp_path)
    assert other.status == 0
    assert Kept.built[-1].id != first.id  # another run folder


@pytest.fixture(scope="module")
def events(folder: Path, cache: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    outcome = command([*FIT, *EVERY, "--output", "board"], folder, script=True)
    assert (outcome.status, outcome.err) == (0, "")
    events = EventAccumulator(str(folder / "board"))
    events.Reload()
    return events


class TestTensorBoard:
    def test_shows_losses_learning_rate_and_pictures(self, events: Any, folder: Path) -> None:
        assert [one.step for one in events.Scalars("train_loss_step")] == list(range(12))
        assert {round(one.value, 6) for one in events.Scalars("learning_rate")} == {0.01}
        assert events.Tags()["images"] == ["val_confusion", "test_confusion"]
        [picture] = events.Images("test_confusion")
        assert (picture.width, picture.height) == (660, 363)
        assert len(picture.encoded_image_string) < 60_000

    def test_shows_hyperparameters_with_results(self, events: Any, folder: Path) -> None:
        from tensorboard.plugins.hparams import plugin_data_pb2  # type: ignore[import-untyped]

        content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        assert settings["network"].string_value == "Tiny"
        assert settings["seed"].number_value == 0
        [best] = events.Scalars("best/test_accuracy")
        metrics = metrics_of(folder / "board")
        assert best.value == pytest.approx(metrics["test"]["accuracy"], rel=1e-6)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_an_example_names_the_commands_that_use_it(name: str) -> None:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    settings = yaml.safe_load(text)
    assert f"--config docs/examples/{name}.yaml" in text
    assert settings["trainer"]["logger"]["class_path"].startswith("lightning.pytorch.loggers.")


def fit_with_example(name: str, folder: Path) -> None:
    """Fit in a process of its own, as these packages change the process."""
    others = os.environ.get("PYTHONPATH")
    args = ["--config", str(EXAMPLES / f"{name}.yaml"), *FIT, "--output", "run"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/train.py", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), others]))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "run"
    assert names_below(folder / "run") >= {"metrics.csv", "report.html", "checkpoints/best.ckpt"}


def test_the_example_of_tensorboard(tmp_path: Path) -> None:
    fit_with_example("tensorboard", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "tensorboard"}
    assert len(list((tmp_path / "tensorboard/version_0").glob("events.*"))) == 1


def test_the_example_of_wandb(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="W&B not tested: the package wandb is not installed")
    fit_with_example("wandb", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    assert len(list((tmp_path / "run/wandb").glob("offline-run-*/run-*.wandb"))) == 1


def test_the_example_of_mlflow(tmp_path: Path) -> None:
    reason = "MLflow not tested: the package mlflow is not installed"
    tracking = pytest.importorskip("mlflow.tracking", reason=reason)
    fit_with_example("mlflow", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "mlflow.db"}
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ecg-lightning")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["network"] == "Tiny"
    assert (
        run.data.metrics["best/test_accuracy"] == metrics_of(tmp_path / "run")["test"]["accuracy"]
    )
