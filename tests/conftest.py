"""What every test shares: the order of imports, the options and the real records.

If TensorFlow 2.21 is imported before triton, the process is killed (exit status 139). Torch's
optimisers and Lightning import triton. So triton, where it is installed, and torch are imported
here, before any test can import TensorFlow. `test_conftest.py` tests the order.
"""

import contextlib
import os
from functools import cache
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it once, when it is imported
if "PYTEST_XDIST_WORKER" in os.environ:  # several tests at a time: each has one thread
    os.environ["OMP_NUM_THREADS"] = "1"

with contextlib.suppress(ImportError):
    import triton  # type: ignore[import-untyped]  # noqa: F401  (first: see above)

import pytest
import torch  # noqa: F401  (before TensorFlow: see above)
from hypothesis import HealthCheck, settings

# An example takes as long as the machine is busy, so no time is a fault.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Files and folders whose tests are marked `slow`, because they start programs, train or compile.
# Those that take longest come first: started last, one of them would run while other cores idle.
SLOW = (
    "cli/test_slurm.py",
    "parity",
    "training/test_resume.py",
    "docs/test_examples.py",
    "cli/test_crossval.py",
    "docs/test_running.py",
    "scripts/test_fuzz.py",
    "export/test_patient_context.py",
    "scripts/test_benchmark.py",
    "training/test_ddp.py",
    "scripts/test_sweep.py",
    "cli/test_annotate_processes.py",
    "cli/test_command_line.py",
    "cli/test_configs.py",
    "cli/test_context.py",
    "cli/test_errors.py",
    "cli/test_example_configs.py",
    "cli/test_faults.py",
    "cli/test_joined.py",
    "cli/test_main.py",
    "cli/test_own_network.py",
    "cli/test_predict.py",
    "cli/test_progress.py",
    "cli/test_schedules.py",
    "cli/test_trainer_faults.py",
    "cli/test_verbs.py",
    "export/test_export_command.py",
    "export/test_exporter.py",
    "export/test_own_network.py",
    "figures/test_style.py",
    "keras_import/test_hostile.py",
    "report/test_browser.py",
    "scripts/test_check_formats.py",
    "scripts/test_results.py",
    "scripts/test_soak.py",
    "system/test_memory.py",
    "test_conftest.py",
    "test_earlier_version.py",
    "training/test_augmented_fit.py",
    "training/test_ddp_context.py",
    "training/test_imports.py",
    "training/test_run_results.py",
    "training/test_tracking.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests; where several run at a time, let those that take longest begin."""
    slow = [Path(__file__).parent / name for name in SLOW]

    @cache
    def rank(file: Path) -> int:
        return next((i for i, path in enumerate(slow) if file.is_relative_to(path)), len(slow))

    for item in items:
        if rank(item.path) < len(slow):
            item.add_marker("slow")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: rank(item.path))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--parity-table FILE`."""
    parser.addoption(
        "--parity-table",
        type=Path,
        metavar="FILE",
        help="write the measured parity errors to FILE, as a markdown table",
    )


@pytest.fixture(scope="session")
def mitdb() -> Path:
    """The folder of the MIT-BIH records that `ECG_MITDB` names; skips without it."""
    return _real_records("ECG_MITDB", "the 48 MIT-BIH records", "100.hea")


@pytest.fixture(scope="session")
def svdb() -> Path:
    """The folder of the 78 records of SVDB that `ECG_SVDB` names; skips without it."""
    return _real_records("ECG_SVDB", "the 78 records of SVDB", "800.hea")


@pytest.fixture(scope="session")
def noise() -> Path:
    """The folder of the records of noise that `ECG_NOISE` names; skips without it."""
    return _real_records("ECG_NOISE", "records of noise", "**/*.hea")


@pytest.fixture(scope="session")
def formats() -> Path:
    """The folder of records in many formats that `ECG_FORMATS` names; skips without it."""
    return _real_records("ECG_FORMATS", "records in many formats", "**/*.hea")


@pytest.fixture(scope="session")
def bxb() -> Path:
    """The folder with the counts of WFDB's bxb that `ECG_BXB` names; skips without it.

    Without the variable, `../shared/data/bxb` next to the checkout is used if it is there.
    """
    folder = Path(__file__).parents[2] / "shared/data/bxb"
    if not os.environ.get("ECG_BXB") and folder.is_dir():
        return folder
    return _real_records("ECG_BXB", "counts of WFDB's bxb", "counts.json")


def _real_records(variable: str, content: str, first: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"real records not tested: {variable} names no folder of {content}")
    path = Path(folder).resolve()
    if not any(path.glob(first)):
        pytest.fail(
            f"{variable}={folder}: expected a folder with {first}, found none; correct or unset it"
        )
    return path
