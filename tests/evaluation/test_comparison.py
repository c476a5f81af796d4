"""Rates of a comparison: by hand, gross, average, and their intervals against a plain loop."""

import csv
import io
import json
import math

import numpy as np
import pytest

from ecg_lightning.arrays import Integers
from ecg_lightning.evaluation.beat_comparison import COLUMNS, ROWS, Counts
from ecg_lightning.evaluation.comparison import (
    SEED,
    Comparison,
    comparison_csv,
    comparison_json,
)
from ecg_lightning.evaluation.comparison_rates import (
    CELLS,
    RATES,
    cell_names,
    events,
    rates,
)
from ecg_lightning.evaluation.confusion import EC57_CELLS
from ecg_lightning.evaluation.intervals import RESAMPLES

POSSIBLE = [
    row + column for row in ROWS for column in COLUMNS if not {row, column.upper()} <= {*"OX"}
]


def counts_of(**cells: int) -> Counts:
    """A matrix with these cells, such as `Nn=3`."""
    matrix = np.zeros((7, 7), np.int64)
    for name, count in cells.items():
        matrix[ROWS.index(name[0]), COLUMNS.index(name[1])] = count
    return Counts(matrix)


def powers() -> dict[str, int]:
    """Another power of 2 in each cell that can be, so that a sum tells its cells."""
    return {name: 1 << i for i, name in enumerate(POSSIBLE)}


def cells_in(number: int) -> set[str]:
    return {name for name, power in powers().items() if number & power}


class TestCounts:
    def test_of_qrs_are_those_of_bxb(self) -> None:
        terms = events(counts_of(**powers()))
        beats = "NSVFQ"
        assert cells_in(terms["QRS.tp"]) == {a + b.lower() for a in beats for b in beats}
        assert cells_in(terms["QRS.fn"]) == {a + b for a in beats for b in "ox"}
        assert cells_in(terms["QRS.fp"]) == {a + b.lower() for a in "OX" for b in beats}

    def test_of_veb_are_those_of_bxb(self) -> None:
        terms = events(counts_of(**powers()))
        assert cells_in(terms["VEB.tp"]) == {"Vv"}
        assert cells_in(terms["VEB.fn"]) == set(["Vn", "Vs", "Vf", "Vq", "Vo", "Vx"])
        assert cells_in(terms["VEB.fp"]) == set(["Nv", "Sv", "Ov", "Xv"])
        assert cells_in(terms["VEB.tn"]) == {row + column for row in "NSFQOX" for column in "nsfq"}

    def test_of_sveb_are_those_of_bxb(self) -> None:
        terms = events(counts_of(**powers()))
        assert cells_in(terms["SVEB.tp"]) == {"Ss"}
        assert cells_in(terms["SVEB.fn"]) == set(["Sn", "Sv", "Sf", "Sq", "So", "Sx"])
        assert cells_in(terms["SVEB.fp"]) == set(["Ns", "Vs", "Fs", "Os", "Xs"])
        assert "SVEB.tn" not in terms

    @pytest.mark.parametrize("event", ["VEB", "SVEB"])
    def test_agree_with_those_of_classified_beats(self, event: str) -> None:
        """Where both files have a beat, a pair counts as in the tables of a test."""
        for row, expected in zip(CELLS[event][:5], EC57_CELLS[event], strict=True):
            pairs = zip(row.split()[:5], expected.split(), strict=True)
            assert all(cell == other or (cell, other) == ("--", "tn") for cell, other in pairs)


class TestRates:
    def test_by_hand(self) -> None:
        counts = counts_of(
            Nn=90, Nv=2, No=3, Nx=1, Vv=6, Vn=1, Vo=1, Fv=9, Ss=1, Sn=1, Vs=2, Ov=4, Xn=5
        )
        result = rates(counts)
        assert result["QRS.sensitivity"] == 112 / 117
        assert result["QRS.positive_predictivity"] == 112 / 121
        assert result["QRS.f1"] == 224 / 238
        assert result["VEB.sensitivity"] == 6 / 10
        assert result["VEB.positive_predictivity"] == 6 / 12
        assert result["VEB.f1"] == 12 / 22
        assert result["VEB.false_positive_rate"] == 6 / (6 + 90 + 1 + 1 + 5)
        assert result["SVEB.sensitivity"] == 1 / 2
        assert result["SVEB.positive_predictivity"] == 1 / 3
        assert tuple(result) == RATES

    def test_without_such_beats_there_is_none(self) -> None:
        assert set(rates(counts_of()).values()) == {None}

    def test_false_alarms_alone_give_a_positive_predictivity(self) -> None:
        """As bxb prints it: 0 of 5; but neither sensitivity nor F1."""
        result = rates(counts_of(Nn=90, Nv=5))
        assert result["VEB.positive_predictivity"] == 0
        assert (result["VEB.sensitivity"], result["VEB.f1"]) == (None, None)

    def test_missed_beats_alone_give_an_f1(self) -> None:
        result = rates(counts_of(Nn=90, Vn=5))
        assert (result["VEB.sensitivity"], result["VEB.f1"]) == (0, 0)
        assert result["VEB.positive_predictivity"] is None


