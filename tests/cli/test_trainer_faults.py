"""What the Trainer, its settings and a user's network can do wrong, through the command line."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecg_lightning.errors import InputError
from ecg_lightning.training.trial import try_network
from tests.helpers.cli import TINY, Outcome, Tiny, command, one_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
FIT = ("fit", *TINY, "--data.per_class", "20", "--data.batch_size", "32")  # 4 steps in an epoch


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def fit(words: str, folder: Path, script: bool = False) -> Outcome:
    args = [*FIT[script:], "--trainer.max_epochs", "2", *words.split()]
    outcome = command(args, folder, script=script)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome


def checkpoints(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.ckpt")}


class TestRunsWithoutAValidation:
    @pytest.mark.parametrize(
        ("words", "epochs", "names"),
        [
            ("--trainer.max_steps 3", ["1/2 (3 of 4 steps)  train"], {"last.ckpt"}),
            (
                "--trainer.max_steps 6",
                ["1/2  train val", "2/2 (2 of 4 steps)  train"],
                {"best.ckpt", "last.ckpt"},
            ),
            ("--trainer.limit_val_batches 0", ["1/2  train", "2/2  train"], {"last.ckpt"}),
            (
                "--trainer.check_val_every_n_epoch 2",
                ["1/2  train", "2/2  train val"],
                {"best.ckpt", "last.ckpt"},
            ),
            ("--trainer.check_val_every_n_epoch 3", ["1/2  train", "2/2  train"], {"last.ckpt"}),
        ],
    )
    def test_prints_what_was_measured_and_keeps_its_checkpoints(
        self, words: str, epochs: list[str], names: set[str], tmp_path: Path
    ) -> None:
        outcome = fit(f"{words} --output run", tmp_path)
        lines = [line for line in outcome.out.splitlines() if line.startswith("epoch ")]
        shown = [
            f"{line[6:].partition('  ')[0]}  "
            + " ".join(part for part in ("train", "val") if f"{part}_loss" in line)
            for line in lines
        ]
        assert shown == epochs
        assert checkpoints(tmp_path) == names
        assert ("best weights" in outcome.out) == ("best.ckpt" in names)
        again = fit(f"{words} --output run", tmp_path)
        assert again.out == "run: this run is finished; nothing to do\n"

    def test_the_last_weights_are_tested_alone(self, tmp_path: Path) -> None:
        outcome = fit("--trainer.limit_val_batches 0 --output run", tmp_path, script=True)
        assert "test, last weights: accuracy" in outcome.out
        assert "best" not in outcome.out
        metrics = json.loads((tmp_path / "run/metrics.json").read_text())
        assert metrics["checkpoint"] == "checkpoints/last.ckpt"
        assert "measures" in metrics["test"]
        assert "last_epoch" not in metrics
        evaluation = json.loads((tmp_path / "run/evaluation.json").read_text())
        assert evaluation["checkpoint"] == "checkpoints/last.ckpt"

    def test_a_finished_fit_is_tested_by_the_script(self, tmp_path: Path) -> None:
        fit("--output run", tmp_path)
        assert "test, best weights: accuracy" in fit("--output run", tmp_path, script=True).out


@pytest.mark.parametrize(
    "words", ["--trainer.logger false", "--trainer.logger CSVLogger --trainer.logger.save_dir logs"]
)
def test_checkpoints_stay_in_the_run_folder(words: str, tmp_path: Path) -> None:
    outcome = fit(f"--trainer.max_steps 4 {words}", tmp_path)
    assert checkpoints(tmp_path / outcome.folder / "checkpoints") == {"best.ckpt", "last.ckpt"}


def test_no_checkpoint_or_result_names_a_folder_of_the_machine(tmp_path: Path) -> None:
    fit(f"--output {tmp_path / 'run'}", tmp_path, script=True)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert path.name == "config.yaml" or str(tmp_path).encode() not in path.read_bytes(), path


def test_a_moved_run_of_another_version_keeps_its_best_epoch(tmp_path: Path) -> None:
    """That version kept absolute paths."""
    fit("--output run", tmp_path)
    last = tmp_path / "run/checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    state = next(
        value for key, value in content["callbacks"].items() if key.startswith("BestCheckpoint")
    )
    folder = "/home/somebody/run/checkpoints"
    state.update(
        best_model_path=f"{folder}/best.ckpt",
        kth_best_model_path=f"{folder}/best.ckpt",
        dirpath=folder,
        best_k_models={f"{folder}/best.ckpt": torch.tensor(-1.0)},  # no later epoch is better
        best_model_score=torch.tensor(-1.0),
        kth_value=torch.tensor(-1.0),
    )
    torch.save(content, last)
    best = (last.parent / "best.ckpt").read_bytes()
    (tmp_path / "run").rename(tmp_path / "moved")
    words = "--ckpt_path moved/checkpoints/last.ckpt --trainer.max_epochs 3 --output new"
    fit(words, tmp_path)
    assert (tmp_path / "new/checkpoints/best.ckpt").read_bytes() == best
    (tmp_path / "moved/checkpoints/best.ckpt").unlink()
    outcome = fit(words.replace("new", "newer"), tmp_path)
    assert "moved/checkpoints: no best.ckpt; earlier epochs are not compared" in outcome.out


class Three(Tiny):
    def __init__(self) -> None:
        super().__init__(classes=3)


class Double(Tiny):
    def __init__(self) -> None:
        super().__init__()
        self.double()


class Pair(Tiny):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


class Fails(Tiny):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(3, -1))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--model.network torch.nn.Identity", "network Identity: expected parameters that can be"),
        ("--model.network torch.nn.ReLU", "network ReLU: expected parameters that can be trained"),
        ("--model.network tests.cli.test_trainer_faults.Three", "found (2, 3); let it return one"),
        ("--model.network tests.cli.test_trainer_faults.Double", "RuntimeError: "),
        ("--model.network tests.cli.test_trainer_faults.Pair", "found a tuple; let it return one"),
        ("--model.network tests.cli.test_trainer_faults.Fails", "test_trainer_faults.py, line "),
        ("--trainer.devices 1000000000", "trainer.devices: expected 1 to "),
        ("--trainer.check_val_every_n_epoch 0", "check_val_every_n_epoch: expected at least 1"),
        ("--trainer.accumulate_grad_batches -3", "accumulate_grad_batches: expected at least 1"),
        ("--trainer.gradient_clip_val .nan", "gradient_clip_val: expected 0 or a positive number"),
        ("--trainer.val_check_interval 0", "val_check_interval: expected a positive number"),
        (
            "--trainer.limit_train_batches 0",
            "limit_train_batches: expected a positive number",
        ),
        ("--trainer.max_steps 0", "trainer.max_steps: expected at least 1, or -1"),
        ("--early_stopping.patience -1", "early_stopping.patience: expected at least 0"),
        ("--model.learning_rate .inf", "learning_rate: expected a positive number, found inf"),
        ("--model.betas [.nan,0.9]", "betas: expected two numbers in [0, 1), found (nan, 0.9)"),
        ("--model.epsilon .nan", "epsilon: expected 0 or a positive number, found nan"),
        ("--optimizer SGD --optimizer.lr .inf", "optimizer.lr: expected a finite number"),
        ("--optimizer SGD --optimizer.lr -1", "optimizer: Invalid learning rate: -1.0"),
        ("--checkpoint.save_top_k -3", "Invalid value for save_top_k=-3"),
        (
            "--trainer.logger WandbLogger",
            "expected the package wandb, found none of that name; run",
        ),
        (
            "--trainer.callbacks+ LearningRateMonitor --trainer.logger false",
            "Cannot use `LearningRateMonitor` callback with `Trainer` that has no logger",
        ),
        ("--trainer.precision transformer-engine", "the package transformer_engine, found none"),
        ("--trainer.limit_val_batches -1", "invalid value -1 for limit_val_batches"),
        ("--trainer.max_time x", "is not a valid duration"),
    ],
)
def test_one_line_and_no_folder(words: str, line: str, tmp_path: Path) -> None:
    outcome = command([*FIT, *words.split()], tmp_path)
    assert outcome.status == 2
    assert outcome.err.startswith("ecg-lightning: ")
    assert outcome.err.count("\n") == 1
    assert line in outcome.err
    assert list((tmp_path / "runs").glob("*")) == []


class Drops(nn.Module):
    """Has statistics, random numbers of three kinds and parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.head = nn.BatchNorm1d(1), nn.Dropout(0.5), nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        random.random(), np.random.rand()
        return self.head(self.drop(self.norm(x)).flatten(1))


def test_a_trial_changes_nothing() -> None:
    class Holder:
        network = Drops()

    before = {key: value.clone() for key, value in Holder.network.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    try_network(Holder, (1, 64))
    after = Holder.network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert Holder.network.head.weight.grad is None
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert str(np.random.get_state()) == states[2]
    with pytest.raises(InputError, match="expected logits of beats of shape"):
        try_network(Holder, (1, 65))


def test_a_bug_of_this_program_is_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("ecg_lightning.data.datamodule.BeatDataModule._split", broken)
    with pytest.raises(ValueError, match="a bug"):
        command(FIT, tmp_path)
