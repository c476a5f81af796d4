"""The table of predictions, read back by the standard library and by pandas."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecg_lightning.cli.trainer.run_evaluation import write_predictions
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.predictions import Predictions
from tests.helpers.records import beats_of

PROBABILITIES = np.array(
    [[0.9, 0.025, 0.025, 0.025, 0.025], [0.1, 0.2, 0.4, 0.2, 0.1], [1 / 3, 0.0, 0.0, 1 / 3, 1 / 3]],
    dtype=np.float32,
)
SHARES = ["p_N", "p_S", "p_V", "p_F", "p_Q"]
HEAD = ["record", "sample", "symbol", "class", "predicted", *SHARES, "quality"]


def test_a_table_worked_by_hand(tmp_path: Path) -> None:
    beats = beats_of([0, 1, 2, 3, 4])
    beats.quality[:] = [0.5, 0.9, 2 / 3, 0.8, 1.0]
    write_predictions(tmp_path / "new" / "p.csv", beats, np.array([4, 0, 2]), PROBABILITIES)
    assert (tmp_path / "new" / "p.csv").read_bytes().decode() == (
        "record,sample,symbol,class,predicted,p_N,p_S,p_V,p_F,p_Q,quality\n"
        "r1,1200,/,Q,N,0.900000,0.025000,0.025000,0.025000,0.025000,1.000\n"
        "r0,0,N,N,V,0.100000,0.200000,0.400000,0.200000,0.100000,0.500\n"
        "r2,600,V,V,N,0.333333,0.000000,0.000000,0.333333,0.333333,0.667\n"
    )


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_probabilities_that_are_not_finite_are_not_written(tmp_path: Path, number: float) -> None:
    probabilities = PROBABILITIES.copy()
    probabilities[1, 3] = number
    with pytest.raises(InputError, match=r"^probabilities: expected finite .* 1 of 3 beats"):
        write_predictions(tmp_path / "p.csv", beats_of([0, 1, 2]), np.arange(3), probabilities)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_an_earlier_version_without_quality_is_read(tmp_path: Path) -> None:
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    write_predictions(new, beats_of([0, 1, 2]), np.arange(3), PROBABILITIES)
    rows = [line.rpartition(",")[0] for line in new.read_text().splitlines()]
    old.write_text("\n".join(rows))
    for name in ("labels", "predicted", "probabilities", "records"):
        tables = Predictions.read(new), Predictions.read(old)
        np.testing.assert_array_equal(*(getattr(table, name) for table in tables))


def test_a_large_table_reads_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    beats = beats_of(random.integers(0, 5, 500))
    rows, logits = random.permutation(500)[:200], random.standard_normal((200, 5))
    probabilities = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    write_predictions(tmp_path / "p.csv", beats, rows, probabilities)
    table = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    assert list(table.columns) == HEAD
    assert table["sample"].tolist() == beats.samples[rows].tolist()
    assert table["record"].tolist() == beats.record_ids[rows].tolist()
    assert table["symbol"].tolist() == beats.symbols[rows].tolist()
    assert table["class"].tolist() == ["NSVFQ"[label] for label in beats.labels[rows]]
    assert table["predicted"].tolist() == ["NSVFQ"[label] for label in probabilities.argmax(1)]
    six_decimals = table[SHARES].to_numpy()
    np.testing.assert_allclose(six_decimals, probabilities, atol=5e-7 + 1e-9)


def test_names_with_commas_and_quotes_are_quoted(tmp_path: Path) -> None:
    beats = beats_of([0, 1])
    beats.record_ids[:] = ["a,", 'b"']
    write_predictions(tmp_path / "p.csv", beats, np.array([0, 1]), PROBABILITIES[:2])
    with open(tmp_path / "p.csv", newline="") as file:
        assert [row["record"] for row in csv.DictReader(file)] == ["a,", 'b"']


def test_no_rows_leave_the_heading(tmp_path: Path) -> None:
    write_predictions(
        tmp_path / "p.csv",
        beats_of([0]),
        np.array([], dtype=np.int64),
        np.empty((0, 5), np.float32),
    )
    assert (tmp_path / "p.csv").read_text() == ",".join(HEAD) + "\n"


def test_rows_and_probabilities_must_have_one_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_predictions(tmp_path / "p.csv", beats_of([0, 0]), np.array([0, 1]), PROBABILITIES[:1])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.csv"
    path.write_text("old")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_space)
    message = (
        r"p\.csv: expected room for 0\.0 MiB, found No space left on device; "
        "make room on this disk"
    )
    with pytest.raises(InputError, match=message):
        write_predictions(path, beats_of([0]), np.array([0]), PROBABILITIES[:1])
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("p.csv", "old")]
