"""Child processes: what they import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ecg_lightning
from ecg_lightning.system.processes import python_path
from tests.helpers.paths import ROOT


def test_a_child_imports_the_same_package_and_nothing_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert python_path().split(os.pathsep) == [str(ROOT), str(tmp_path)]
    code = "import ecg_lightning; print(ecg_lightning.__file__)"
    environment = os.environ | {"PYTHONPATH": python_path()}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ecg_lightning.__file__
