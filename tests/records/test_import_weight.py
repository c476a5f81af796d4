"""What the folder's names import: reading records needs no deep-learning library."""

import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

HEAVY = ("torch", "lightning", "sklearn", "scipy", "wfdb", "matplotlib", "numpy", "requests")


def imported(code: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Those of `names` that a new process has imported after running `code`."""
    report = f"{code}; import sys; print(*[name for name in {names} if name in sys.modules])"
    command = [sys.executable, "-c", report]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("folder", ["records", "records.synthetic", "system"])
def test_a_folder_imports_its_modules_at_their_first_use(folder: str) -> None:
    assert imported(f"import ecg_lightning.{folder}") == []


def test_reading_records_imports_numpy_and_nothing_for_training_or_drawing() -> None:
    code = "from ecg_lightning.records import read_record, prepare_database, read_kaggle"
    assert set(imported(code)) == {"numpy"}


def test_simulating_records_imports_scipy_too() -> None:
    code = "from ecg_lightning.records.synthetic import write_synthetic"
    assert set(imported(code)) == {"wfdb", "numpy", "scipy"}
