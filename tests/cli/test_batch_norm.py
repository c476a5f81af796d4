"""`--batch_norm.batches`: what a user says, and what the commands do with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ecg_lightning.training.callbacks.batch_norm_statistics import MOVING
from tests.helpers.cli import command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
NETWORK = ["--model.network", "tests.training.test_resume.Normed"]
FIT = [
    *("fit", *NETWORK, "--data.per_class", "64", "--data.batch_size", "32"),
    *("--trainer.max_epochs", "1", "--model.learning_rate", "0.01"),
]
BATCHES = "--batch_norm.batches"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parent of a run with the default, and of one without measured statistics."""
    folder = tmp_path_factory.mktemp("runs")
    for name, words in (("measured", []), ("moving", [BATCHES, "0"])):
        outcome = command([*FIT, *words, "--output", name], folder)
        assert (outcome.status, outcome.err) == (0, "")
    return folder


def loss_of(runs: Path, name: str, *words: str) -> Any:
    """The loss of the test part."""
    folder = runs / name
    config, path = str(folder / "config.yaml"), str(folder / "checkpoints" / "last.ckpt")
    outcome = command(["test", "--config", config, "--ckpt_path", path, *words], runs)
    assert (outcome.status, outcome.err) == (0, "")
    return json.loads((runs / outcome.folder / "metrics.json").read_text())["test"]["loss"]


def last(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_a_network_of_ones_own_is_measured_unless_the_user_says_no(runs: Path) -> None:
    measured, moving = (last(runs / name) for name in ("measured", "moving"))
    assert MOVING in measured
    assert MOVING not in moving
    for name, value in moving["state_dict"].items():
        assert torch.equal(measured[MOVING].get(name, measured["state_dict"][name]), value), name
    kept = [content["ecg_lightning"]["config"]["batch_norm"] for content in (measured, moving)]
    assert kept == [{"batches": 100}, {"batches": 0}]


def test_a_test_takes_the_statistics_of_the_checkpoint_or_measures_them(runs: Path) -> None:
    measured, moving = loss_of(runs, "measured"), loss_of(runs, "moving")
    assert measured != moving
    assert loss_of(runs, "measured", "--data.split", "all") > 0  # nothing there to measure with
    assert loss_of(runs, "moving", BATCHES, "100") == measured
    assert loss_of(runs, "moving", BATCHES, "3") not in (measured, moving)


def test_predictions_are_measured_too(runs: Path) -> None:
    def predicted(name: str, *words: str) -> str:
        path = str(runs / name / "checkpoints" / "last.ckpt")
        outcome = command(["predict", *NETWORK, "--ckpt_path", path, *words], runs)
        assert (outcome.status, outcome.err) == (0, "")
        return (runs / outcome.folder / "predictions.csv").read_text()

    assert predicted("moving", BATCHES, "100") == predicted("measured") != predicted("moving")


@pytest.mark.parametrize("name", ["measured", "moving"])
def test_another_number_is_another_run(runs: Path, name: str) -> None:
    outcome = command([*FIT, BATCHES, "7", "--output", name], runs)
    assert outcome.status == 2
    assert "found batch_norm.batches 7; " in outcome.err


def test_a_run_of_an_earlier_version_is_resumed_as_it_began(runs: Path, tmp_path: Path) -> None:
    words = [*FIT, "--output", "run"]
    assert command([*words, BATCHES, "0"], tmp_path).status == 0
    config = tmp_path / "run" / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    del settings["batch_norm"]
    config.write_text(yaml.safe_dump(settings))
    (tmp_path / "run" / "metrics.json").unlink()  # not finished
    outcome = command([*words, BATCHES, "5"], tmp_path)
    assert "expected batch_norm.batches 0, found batch_norm.batches 5; " in outcome.err
    assert command(words, tmp_path).status == 0
    assert MOVING not in last(tmp_path / "run")
    assert yaml.safe_load(config.read_text())["batch_norm"] == {"batches": 0}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([*FIT, BATCHES, "-1"], "batches: expected 0 or more, found -1"),
        ([*FIT, BATCHES, "many"], "batch_norm.batches"),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(words: list[str], line: str, tmp_path: Path) -> None:
    outcome = command([*words, "--output", "out"], tmp_path)
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert line in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_test_of_all_beats_has_no_training_batches(runs: Path) -> None:
    path = str(runs / "moving" / "checkpoints" / "last.ckpt")
    words = ["--data.split", "all", "--ckpt_path", path, BATCHES, "3"]
    outcome = command(["test", *NETWORK, *words], runs)
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "expected beats in the train part, found none" in outcome.err


def test_a_damaged_entry_is_refused(runs: Path, tmp_path: Path) -> None:
    content = last(runs / "measured")
    name = next(iter(content[MOVING]))
    for value in (torch.ones(3), torch.full_like(content[MOVING][name], torch.nan), "text"):
        torch.save({**content, MOVING: {name: value}}, tmp_path / "damaged.ckpt")
        outcome = command([*FIT, "--ckpt_path", str(tmp_path / "damaged.ckpt")], tmp_path)
        assert (outcome.status, outcome.err.count("\n")) == (2, 1)
        assert MOVING in outcome.err
