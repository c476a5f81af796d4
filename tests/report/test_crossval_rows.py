"""A cross-validation as one row of a table."""

import csv
import io
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.evaluation.folds import pooled_summary, unit_row
from ecg_lightning.evaluation.predictions import PREDICTIONS, Predictions
from ecg_lightning.report.crossval import TABLE_JSON, write_crossval_table
from ecg_lightning.report.writer import write_evaluation
from tests.helpers.cli import command
from tests.helpers.evaluations import evaluation_of

NINE = np.array(list("aaabbbccc"))


def crossval(folder: Path, folds: int, seeds: int, missing: tuple[str, ...] = ()) -> None:
    """Write finished units of different accuracy, and their table."""
    rows, tested = [], dict[int, list[Predictions]]()
    for seed in range(seeds):
        for fold in range(folds) or [None]:
            name = f"fold-{fold}-seed-{seed}" if folds else f"seed-{seed}"
            evaluation = evaluation_of(
                split="folds" if folds else "patients",
                records=np.char.add(NINE, str(fold or 0)),
            )
            evaluation.probabilities[2 : 2 + seed + (fold or 0)] = np.eye(5)[1]
            object.__setattr__(
                evaluation, "predictions", evaluation.probabilities.argmax(1).astype(np.int64)
            )
            write_evaluation(folder / name / "run", evaluation)
            predictions = Predictions.read(folder / name / "run" / PREDICTIONS)
            rows.append(unit_row(name, fold, seed, f"{name}/run", predictions))
            tested.setdefault(seed, []).append(predictions)
    pooled = {seed: pooled_summary(units) for seed, units in tested.items()} if folds else {}
    write_crossval_table(folder, rows, {} if missing else pooled, list(missing))


def markdown_row(folder: Path, name: str) -> list[str]:
    outcome = command(["report", name, "--format", "markdown"], folder)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out.splitlines()[-1].strip("| ").split(" | ")


def test_folds_are_pooled_with_intervals(tmp_path: Path) -> None:
    crossval(tmp_path / "cv", folds=3, seeds=1)
    table = json.loads((tmp_path / "cv" / TABLE_JSON).read_text())
    measures = table["pooled"][0]["measures"]
    row, ends = markdown_row(tmp_path, "cv"), measures["intervals"]["accuracy"]
    low, high = (f"{100 * ends[end]:.1f}" for end in ("low", "high"))
    accuracy = f"{100 * measures['overall']['accuracy']:.1f}"
    assert (row[0], row[1], row[3], row[-1]) == ("DeepConv1d", "folds", "27", "cv")
    assert row[4] == f"{accuracy} ({low}–{high})"


@pytest.mark.parametrize("folds", [0, 3])
def test_seeds_have_a_mean_and_a_spread(tmp_path: Path, folds: int) -> None:
    crossval(tmp_path / "cv", folds, seeds=3)
    table = json.loads((tmp_path / "cv" / TABLE_JSON).read_text())
    values = (
        [one["measures"]["overall"]["accuracy"] for one in table["pooled"]]
        if folds
        else [unit["accuracy"] for unit in table["units"]]
    )
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    assert markdown_row(tmp_path, "cv")[4] == f"{100 * mean:.1f} (± {100 * spread:.1f})"
    text = command(["report", "cv", "--format", "csv"], tmp_path).out
    [row] = [
        row
        for row in csv.DictReader(io.StringIO(text))
        if (row["class"], row["metric"]) == ("all", "accuracy")
    ]
    assert (row["value"], row["spread"], row["units"]) == (f"{mean:.6f}", f"{spread:.6f}", "3")
    latex = command(["report", "cv", "--format", "latex"], tmp_path).out
    assert rf"{{\footnotesize $\pm$ {100 * spread:.1f}}}" in latex
    assert ("standard deviation over seeds, each with all its folds" in latex) == (folds > 0)
    assert ("standard deviation over the units" in latex) == (folds == 0)


def test_missing_units_are_said(tmp_path: Path) -> None:
    crossval(tmp_path / "cv", 0, 2, missing=("seed-2",))
    outcome = command(["report", "cv", "--format", "markdown"], tmp_path)
    assert outcome.err == "ecg-lightning: warning: cv: not finished: seed-2\n"


def test_a_variant_is_a_row_among_runs(tmp_path: Path) -> None:
    crossval(tmp_path / "cv", 0, 2)
    write_evaluation(tmp_path / "run", evaluation_of())
    text = command(["report", "run", "cv", "--format", "markdown"], tmp_path).out
    assert [line.strip("| ").split(" | ")[-1] for line in text.splitlines()[2:]] == ["run", "cv"]


@pytest.mark.parametrize("words", [[], ["--paired", "--format", "csv"]])
def test_a_page_takes_runs(tmp_path: Path, words: list[str]) -> None:
    crossval(tmp_path / "cv", 0, 2)
    outcome = command(["report", "cv", "cv", *words], tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert "found the folder of a cross-validation; name its runs (cv/*/run), or" in outcome.err


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 1, "units": [], "missing": [], "pooled": []}']
)
def test_other_content_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "cv").mkdir()
    (tmp_path / "cv" / TABLE_JSON).write_text(content)
    outcome = command(["report", "cv", "--format", "csv"], tmp_path)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "expected the table of a cross-validation with a finished unit, found" in outcome.err
