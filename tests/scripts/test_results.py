"""The scripts beside train.py, which test_cli.py runs."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.image import imread

from tests.helpers.cli import SMALL, TINY, command, one_cache
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import pictures
import results

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def test_results_of_a_run_and_of_the_reference(tmp_path: Path) -> None:
    outcome = command(
        [*TINY, *SMALL, "--data.balance", "resample", "--seed_everything", "4"],
        tmp_path,
        script=True,
    )
    folder = tmp_path / outcome.folder
    metrics = json.loads((folder / "metrics.json").read_text())
    run = results.read_run(folder)
    assert (run.network, run.balance, run.seed, run.epochs, run.best_epoch) == (
        "Tiny",
        "resample",
        4,
        1,
        1,
    )
    assert run.accuracies == 2 * tuple(
        100 * metrics[part]["accuracy"] for part in ("validation", "test")
    )  # one epoch: best is last
    parts = {"validation": {"accuracy": 0.9, "loss": 1.0}, "test": {"accuracy": 0.8, "loss": 1.0}}
    reference = {
        "network": "deep_conv1d",
        "seed": 1,
        "epochs": 3,
        "best_epoch": 1,
        "seconds": 120.0,
        "best": parts,
        "last": parts,
    }
    (tmp_path / "metrics.json").write_text(json.dumps(reference))
    lines = results.table([run, results.read_run(tmp_path)]).splitlines()
    assert len(lines) == 2 + 2 + 2
    assert lines[-2:] == [
        "| deep_conv1d, Keras | resample | 1 | 3 (2) | 2 | 90.0 | 80.0 | 90.0 | 80.0 |",
        "| deep_conv1d, Keras | resample | mean of 1 | | | **90.00** | **80.00** | **90.00** "
        "| **80.00** |",
    ]


def test_pictures_of_the_synthetic_database(tmp_path: Path) -> None:
    pictures.main(tmp_path / "images")
    for name, *_ in pictures.STRIPS:
        picture = imread(tmp_path / "images" / name)
        assert picture.shape[1] > 2 * picture.shape[0]
        assert picture[..., :3].std() > 0.01
    for name in pictures.SHOWN:
        assert (tmp_path / "images" / name).stat().st_size < 150_000
        assert imread(tmp_path / "images" / name)[..., :3].std() > 0.01


def test_pairs_of_pictures(tmp_path: Path) -> None:
    """The original's row and ours differ only by rounding, and the beats are simulated."""
    pytest.importorskip("cv2", reason="the original's pictures need the extra keras")
    import image_pairs

    image_pairs.main(tmp_path / "pairs.png")
    picture = imread(tmp_path / "pairs.png")[..., 0]
    side, left, top = 2 * 128, image_pairs.LEFT, image_pairs.TOP
    rows = [
        picture[y : y + side, left : left + 5 * (side + image_pairs.GAP)]
        for y in (top, top + side + image_pairs.GAP)
    ]
    assert rows[0].std() > 0.01
    assert abs(rows[0] - rows[1]).mean() < 0.01
