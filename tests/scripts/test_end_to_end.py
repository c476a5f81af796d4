"""The tables of `end_to_end.py`: which records, gross and average, and what positions cost."""

import sys

import numpy as np
import pytest

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from end_to_end import STARTS_S, result_table, row_of, rows_of

from ecg_lightning.evaluation.beat_comparison import Counts


def _counts(vv: int, vn: int, nv: int) -> Counts:
    """Counts with V found, V called N, and N called V."""
    matrix = np.zeros((7, 7), np.int64)
    matrix[0, 0], matrix[2, 2], matrix[2, 0], matrix[0, 2] = 100, vv, vn, nv
    return Counts(matrix)


def _results() -> dict[tuple[str, str, float], Counts]:
    results = {}
    for start_s in STARTS_S:
        results["raw", "100", start_s] = _counts(6, 2, 2)
        results["raw", "202", start_s] = _counts(1, 9, 0)
        results["raw", "103", start_s] = _counts(0, 0, 2)
        results["atr", "100", start_s] = _counts(8, 0, 0)
        results["atr", "202", start_s] = _counts(10, 0, 0)
        results["atr", "103", start_s] = _counts(0, 0, 2)
    return results


def test_gross_figures_are_of_sums_and_averages_of_records_with_such_beats() -> None:
    row = row_of(_results(), "raw", 0.0, ["100", "202", "103"])
    assert row.gross["VEB.sensitivity"] == 7 / 18
    assert row.gross["VEB.positive_predictivity"] == 7 / 11
    assert row.average["VEB.sensitivity"] == pytest.approx((6 / 8 + 1 / 10) / 2)
    assert row.gross["SVEB.sensitivity"] is None
    assert row.average["SVEB.sensitivity"] is None


def test_the_record_of_a_trained_patient_is_also_excluded() -> None:
    rows = rows_of(_results(), ["100", "202", "103"])
    assert [len(row.records) for row in rows] == [3] * 4 + [2] * 4
    assert [row.positions for row in rows] == ["raw", "atr"] * 4
    assert len(rows_of(_results(), ["100", "103"])) == 4


def test_losses_are_points_of_f1() -> None:
    lines = result_table(rows_of(_results(), ["100", "103"])).splitlines()
    f1_raw, f1_stated = 12 / 18, 16 / 18
    assert f"- 2 records, from 0:00: VEB {100 * (f1_stated - f1_raw):.2f}, SVEB –" in lines
    assert lines[2].startswith("| 2, without 202 | whole | found in the raw signal | 75.00 (75.00)")
