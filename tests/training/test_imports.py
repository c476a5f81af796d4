"""What modules import: reading weights needs no Lightning, saving a checkpoint no figures."""

import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

FIGURES = ("ecg_lightning.figures", "ecg_lightning.figures.style")


def loaded(module: str, names: tuple[str, ...]) -> list[str]:
    """Return which of the names a new process has imported after a module."""
    code = f"import sys, {module}; print(*[name for name in {names} if name in sys.modules])"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("ecg_lightning.models.checkpoint", ("lightning", "torchmetrics", "matplotlib")),
        ("ecg_lightning.training.metrics_file", ("lightning", "torch", "matplotlib")),
        ("ecg_lightning.system.atomic_files", ("lightning", "torch", "matplotlib")),
        ("ecg_lightning.evaluation.predictions", ("lightning", "torch", "matplotlib")),
        ("ecg_lightning.training.checkpoints", FIGURES),
        ("ecg_lightning.training.callbacks.last_checkpoint", FIGURES),
        ("ecg_lightning.training.callbacks.best_checkpoint", FIGURES),
        ("ecg_lightning.training.run", FIGURES),
    ],
)
def test_is_not_loaded(module: str, names: tuple[str, ...]) -> None:
    assert loaded(module, names) == []


def test_it_would_be_seen() -> None:
    module = "ecg_lightning.training.callbacks.run_results"
    assert loaded(module, (*FIGURES, "lightning")) == [*FIGURES, "lightning"]
