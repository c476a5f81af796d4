"""The benchmark runs, its two sides compute the same, and its numbers make sense.

No test checks how fast anything is.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ecg_lightning import models
from ecg_lightning.models.names import KERAS_NETWORKS
from tests.helpers.cli import one_cache
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import benchmark
import benchmark_networks
import benchmark_turns
from benchmark_rows import Goal, Row
from benchmark_stages import STAGES
from benchmark_table import markdown
from benchmark_turns import Side, Workers, in_turns, spread

SCRIPTS = ROOT / "scripts"
# Largest difference between the sides. The parity suite tests them more closely.
ALLOWED = {"probabilities": 1e-4, "spectrogram": 1e-5, "pictures": 0.5, "signal": 1e-9}
KERAS = find_spec("tensorflow") is not None


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def smoke(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Return what `--smoke` prints, and its JSON."""
    file = tmp_path_factory.mktemp("benchmark") / "figures.json"
    words = [
        sys.executable,
        str(SCRIPTS / "benchmark.py"),
        "--smoke",
        "--threads",
        "1",
        "--json",
        str(file),
    ]
    environment = {name: value for name, value in os.environ.items() if value} | {
        "CUDA_VISIBLE_DEVICES": ""
    }
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_stage_has_positive_numbers(smoke: tuple[str, dict[str, Any]]) -> None:
    _, result = smoke
    assert {row["stage"] for row in result["rows"]} == {
        "train",
        "predict",
        "latency",
        "records",
        "spectrograms",
        "pictures",
        "loader",
    }
    for row in result["rows"]:
        assert set(row["seconds"]) == {row["ours"], *([row["theirs"]] if row["theirs"] else [])}
        for seconds in row["seconds"].values():
            assert len(seconds) == result["rounds"]
            assert all(0 < value < math.inf for value in seconds)
        assert all(share > 0 for share in row["share_of_peak"].values())
        if row["theirs"]:
            assert row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    assert all(peak > 0 for peak in result["peaks_flops_per_s"].values())


def test_the_sides_compute_the_same(smoke: tuple[str, dict[str, Any]]) -> None:
    checks = smoke[1]["checks"]
    assert len(checks) == (4 if KERAS else 2 if find_spec("cv2") is None else 3)
    for name, value in checks.items():
        assert value <= next(limit for word, limit in ALLOWED.items() if word in name), name


def test_what_is_not_measured_is_said(smoke: tuple[str, dict[str, Any]]) -> None:
    printed, result = smoke
    assert "epochs on a GPU: none is available" in result["skipped"]
    assert "- not measured: epochs on a GPU: none is available" in printed
    assert any("tensorflow" in line for line in result["skipped"]) != KERAS


def test_the_table_is_github_markdown(smoke: tuple[str, dict[str, Any]]) -> None:
    printed, result = smoke
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(result["rows"])
    assert len({line.count("|") for line in lines}) == 1
    assert result["cpu"] in printed
    assert torch.__version__ in printed


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        benchmark.parse(["--stages", "train,fly"])
    assert status.value.code == 2
    assert "--stages: expected some of train, train2d," in capsys.readouterr().err


def test_goals() -> None:
    # The rounds have the ratios 2, 3 and 1. The ratio of the medians does not count.
    seconds = {"ours": [1.0, 2.0, 4.0], "theirs": [2.0, 6.0, 4.0]}

    def row(goal: Goal) -> Row:
        return Row("train", "a network", "ours", "theirs", "beat", seconds, goal)

    assert spread([2.0, 3.0, 1.0]) == row(Goal(2.0)).ratio
    assert [row(Goal(limit)).met for limit in (2.0, 2.1)] == [True, False]
    assert [row(Goal(limit, kind="share")).met for limit in (0.5, 0.4)] == [True, False]
    assert [row(Goal(limit, kind="seconds")).met for limit in (2.0, 1.9)] == [True, False]
    alone = Row("train", "a network", "ours", None, "beat", seconds, Goal(2.0))
    assert (alone.ratio, alone.met) == (None, None)
    result: dict[str, Any] = {
        "peaks_flops_per_s": {"float32": 1e9},
        "checks": {},
        "skipped": ["a: b"],
        "versions": {"torch": "2"},
    }
    result |= {
        "rounds": 3,
        "date": "2026-11-22",
        "cpu": "a CPU",
        "gpu": None,
        "threads": 1,
        "cores": [0],
        "load": 0.0,
    }
    table = markdown(
        result, [row(Goal(2.0, aim=3.0)), row(Goal(0.4, kind="share")), alone]
    ).splitlines()
    assert "| 2.00 (1.50–2.50) | 2, aim 3 ✓ |" in table[2]
    assert "| takes 50 % of theirs | at most 40 % ✗ |" in table[3]
    assert "| – | – | 2 |" in table[4].replace("times", "")
    assert table[-1] == "- not measured: a: b"


def test_turns_alternate_and_a_failing_side_is_reported() -> None:
    begin = {"a": "benchmark_data:begin"}
    with Workers({}, begin, threads=1) as workers:
        sides = [
            Side(
                "pictures", "a", "benchmark_data:view", 2, {"name": "image", "count": 2, "batch": 2}
            )
        ]
        assert len(in_turns(workers, sides, rounds=2)["pictures"]) == 2
        with pytest.raises(RuntimeError, match="expected value from a worker, found error"):
            workers["a"].call("benchmark_data:small_records", folder=str(SCRIPTS))


def test_a_round_is_filled_with_calls_and_gives_the_time_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, sent, asked = [0.0], [], iter(["go", "go", "stop"])

    class Connection:
        def send(self, message: tuple[str, float]) -> None:
            sent.append(message)

        def recv(self) -> str:
            return next(asked)

    def work() -> None:
        now[0] += 0.0625 if not sent else 2.0

    monkeypatch.setattr("benchmark_turns.time.perf_counter", lambda: now[0])
    with pytest.raises(benchmark_turns.Stopped):
        benchmark_turns.Turns(Connection(), 0.25).repeat(work)  # type: ignore[arg-type]
    assert sent == [("seconds", 0.0625), ("seconds", 2.0)]
    assert now == [4 * 0.0625 + 2.0]


@pytest.mark.parametrize("network", KERAS_NETWORKS)
def test_flops_are_those_that_torch_counts_without_the_padding(network: str) -> None:
    """Torch counts products with padding too. A kernel of at most one row has no padding."""
    model = getattr(models, network)()
    x = benchmark_networks.inputs(model, 1)
    # In bfloat16 the convolutions are plain ones.
    with FlopCounterMode(display=False) as counter, torch.autocast("cpu", torch.bfloat16):
        model(x).sum().backward()
    counted = benchmark_networks.training_flops(network)
    assert 0.3 * counter.get_total_flops() < counted <= counter.get_total_flops()


def test_flops_by_hand() -> None:
    class Two(nn.Module):
        input_length = 3

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv1d(1, 2, 3, padding=1), nn.Linear(6, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.conv(x).flatten(1))

    # Three outputs have three taps. The outer two miss one each: 7 products for each of 2 filters.
    # The dense layer has 30.
    assert benchmark_networks.direct_flops(Two()) == 2 * (7 * 2 * 2 + 30 * 3)


def test_every_stage_is_in_the_command_line() -> None:
    assert benchmark.parse([]).stages[: len(STAGES)] == list(STAGES)
