"""Several processes train as one process does, on CPU with gloo.

They share one draw and the gradients of one batch, and every beat is evaluated once.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg_lightning.data.datamodule import BeatDataModule
from tests.helpers.cli import SMALL, TINY, one_cache
from tests.helpers.ddp import EPOCHS, GLOBAL_BATCH, PER_CLASS, SAVED, VALIDATION
from tests.helpers.paths import ROOT
from tests.helpers.records import write_small_kaggle

STEPS = -(-5 * PER_CLASS // GLOBAL_BATCH)  # an epoch
SEVERAL = (2, 4)
Runs = dict[int, list[dict[str, Any]]]  # by the number of processes, what each of them has left


def run(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """A Python process that finds the tests and has one thread."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    args = [sys.executable, *map(str, command)]
    result = subprocess.run(
        args, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which one, two and four processes have trained."""
    kaggle, folder = (tmp_path_factory.mktemp(name) for name in ("kaggle", "runs"))
    write_small_kaggle(kaggle, 210)
    run("-m", "tests.helpers.ddp", kaggle, folder, folder=folder)
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> Runs:
    return {
        world: [
            torch.load(folder / str(world) / f"{rank}.pt", weights_only=True)
            for rank in range(world)
        ]
        for world in (1, 2, 4)
    }


def shown(run: dict[str, Any], part: str = "train") -> list[list[int]]:
    rows: list[list[int]] = run["shown"][part]
    return rows


def largest_difference(ours: dict[str, Tensor], others: dict[str, Tensor]) -> float:
    assert ours.keys() == others.keys()
    return max(float((ours[name] - other).abs().max()) for name, other in others.items())


@pytest.mark.parametrize("name", ["alone", "alone, resumed"])
def test_loaders_without_their_data_module_train_the_same(runs: Runs, name: str) -> None:
    for rank in runs[2]:
        whole, alone = rank["whole"], rank[name]
        assert not alone["shown"]["train"]  # no batch went through the data module
        assert largest_difference(whole["weights"], alone["weights"]) == 0
        assert whole["losses"]["val"] == alone["losses"]["val"]
        assert torch.equal(whole["matrices"]["val"], alone["matrices"]["val"])


@pytest.mark.parametrize("world", SEVERAL)
def test_ranks_show_disjoint_positions_of_one_draw(runs: Runs, world: int) -> None:
    alone = shown(runs[1][0]["whole"])
    assert len(alone) == STEPS * EPOCHS
    for step, batch in enumerate(alone):
        shares = [shown(rank["whole"])[step] for rank in runs[world]]
        assert [shares[i % world][i // world] for i in range(len(batch))] == batch
        assert [len(share) for share in shares] == [len(batch) // world] * world


@pytest.mark.parametrize("world", SEVERAL)
def test_gradients_are_those_of_the_joint_batch(runs: Runs, world: int) -> None:
    alone = runs[1][0]["whole"]["gradients"]
    assert all(float(gradient.abs().max()) > 1e-3 for gradient in alone.values())
    for rank in runs[world]:
        assert (
            largest_difference(rank["whole"]["gradients"], alone) <= 1e-14
        )  # measured 3e-15: alone it is torch's own batch_norm


def test_gradients_differ_where_each_process_norms_its_own_batch(runs: Runs) -> None:
    """The test above would detect it."""
    alone, apart = runs[1][0]["whole"]["gradients"], runs[2][0]["apart"]["gradients"]
    assert largest_difference(apart, alone) > 1e-4


@pytest.mark.parametrize("world", SEVERAL)
def test_whole_runs_agree(runs: Runs, world: int) -> None:
    alone, ranks = runs[1][0]["whole"], [rank["whole"] for rank in runs[world]]
    for rank in ranks:
        assert largest_difference(rank["weights"], ranks[0]["weights"]) == 0.0
        assert (
            largest_difference(rank["weights"], alone["weights"]) <= 1e-14
        )  # measured 4e-16; ten steps of Adam may amplify rounding
        for part in ("train", "val"):
            assert torch.equal(rank["matrices"][part], alone["matrices"][part])
            assert rank["losses"][part] == pytest.approx(
                alone["losses"][part], rel=1e-6
            )  # summed in float32


@pytest.mark.parametrize("world", SEVERAL)
def test_validation_counts_every_beat_once(runs: Runs, world: int) -> None:
    expected = Counter(row for batch in shown(runs[1][0]["whole"], "validation") for row in batch)
    assert sum(expected.values()) == VALIDATION * EPOCHS
    batches = [shown(rank["whole"], "validation") for rank in runs[world]]
    assert (
        Counter(row for rank_batches in batches for batch in rank_batches for row in batch)
        == expected
    )
    assert (
        len({len(rank_batches) for rank_batches in batches}) == 2
    )  # 497 beats do not go into equal shares, and here not into as many batches
    assert all(int(rank["whole"]["matrices"]["val"].sum()) == VALIDATION for rank in runs[world])


def test_two_processes_resume_within_an_epoch(runs: Runs) -> None:
    for rank in runs[2]:
        whole, resumed = rank["whole"], rank["resumed"]
        assert shown(resumed) == shown(whole)[(EPOCHS - 1) * STEPS + SAVED :]
        assert largest_difference(resumed["weights"], whole["weights"]) == 0.0
        assert torch.equal(resumed["matrices"]["val"], whole["matrices"]["val"])


@pytest.mark.parametrize("world", [1, *SEVERAL])
def test_measured_statistics_are_those_of_one_process(runs: Runs, world: int) -> None:
    alone = runs[1][0]["measured"]
    for rank in runs[world]:
        measured, resumed = rank["measured"], rank["measured, resumed"]
        first = runs[world][0]["measured"]["weights"]
        assert largest_difference(measured["weights"], first) == 0.0
        assert largest_difference(measured["weights"], alone["weights"]) <= 1e-14
        assert measured["losses"]["val"] == pytest.approx(alone["losses"]["val"], rel=1e-6)
        assert torch.equal(measured["matrices"]["val"], alone["matrices"]["val"])
        # Memory lies elsewhere in another process, and sums can be rounded in another order.
        assert largest_difference(resumed["weights"], measured["weights"]) <= 1e-15


@pytest.mark.parametrize("world", [1, *SEVERAL])
def test_measuring_changes_no_weight(runs: Runs, world: int) -> None:
    for rank in runs[world]:
        measured, whole = rank["measured"], rank["whole"]
        assert shown(measured) == shown(whole)
        for name, tensor in measured["weights"].items():
            if "running" in name:
                assert float((tensor - whole["weights"][name]).abs().max()) > 1e-3
            else:
                assert torch.equal(tensor, whole["weights"][name])


@pytest.mark.parametrize("world", SEVERAL)
def test_one_process_builds_the_cache_and_the_others_wait(
    folder: Path, runs: Runs, world: int
) -> None:
    assert (folder / str(world) / "built").read_text() == "0\n"


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Write the synthetic database into the cache of all tests."""
    for _ in one_cache(tmp_path_factory):
        BeatDataModule().prepare_data()
        yield


BEATS = {"train": 100, "validation": 500, "test": 500}
LAUNCHERS: dict[str, Sequence[str]] = {
    "Lightning": (),
    "torchrun": ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_command_line_on_two_devices(synthetic: None, tmp_path: Path, launcher: str) -> None:
    script = str(ROOT / "scripts" / "train.py")
    devices = (
        "--trainer.accelerator",
        "cpu",
        "--trainer.devices",
        "2",
        "--trainer.strategy",
        "ddp",
    )
    args = ("--config", "demo.yaml", *TINY, *SMALL, *devices, "--output", "run")
    result = run(*LAUNCHERS[launcher], script, *args, folder=tmp_path)
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines if ":" in line].count(
        "validation, best weights"
    ) == 1  # by the first rank alone
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    beats = {part: int(np.sum(metrics[part]["confusion_matrix"])) for part in BEATS}
    assert beats == BEATS
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
    }
