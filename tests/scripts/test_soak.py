"""The soak runs, and sees what grows."""

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import soak

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning",
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
)


@pytest.mark.slow
def test_a_few_fits_and_predictions_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--fits", "2", "--predictions", "2", "--most-kib", "1e6"]) == 0
    out = capsys.readouterr().out
    assert "fit: 2 runs" in out
    assert "predict: 2 runs" in out
    assert out.count("open files") == 6


@pytest.mark.parametrize("kept", ["memory", "files"])
def test_what_stays_of_each_run_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kept: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    held: list[object] = []

    def once() -> None:
        held.append(os.urandom(1 << 20) if kept == "memory" else os.dup(2))

    assert not soak.soak("run", 20, once, most_kib=64)
    assert ("more than before: descriptors" in capsys.readouterr().out) == (kept == "files")
    for thing in held:
        if isinstance(thing, int):
            os.close(thing)