def three() -> Comparison:
    """Three records; only the first has VEBs."""
    counts = (
        counts_of(Nn=80, No=20, Vv=3, Vn=1),
        counts_of(Nn=90, No=10, Nv=4),
        counts_of(Nn=1000, On=50, Ss=2),
    )
    settings = {"classes": "aami", "start_s": 300.0, "reference": "atr", "test": "ecl"}
    return Comparison(("a", "b", "=c"), counts, settings)


class TestSeveralRecords:
    def test_gross_figures_are_of_the_summed_counts(self) -> None:
        assert rates(three().gross)["QRS.sensitivity"] == 1180 / 1210
        assert rates(three().gross)["VEB.positive_predictivity"] == 3 / 7

    def test_averages_are_of_the_records_that_have_the_rate(self) -> None:
        average = three().average
        assert average["QRS.sensitivity"] == pytest.approx((84 / 104 + 94 / 104 + 1) / 3)
        assert average["VEB.sensitivity"] == 3 / 4
        assert average["VEB.positive_predictivity"] == (1 + 0) / 2
        assert three().records_with_rate["VEB.sensitivity"] == 1
        assert three().records_with_rate["VEB.positive_predictivity"] == 2

    def test_intervals_equal_a_plain_loop(self) -> None:
        matrices = [counts.matrix for counts in three().counts]
        draws = np.random.default_rng(SEED).multinomial(3, [1 / 3] * 3, size=RESAMPLES)
        gross, average = [], []
        for times in draws:
            drawn: list[Integers] = [
                matrix for matrix, n in zip(matrices, times, strict=True) for _ in range(n)
            ]
            n_veb = sum(int(matrix[2].sum()) for matrix in drawn)
            hits = sum(int(matrix[2, 2]) for matrix in drawn)
            gross.append(hits / n_veb if n_veb else math.nan)
            single = [matrix[:5, :5].sum() / matrix[:5].sum() for matrix in drawn]
            average.append(sum(single) / len(single))
        intervals = three().intervals
        present = [value for value in gross if not math.isnan(value)]
        low, high = np.percentile(present, (2.5, 97.5))
        share = 1 - len(present) / RESAMPLES
        expected = {"low": low, "high": high, "left_out": share}
        assert intervals["gross"]["VEB.sensitivity"] == pytest.approx(expected)
        low, high = np.percentile(average, (2.5, 97.5))
        assert intervals["average"]["QRS.sensitivity"] == pytest.approx({"low": low, "high": high})

    def test_one_record_has_no_intervals(self) -> None:
        one = Comparison(("a",), three().counts[:1], {})
        assert one.intervals == {"gross": {}, "average": {}}
        assert one.average == rates(one.gross)


class TestFiles:
    def test_json(self) -> None:
        content = json.loads(comparison_json(three()))
        assert list(content) == [
            *("schema", "program", "settings", "rows", "columns", "records", "gross", "average")
        ]
        assert content["schema"] == 1
        assert content["program"].startswith("ecg-lightning ")
        assert content["settings"] == {**three().settings, "resamples": 2000, "seed": 0}
        assert (content["rows"], content["columns"]) == (list("NSVFQOX"), list("nsvfqox"))
        record = content["records"][1]
        assert record["record"] == "b"
        assert record["matrix"][0] == [90, 0, 4, 0, 0, 10, 0]
        assert record["counts"]["VEB.fp"] == 4
        assert record["rates"]["VEB.sensitivity"] is None
        assert content["gross"]["matrix"][0][0] == 1170
        assert set(content["gross"]["intervals"]) == set(RATES)
        assert content["average"]["records_with_rate"]["SVEB.sensitivity"] == 1
        assert content["average"]["rates"]["VEB.sensitivity"] == 0.75

    def test_csv(self) -> None:
        rows = list(csv.DictReader(io.StringIO(comparison_csv(three()).decode())))
        scopes = [(row["scope"], row["record"], row["classes"]) for row in rows]
        assert scopes == [
            *(("record", name, "aami") for name in ("a", "b", "'=c")),
            *(("gross", "", "aami"), ("average", "", "aami")),
        ]
        first, gross, average = rows[0], rows[3], rows[4]
        assert (first["Nn"], first["No"], first["Vn"]) == ("80", "20", "1")
        assert (first["VEB.fn"], first["VEB.f1"]) == ("1", "0.857143")
        assert (first["SVEB.sensitivity"], first["VEB.f1.low"]) == ("", "")
        assert (gross["Nn"], gross["QRS.sensitivity"]) == ("1170", "0.975207")
        assert float(gross["QRS.sensitivity.low"]) < 0.975207 < float(gross["QRS.sensitivity.high"])
        assert (average["Nn"], average["VEB.sensitivity"]) == ("", "0.750000")
        assert list(first)[3:52] == cell_names()

    def test_they_are_the_same_each_time(self) -> None:
        assert comparison_json(three()) == comparison_json(three())
