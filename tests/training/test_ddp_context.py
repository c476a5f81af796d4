"""Sequences on two devices (CPU, gloo) beside one: the same draws, each beat once, exact resume."""

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import torch

from ecg_lightning.records.synthetic.database import write_synthetic
from tests.helpers.ddp_context import EPOCHS, SAVED
from tests.helpers.paths import ROOT

Runs = dict[int, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Number of processes to what each of them has kept."""
    folder = tmp_path_factory.mktemp("ddp")
    write_synthetic(folder / "records", seed=1, patients=14, minutes=2)
    (folder / "out").mkdir()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "tests.helpers.ddp_context", folder / "records", folder / "out"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return {
        world: [
            torch.load(folder / "out" / f"{world}-{rank}.pt", weights_only=True)
            for rank in range(world)
        ]
        for world in (1, 2)
    }


def rows_of(batches: list[list[list[int]]]) -> list[list[int]]:
    """All sequences, without the padding of their batch."""
    return [[row for row in sequence if row != -1] for batch in batches for sequence in batch]


def test_two_devices_share_out_the_draws_of_one(runs: Runs) -> None:
    alone = rows_of(runs[1][0]["whole"]["shown"]["train"])
    first, second = (rows_of(rank["whole"]["shown"]["train"]) for rank in runs[2])
    assert len(first) == len(second)
    each = len(alone) // EPOCHS
    shared = [row for pair in zip(first, second, strict=True) for row in pair]
    longer = len(shared) // EPOCHS
    assert longer - each in (0, 1)
    for epoch in range(EPOCHS):
        drawn = alone[epoch * each : (epoch + 1) * each]
        assert shared[epoch * longer :][:each] == drawn
        assert shared[epoch * longer :][each:longer] == drawn[: longer - each]


def test_two_devices_end_with_the_same_weights(runs: Runs) -> None:
    weights = [rank["whole"]["weights"] for rank in runs[2]]
    for name, tensor in weights[0].items():
        if not name.startswith("scaling."):  # of the batches of each; checkpoints have the first's
            assert torch.equal(tensor, weights[1][name]), name


def test_validation_counts_every_beat_once(runs: Runs) -> None:
    expected = Counter(runs[1][0]["whole"]["validation"])
    assert len(expected) > 2
    for ranks in runs.values():
        shown = [row for rank in ranks for row in rows_of(rank["whole"]["shown"]["validation"])]
        beats = Counter(row for sequence in shown for row in sequence if row >= 0)
        assert beats == Counter({row: EPOCHS for row in expected})
        for rank in ranks:
            assert int(rank["whole"]["matrices"]["val"].sum()) == len(expected)


def test_two_devices_resume_within_an_epoch(runs: Runs) -> None:
    for ranks in runs.values():
        for rank in ranks:
            whole, resumed = rank["whole"], rank["resumed"]
            assert len(whole["shown"]["train"]) > SAVED
            assert resumed["shown"]["train"] == whole["shown"]["train"][SAVED:]
            for name, tensor in whole["weights"].items():
                assert torch.equal(resumed["weights"][name], tensor) or "scaling" in name, name
