"""The table of a crossval: its rows, and what is not measured."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.folds import UnitRow, spread_over_units, unit_row
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.report.crossval import write_crossval_table


def row_of(labels: str, predicted: str) -> UnitRow:
    true, guessed = (
        np.array([CLASS_NAMES.index(name) for name in names]) for names in (labels, predicted)
    )
    records = np.full(len(labels), "a")
    predictions = Predictions(true, guessed, np.eye(5)[guessed], records)
    return unit_row("seed-0", None, 0, "run", predictions)


def test_a_unit_by_hand() -> None:
    row = row_of("NNNNSSVQ", "NNNSSVVV")
    expected = {
        "accuracy": 5 / 8,
        "balanced_accuracy": (3 / 4 + 1 / 2 + 1 + 0) / 4,
        "S.sensitivity": 1 / 2,
        "S.positive_predictivity": 1 / 2,
        "S.f1": 1 / 2,
        "V.sensitivity": 1,
        "V.positive_predictivity": 1 / 3,
        "V.f1": 1 / 2,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["macro_f1_nsv"] == pytest.approx((6 / 7 + 1 / 2 + 1 / 2) / 3)


def test_absent_classes_are_not_counted(tmp_path: Path) -> None:
    rows = [row_of("NNSS", "NNSN"), row_of("NNNN", "NNNN")]
    assert rows[1]["S.f1"] is None
    spread = spread_over_units(rows)
    assert spread["S.sensitivity"] == {"mean": 0.5, "spread": None, "n": 1}
    assert spread["V.f1"] == {"mean": None, "spread": None, "n": 0}
    text = write_crossval_table(tmp_path, rows, {}, ["seed-1"])
    assert text.splitlines()[-2:] == [
        "percent; spread: sample standard deviation; n: units; – no such beats",
        "not finished: seed-1",
    ]
    assert json.loads((tmp_path / "crossval.json").read_text())["units"][1]["S.f1"] is None
    assert (tmp_path / "crossval.csv").read_text().splitlines()[2].endswith(",,,,,,")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "record,class\na,N\n",
        "record,sample,class,predicted,p_N,p_S,p_V,p_F,p_Q\na,1,X,N,1,0,0,0,0\n",
    ],
)
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    words = "expected the predictions of a unit, found something else"
    with pytest.raises(InputError, match=words):
        Predictions.read(path)


def test_predictions_in_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "predictions.csv")
    with pytest.raises(InputError, match="expected the predictions of a unit, found a pipe; put"):
        Predictions.read(tmp_path / "predictions.csv")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = r"file/crossval\.json: expected a place that can be written, found File exists; move"
    with pytest.raises(InputError, match=line):
        write_crossval_table(tmp_path / "file", [row_of("NS", "NS")], {}, [])
