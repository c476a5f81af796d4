"""docs/examples/sweep: every combination is cross-validated, and one table has a row for each."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.cli import SMALL, TINY
from tests.helpers.paths import ROOT

SWEEP = ROOT / "docs" / "examples" / "sweep" / "sweep.sh"


def sweep(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SWEEP, "sweep", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_variants_on_synthetic_beats(tmp_path: Path) -> None:
    done = sweep(
        tmp_path,
        *("--seeds", "0", *TINY, *SMALL),
        RATES="0.01 0.001",
        BATCHES="32",
        PROGRAM=f"{sys.executable} -m ecg_lightning",
        ECG_LIGHTNING_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode == 0, done.stderr
    head, _, *rows = done.stdout.splitlines()
    assert head.startswith("| network | split |")
    names = [row.strip("| ").split(" | ")[-1] for row in rows]
    assert names == ["rate-0.001-batch-32", "rate-0.01-batch-32"]


def test_each_variant_is_submitted_with_its_settings(tmp_path: Path) -> None:
    (tmp_path / "submit").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "submit").chmod(0o755)
    done = sweep(tmp_path, "--folds", "3", CROSSVAL="./submit", RATES="0.1 0.2", BATCHES="8")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"--output sweep/rate-{rate}-batch-8 --folds 3 --model.learning_rate {rate} "
        "--data.batch_size 8"
        for rate in ("0.1", "0.2")
    ]


def test_shell(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", SWEEP], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
