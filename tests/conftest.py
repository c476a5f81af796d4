"""What every test shares: the order of imports, the options and the real records.

If TensorFlow 2.21 is imported before triton, the process is killed (exit status 139). Torch's
optimisers and Lightning import triton. So triton, where it is installed, and torch are imported
here, before any test can import TensorFlow. `test_conftest.py` tests the order.
"""

import contextlib
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it once, when it is imported
if "PYTEST_XDIST_WORKER" in os.environ:  # several tests at a time: each has one thread
    os.environ["OMP_NUM_THREADS"] = "1"

with contextlib.suppress(ImportError):
    import triton  # type: ignore[import-untyped]  # noqa: F401  (first: see above)

import pytest
import torch  # noqa: F401  (before TensorFlow: see above)


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
    folder = os.environ.get("ECG_MITDB")
    if not folder:
        pytest.skip("real records not tested: ECG_MITDB names no folder of the 48 MIT-BIH records")
    path = Path(folder).resolve()
    if not (path / "100.hea").is_file():
        pytest.fail(
            f"ECG_MITDB={folder}: expected a folder with 100.hea, found none; correct or unset it"
        )
    return path
