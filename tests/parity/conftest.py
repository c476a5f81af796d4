"""Fixtures of the parity tests; they are skipped where TensorFlow is missing."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.parity.comparison import Comparison

MISSING = [
    name for name in ("tensorflow", "cv2", "pandas") if importlib.util.find_spec(name) is None
]
REASON = (
    f"parity not tested: {', '.join(MISSING)} is not installed; "
    "install the extra `keras` (pip install '.[keras]')"
)


class SkippedTests(pytest.Item):
    """One skipped test in place of a module's tests."""

    def runtest(self) -> None:
        """Skip with the reason."""
        pytest.skip(REASON)


class SkippedModule(pytest.Module):
    """A module with one skipped test, in place of one that cannot be imported."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """One item instead of the module's tests."""
        item = SkippedTests.from_parent(self, name="all")
        item.add_marker("parity")
        return [item]


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Skip every module of this folder where the reference's packages are missing."""
    if MISSING and module_path.is_relative_to(Path(__file__).parent):
        return SkippedModule.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="package", autouse=True)
def _cpu() -> Iterator[None]:
    """One CPU thread for both sides, and no GPU for TensorFlow, which would take all its memory."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def compare(request: pytest.FixtureRequest) -> Iterator[Comparison]:
    """The comparison; at the end of the run it writes the table that `--parity-table` asks for."""
    comparison = Comparison()
    yield comparison
    path: Path | None = request.config.getoption("--parity-table")
    if path is not None:
        path.write_text(comparison.markdown())
