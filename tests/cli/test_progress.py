"""What a training shows on a terminal of 80 columns."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_lightning.cli.main import train
from ecg_lightning.training.callbacks import epoch_bar
from tests.helpers.cli import SMALL, TINY, one_cache
from tests.helpers.terminal import Shown, terminal

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
FIT = (*TINY, *SMALL, "--trainer.max_epochs", "2", "--model.learning_rate", "0.3")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def shown_by(args: tuple[str, ...], folder: Path) -> Shown:
    with pytest.MonkeyPatch.context() as patch, terminal() as shown:
        patch.chdir(folder)
        patch.setattr(epoch_bar, "LONG_VALIDATION_S", math.inf)  # whatever the machine does
        assert train(args) == 0
    return shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("progress")


@pytest.fixture(scope="module")
def shown(folder: Path, cache: Path) -> Shown:
    return shown_by((*FIT, "--output", "run"), folder)


def test_the_bar_has_the_epoch_the_loss_and_the_accuracy(shown: Shown) -> None:
    assert "Epoch 1/2 " in shown.text
    assert "Epoch 2/2 " in shown.text
    assert re.search(r"Epoch 2/2 ━.* 4/4 .*loss: \d\.\d{4} accuracy: \d+\.\d %", shown.text)
    assert "Epoch 0" not in shown.text
    trained, rows, _ = shown.text.partition("  2/2  ")  # the last row; tests come after it
    assert rows
    assert "Validation" not in trained


def test_one_row_for_each_epoch_stays_and_no_bar(shown: Shown, folder: Path) -> None:
    header, *rows = shown.lines[:3]
    assert " ".join(header.split()) == "epoch train loss accuracy val loss accuracy time"
    history = (folder / "run/metrics.csv").read_text()
    for number, row in enumerate(rows, start=1):
        cells = row.removesuffix("  best").split()
        assert cells[0] == f"{number}/2"
        assert len(cells) == 9  # two percent signs and the unit of the time
        assert f"{float(cells[1]):.4f}" in {
            f"{float(number):.4f}" for number in re.findall(r"\d+\.\d+", history)
        }
    assert rows[0].endswith(" s  best")
    assert shown.lines[3].startswith("validation, best weights: accuracy 0.")
    assert not any("━" in line for line in shown.lines)


def test_every_row_fits(shown: Shown) -> None:
    assert all(len(line) <= 80 for line in shown.lines if "%" in line)


def test_a_resumed_run_goes_on_counting(shown: Shown, folder: Path) -> None:
    last = "run/checkpoints/last.ckpt"
    resumed = shown_by((*FIT, "--trainer.max_epochs", "3", "--ckpt_path", last), folder)
    assert "Epoch 3/3 " in resumed.text
    assert not re.search(r"Epoch [0124]/", resumed.text)
    assert [line.split()[0] for line in resumed.lines[:2]] == ["epoch", "3/3"]


def test_without_the_bar_the_rows_are_the_same(shown: Shown, folder: Path) -> None:
    plain = shown_by((*FIT, "--trainer.enable_progress_bar", "false"), folder)
    assert not re.search("\x1b|━|Epoch", plain.raw)
    numbers = [row[:53] for row in plain.lines[:3]]  # without the times
    assert numbers == [row[:53] for row in shown.lines[:3]]
    metrics = json.loads((folder / "run/metrics.json").read_text())
    assert f"{metrics['test']['accuracy']:.4f}" in plain.raw
