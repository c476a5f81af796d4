"""Optimisers, schedules, clipping and accumulation of `fit`: what they do, and after a stop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.cli import TINY, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
EPOCHS, STEPS = 3, 4  # steps of an epoch of 100 beats
FIT = [
    *("fit", *TINY, "--data.per_class", "20", "--data.batch_size", "32", "--output", "run"),
    *("--trainer.max_epochs", str(EPOCHS), "--trainer.deterministic", "true"),
    "--trainer.callbacks+=tests.training.test_resume.Faults",
]
ADAMW = ["--optimizer", "AdamW", "--optimizer.lr", "0.01"]
PLATEAU = ["--lr_scheduler", "ReduceLROnPlateau", "--lr_scheduler.monitor", "val_loss"]
# No epoch is better than another by so much: the rate falls after each epoch but the first.
WORSE = [*PLATEAU, "--lr_scheduler.patience", "0", "--lr_scheduler.threshold", "10"]
ONE_CYCLE = ["--lr_scheduler", "OneCycleLR", "--lr_scheduler.max_lr", "0.01"]
COSINE = ["--lr_scheduler", "CosineAnnealingLR", "--lr_scheduler.T_max"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)
    torch.use_deterministic_algorithms(False)


def fit(folder: Path, *words: str) -> dict[str, Any]:
    """Train; return what `last.ckpt` holds."""
    outcome = command([*FIT, *words], folder)
    assert (outcome.status, outcome.err) == (0, "")
    content: dict[str, Any] = torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)
    return content


def assert_equal(one: Any, other: Any) -> None:
    """Compare nested values bit by bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_equal(value, other[key])
    elif isinstance(one, list | tuple):
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


CASES = {
    # words, the place of a stop, the rate in the end
    "by a metric": ([*ADAMW, *WORSE], "0 validation", 0.01 / 10 / 10 / 10),
    "by step": (
        [*ADAMW, *COSINE, str(EPOCHS * STEPS), "--lr_interval", "step"],
        "1 1",
        0.0,
    ),
    "by epoch, with clipping and accumulation": (
        [
            *("--optimizer", "SGD", "--optimizer.lr", "0.1", "--optimizer.momentum", "0.9"),
            *("--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1"),
            *("--trainer.gradient_clip_val", "0.5", "--trainer.accumulate_grad_batches", "2"),
        ],
        "1 1",
        0.1 / 10**EPOCHS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_ends_with_the_same_bits(case: str, tmp_path: Path) -> None:
    words, stop, rate = CASES[case]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    (broken / "faults-0").write_text(f"SIGTERM {stop}")
    assert command([*FIT, *words], broken).status == 75
    contents = [fit(folder, *words) for folder in (whole, broken)]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert_equal(contents[0][key], contents[1][key])
    [group] = contents[0]["optimizer_states"][0]["param_groups"]
    assert group["lr"] == pytest.approx(rate, abs=1e-12)
    config = contents[0]["ecg_lightning"]["config"]
    for setting in ("optimizer", "lr_scheduler"):
        name = config[setting]["class_path"].rpartition(".")[2]
        assert name == words[words.index(f"--{setting}") + 1]
    if "clipping" in case:
        assert config["trainer"]["gradient_clip_val"] == 0.5
        assert config["trainer"]["accumulate_grad_batches"] == 2
        assert contents[0]["global_step"] == EPOCHS * STEPS / 2


def test_a_schedule_waits_for_a_validation(tmp_path: Path) -> None:
    content = fit(tmp_path, *ADAMW, *WORSE, "--trainer.check_val_every_n_epoch", "2")
    assert content["lr_schedulers"][0]["last_epoch"] == 1


def test_a_checkpoint_keeps_when_the_rate_changes(tmp_path: Path) -> None:
    words = [*ADAMW, *COSINE, "40"]
    fit(tmp_path, *words, "--lr_interval", "step")
    more = ["--trainer.max_epochs", str(EPOCHS + 1), "--output", "more"]
    outcome = command([*FIT, *words, "--ckpt_path", "run/checkpoints/last.ckpt", *more], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    content = torch.load(tmp_path / "more/checkpoints/last.ckpt", weights_only=True)
    assert content["lr_schedulers"][0]["last_epoch"] == (EPOCHS + 1) * STEPS


@pytest.mark.parametrize("name", ["Adafactor", "LBFGS"])
def test_a_run_resumes_with_an_optimizer_of_another_form(name: str, tmp_path: Path) -> None:
    fit(tmp_path, "--optimizer", name)
    again = ["--ckpt_path", "run/checkpoints/last.ckpt", "--output", "more"]
    words = ["--optimizer", name, "--trainer.max_epochs", str(EPOCHS + 1)]
    outcome = command([*FIT, *again, *words], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")


REFUSED = {
    "a metric that no epoch has": (
        [*ADAMW, *PLATEAU[:2], "--lr_scheduler.monitor", "accuracy"],
        "lr_scheduler.monitor: expected one of train_loss, train_accuracy, val_loss, val_accuracy",
    ),
    "no metric": ([*ADAMW, *PLATEAU[:2]], "lr_scheduler.monitor: expected one of train_loss, "),
    "the wrong direction": (
        [*ADAMW, *PLATEAU[:2], "--lr_scheduler.monitor", "val_accuracy"],
        "lr_scheduler.mode: expected max for val_accuracy, found min; give --lr_scheduler.mode max",
    ),
    "a metric by step": ([*ADAMW, *PLATEAU, "--lr_interval", "step"], "lr_interval: expected epoc"),
    "torch's class": (
        [*ADAMW, "--lr_scheduler", "torch.optim.lr_scheduler.ReduceLROnPlateau"],
        "lr_scheduler: expected lightning.pytorch.cli.ReduceLROnPlateau, which has the setting mon",
    ),
    "too few epochs": (
        [*ADAMW, *ONE_CYCLE, "--lr_scheduler.total_steps", "2"],
        "total_steps of OneCycleLR: expected at least 3, the epochs of the training, found 2; ",
    ),
    "too few steps": (
        [*ADAMW, *ONE_CYCLE, "--lr_scheduler.total_steps", "11", "--lr_interval", "step"],
        "total_steps of OneCycleLR: expected at least 12, the steps of the training, found 11; ",
    ),
    "an interval alone": (["--lr_interval", "step"], "lr_interval: expected a schedule, found "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_the_training(case: str, tmp_path: Path) -> None:
    words, line = REFUSED[case]
    outcome = command([*FIT, *words], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith(f"ecg-lightning: {line}")
    assert not (tmp_path / "run").exists()
