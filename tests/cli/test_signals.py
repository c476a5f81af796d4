"""Odd signals and results that are no numbers, as the commands meet them."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg_lightning.records.recording import Record
from tests.helpers.cli import SMALL, TINY, Outcome, Tiny, command, names_below, one_cache
from tests.helpers.records import ecg_like, write_record

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)
# jsonargparse imports a class by this path.
NOT_FINITE = ("--model.network", "tests.cli.test_signals.NotFinite")
DIVERGES = ("--model.network", "tests.cli.test_signals.Diverges")


class NotFinite(Tiny):
    """Returns NaN for some beats."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (0.0 / (x[:, 0, 0] < 0.3).float())[:, None]


class Diverges(Tiny):
    """Trains well for one epoch, then its weights become NaN."""

    steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(x) * (float("nan") if self.training and self.steps > 4 else 1.0)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from one_cache(tmp_path_factory)


def predicted(folder: Path, record: Record, verb: str = "predict") -> Outcome:
    """Run a verb with shipped weights on one record around its annotations."""
    write_record(folder / "data", record)
    words = ["--ckpt_path", "DeepConv1d", "--data.source", "wfdb", "--data.root", "data"]
    settings = ["--data.split", "all", "--data.segmentation", "annotations"]
    return command([verb, *words, *settings], folder)


def refused(outcome: Outcome) -> str:
    """The one line of a refused command."""
    assert outcome.status == 2
    [line] = outcome.err.splitlines()
    assert line.startswith("ecg-lightning: ")
    return line


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_beats_in_a_gap_are_not_classified(tmp_path: Path) -> None:
    record = ecg_like(symbols="N" * 20)
    record.signal[5 * 360 : 9 * 360] = np.nan
    outcome = predicted(tmp_path, record)
    assert outcome.status == 0
    rows = rows_of(tmp_path / outcome.folder / "predictions.csv")
    assert list(rows[0])[-1] == "quality"
    seconds = [int(row["sample"]) / 360 for row in rows]
    assert len(rows) == 20 - 4  # at 5.5, 6.4, 7.3 and 8.2 s
    assert not [second for second in seconds if 5 < second < 9]
    other = {row["sample"]: row["quality"] for row in rows if row["quality"] != "1.000"}
    assert other == {str(round(9.1 * 360)): "0.641"}  # 164 of 256 samples


def test_what_is_odd_about_a_signal_is_said_in_one_line_each(tmp_path: Path) -> None:
    record = replace(ecg_like(symbols="N" * 20), lead="ABP", unit="mmHg")
    record.signal[5 * 360 : 7 * 360] = np.nan
    outcome = predicted(tmp_path, record)
    assert outcome.status == 0
    for text in (
        "record r: the lead ABP is in mmHg, no voltage",
        "record r: 2 s of the signal in 1 stretch are invalid",
        "record r: shorter than 5 minutes: scaling by a record's extremes is unreliable",
        "record r: 2 beats dropped: more than half of the window is invalid",
    ):
        assert outcome.err.splitlines().count(f"ecg-lightning: warning: {text}") == 1


@pytest.mark.parametrize("verb", ["test", "predict"])
@pytest.mark.parametrize("fs_hz", [250.0, 360.0])
@pytest.mark.parametrize(
    ("level", "words"),
    [
        (np.nan, "expected a valid sample of the lead MLII, found none in"),
        (1.024, "data: expected a beat with a signal in its window, found none (record r: "),
    ],
)
def test_nothing_is_classified_from_nothing(
    tmp_path: Path, verb: str, level: float, fs_hz: float, words: str
) -> None:
    record = ecg_like(fs_hz=fs_hz)
    outcome = predicted(tmp_path, replace(record, signal=np.full(len(record.signal), level)), verb)
    line = refused(outcome)
    assert words in line
    if verb == "test":  # predict skips a record without a valid sample, then has none to predict
        assert line.endswith("choose another lead (--data.lead)")
    assert outcome.out == ""
    assert not [name for name in names_below(tmp_path) if "predictions" in name]


@pytest.fixture(scope="module")
def overflows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of finite weights whose logits are infinite or NaN."""
    folder = tmp_path_factory.mktemp("overflows")
    assert command(["fit", *SMALL, *TINY, "--output", "R"], folder).status == 0
    checkpoint = torch.load(folder / "R/checkpoints/best.ckpt", weights_only=True)
    checkpoint["state_dict"]["network.head.weight"].fill_(3e38)
    torch.save(checkpoint, folder / "overflows.ckpt")
    return folder / "overflows.ckpt"


@pytest.mark.parametrize("verb", ["test", "predict", "validate"])
def test_results_that_are_no_numbers_are_refused(
    tmp_path: Path, overflows: Path, verb: str
) -> None:
    words = [verb, *TINY, "--ckpt_path", str(overflows), "--data.source", "synthetic"]
    line = refused(command(words, tmp_path))
    assert "the network has diverged: train it again with a lower learning rate" in line
    assert "(--model.learning_rate)" in line
    names = {Path(name).name for name in names_below(tmp_path)}
    assert names <= {"config.yaml"}


@pytest.mark.parametrize("script", [False, True])
def test_a_fit_without_one_finite_epoch_is_refused(tmp_path: Path, script: bool) -> None:
    words = [*([] if script else ["fit"]), *SMALL, *NOT_FINITE, "--output", "R"]
    outcome = command(words, tmp_path, script)
    line = refused(outcome)
    assert line.startswith("ecg-lightning: fit: expected finite losses and probabilities")
    assert "weights: accuracy" not in outcome.out
    assert "last.ckpt" in refused(command(words, tmp_path, script))  # the run cannot be resumed
    names = names_below(tmp_path / "R")
    assert not names & {"predictions.csv", "report.html", "evaluation.json"}
    assert '"validation"' not in (tmp_path / "R/metrics.json").read_text()


@pytest.mark.parametrize("script", [False, True])
def test_a_fit_that_diverges_later_says_so(tmp_path: Path, script: bool) -> None:
    words = [*SMALL, *DIVERGES, "--trainer.max_epochs", "5", "--output", "R"]
    outcome = command(words if script else ["fit", *words], tmp_path, script)
    assert outcome.status == 0
    assert outcome.err == (
        "ecg-lightning: the network diverged: a loss of epoch 2 is not finite; "
        "the best weights are of an earlier epoch\n"
    )
    shown = [line.partition(":")[0] for line in outcome.out.splitlines() if "weights:" in line]
    parts = ["validation, best weights", "test, best weights"]
    assert shown == parts[: 1 + script]
    assert "nan" not in "".join(line for line in outcome.out.splitlines() if "weights:" in line)
    metrics = json.loads((tmp_path / "R/metrics.json").read_text())
    assert metrics.get("last_epoch") == ({"validation": None, "test": None} if script else None)
    again = command(words if script else ["fit", *words], tmp_path, script)
    assert (again.status, again.out) == (0, "R: this run is finished; nothing to do\n")


def test_a_fit_that_stays_finite_says_nothing(tmp_path: Path) -> None:
    outcome = command(["fit", *SMALL, *TINY], tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
