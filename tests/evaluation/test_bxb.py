"""The comparison equals WFDB's bxb on ten pairs of annotation files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_lightning.evaluation.beat_comparison import ROWS, Counts, compare_record
from ecg_lightning.evaluation.comparison_rates import events, rates
from ecg_lightning.records.wfdb.annotations import read_annotations

RECORDS = ("100", "105", "108", "114", "119", "200", "203", "207", "222", "232")
LENGTH = 650_000
STARTS_S = {"from 5:00": 300.0, "from the start": 0.0}


@pytest.mark.parametrize("start", STARTS_S)
@pytest.mark.parametrize("record", RECORDS)
def test_matrix_and_rates_are_those_of_bxb(mitdb: Path, bxb: Path, record: str, start: str) -> None:
    expected = json.loads((bxb / "counts.json").read_text())[record][start]
    files = (mitdb / f"{record}.atr", bxb / f"{record}.tst")
    reference, test = (read_annotations(path, 360.0, 1, LENGTH + 54) for path in files)
    counts = compare_record(reference, test, LENGTH, 360.0, start_s=STARTS_S[start])
    assert counts.matrix.tolist() == [expected["matrix"][row] for row in ROWS]
    assert printed_rates(counts) == expected["rates"]
    for name, fraction in expected["rates"].items():
        part, whole = map(int, fraction.split("/"))
        event, _, metric = name.partition(" ")
        assert rates(counts)[f"{event}.{metric.replace(' ', '_')}"] == part / whole


def printed_rates(counts: Counts) -> dict[str, str]:
    """The fractions that bxb prints; none where there are no such beats."""
    terms: dict[str, Any] = events(counts)
    result = {}
    for event in ("QRS", "VEB", "SVEB"):
        tp, fn, fp = (terms[f"{event}.{term}"] for term in ("tp", "fn", "fp"))
        result[f"{event} sensitivity"] = f"{tp}/{tp + fn}"
        result[f"{event} positive predictivity"] = f"{tp}/{tp + fp}"
    return {name: text for name, text in result.items() if not text.endswith("/0")}


def test_all_pairs_are_compared(bxb: Path) -> None:
    """No pair of files is forgotten, and none is so easy that it shows nothing."""
    expected = json.loads((bxb / "counts.json").read_text())
    assert sorted(expected) == list(RECORDS)
    matrices = np.array(
        [
            [one[start]["matrix"][row] for row in ROWS]
            for one in expected.values()
            for start in STARTS_S
        ]
    )
    assert (matrices.sum(0)[:5, :6] > 0).mean() > 0.6
