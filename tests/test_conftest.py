"""What the tests' own `conftest.py` files promise: the order of imports, and skips that say why."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FIRST, SLOW
from tests.helpers.paths import ROOT

WATCHED = ("triton", "torch", "tensorflow")

# Runs a statement. A finder notes the order in which the watched packages are first looked for.
RECORDER = """
import sys
class Recorder:
    seen = []
    def find_spec(self, name, path=None, target=None):
        if name in {watched!r}:
            self.seen.append(name)
sys.meta_path.insert(0, Recorder())
{statement}
print("ORDER", *dict.fromkeys(Recorder.seen))
"""


def imported(statement: str) -> list[str]:
    """The watched packages in the order in which `statement` first imports them."""
    code = RECORDER.format(watched=WATCHED, statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("ORDER")).split()[1:]


def installed(name: str) -> bool:
    """Whether a package can be imported, without importing it."""
    return importlib.util.find_spec(name) is not None


def test_conftest_imports_triton_then_torch_and_not_tensorflow() -> None:
    expected = [name for name in ("triton", "torch") if installed(name)]
    assert imported("import tests.conftest") == expected


def test_the_recorder_sees_another_order() -> None:
    assert (
        imported("import torch; import triton" if installed("triton") else "import torch")[0]
        == "torch"
    )


@pytest.mark.skipif(
    not installed("tensorflow"), reason="TensorFlow is not installed (extra `keras`)"
)
def test_tensorflow_after_conftest_leaves_the_process_alive() -> None:
    assert imported("import tests.conftest, tensorflow, torch.optim")[-1] == "tensorflow"


# Runs the parity tests in a process that takes TensorFlow for missing.
WITHOUT_TENSORFLOW = """
import importlib.util, sys
find_spec = importlib.util.find_spec
def without(name, package=None):
    return None if name == "tensorflow" else find_spec(name, package)
importlib.util.find_spec = without
import pytest
sys.exit(pytest.main(["tests/parity", "-m", "parity", "-q", "-rs", "-p", "no:cacheprovider"]))
"""


def test_without_tensorflow_the_parity_tests_skip_and_say_why() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "parity not tested: tensorflow is not installed; install the extra `keras`" in done.stdout
    )
    assert " passed" not in done.stdout


def test_mitdb_is_a_folder_of_records(mitdb: Path) -> None:
    assert mitdb.is_absolute()
    assert {"100.hea", "234.dat", "234.atr"} <= {path.name for path in mitdb.iterdir()}


@pytest.mark.parametrize("name", [*SLOW, *FIRST])
def test_what_is_called_slow_or_first_is_there(name: str) -> None:
    file, *names = name.split("[")[0].split("::")
    assert (ROOT / "tests" / file).exists()
    assert [
        n for n in names if not re.search(f"(def|class) {n}", (ROOT / "tests" / file).read_text())
    ] == []
