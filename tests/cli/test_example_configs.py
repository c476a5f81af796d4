"""The configs of docs/examples/configs: each trains a few steps, and docs/training.md lists it."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.helpers.cli import command, one_cache
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
FOLDER = ROOT / "docs/examples/configs"
NAMES = sorted(path.name for path in FOLDER.glob("*.yaml"))
FEW = [
    *("--trainer.max_epochs", "2", "--trainer.limit_train_batches", "2"),
    *("--trainer.limit_val_batches", "1", "--output", "run", "--data.batch_size", "8"),
]
# What a checkpoint says of a setting that the config is about.
SHOWN = {
    "augmentation.yaml": "",
    "class_weights.yaml": "'class_weights': 'balanced'",
    "focal_loss.yaml": "'gamma': 2.0",
    "gradient_clipping.yaml": "'accumulate_grad_batches': 2",
    "label_smoothing.yaml": "'label_smoothing': 0.1",
    "one_cycle.yaml": "'lr_interval': 'step'",
    "own_loss.yaml": "my_loss.PolyLoss",
    "own_network.yaml": "my_network.MyNet",
    "reduce_on_plateau.yaml": "'monitor': 'val_loss'",
    "sgd_cosine.yaml": "'momentum': 0.9",
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the folder, as a user would take it."""
    copied = shutil.copytree(FOLDER, tmp_path_factory.mktemp("examples") / "configs")
    modules = set(sys.modules)
    yield copied
    for name in set(sys.modules) - modules:
        if str(copied) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("name", NAMES)
def test_trains(name: str, place: Path) -> None:
    shutil.rmtree(place / "run", ignore_errors=True)
    outcome = command(["fit", "--config", name, *FEW], place)
    assert (outcome.status, outcome.err) == (0, "")
    content = torch.load(place / "run/checkpoints/last.ckpt", weights_only=True)
    assert SHOWN[name] in str(content["ecg_lightning"]["config"])


def test_each_is_listed_with_a_sentence() -> None:
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+\.yaml)` \| .+\. \|$", text, re.MULTILINE)
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_begins_with_what_it_is(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8").startswith("# ")
