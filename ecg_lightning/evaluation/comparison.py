"""A comparison of annotations over records: gross rates, average rates and their intervals."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ecg_lightning import __version__
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.evaluation.beat_comparison import COLUMNS, ROWS, Counts
from ecg_lightning.evaluation.comparison_rates import RATES, cell_names, events, rates, rates_of
from ecg_lightning.evaluation.confusion import Metric, as_metric
from ecg_lightning.evaluation.intervals import RESAMPLES, Interval, drawn_records, interval_of
from ecg_lightning.text import as_cell

SCHEMA, SEED = 1, 0
Row = dict[str, str | int | float | None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The counts of some records, at least one.

    Attributes:
        records: The names of the records.
        counts: The counts of each.
        settings: How they were compared, for the files.
    """

    records: tuple[str, ...]
    counts: tuple[Counts, ...]
    settings: dict[str, Any]

    @cached_property
    def gross(self) -> Counts:
        """The counts of all records together."""
        return Counts(self._matrices.sum(axis=0))

    @cached_property
    def average(self) -> dict[str, Metric]:
        """The mean of the records' rates, over the records that have one."""
        means = _averages(np.ones((1, len(self.records)), np.int64), rates_of(self._matrices))
        return {name: as_metric(values[0]) for name, values in means.items()}

    @cached_property
    def records_with_rate(self) -> dict[str, int]:
        """How many records have a rate: the others have no such beats."""
        values = rates_of(self._matrices).items()
        return {name: int(np.isfinite(value).sum()) for name, value in values}

    @cached_property
    def intervals(self) -> dict[str, dict[str, Interval]]:
        """`gross` and `average` -> rate -> its 95 % interval, by bootstrap over records.

        Empty for a single record, which has no spread.
        """
        n_records = len(self.records)
        if n_records < 2:
            return {"gross": {}, "average": {}}
        draws = drawn_records(n_records, np.random.default_rng(SEED), RESAMPLES)
        sums = (draws @ self._matrices.reshape(n_records, -1)).reshape(-1, len(ROWS), len(ROWS))
        resamples = {
            "gross": rates_of(sums),
            "average": _averages(draws, rates_of(self._matrices)),
        }
        return {
            scope: {name: interval_of(values) for name, values in of_scope.items()}
            for scope, of_scope in resamples.items()
        }

    @property
    def _matrices(self) -> Integers:
        """(M, 7, 7) counts."""
        return np.stack([counts.matrix for counts in self.counts])


def _averages(draws: Integers, of_records: dict[str, Floats]) -> dict[str, Floats]:
    """The mean rates (R,) of drawn records (R, M), without the records that have no rate (M,)."""
    result = {}
    for name, values in of_records.items():
        present = np.isfinite(values)
        n_present = draws @ present.astype(np.int64)
        total = draws @ np.where(present, values, 0.0)
        missing = np.full(len(draws), np.nan)
        result[name] = np.divide(total, n_present, out=missing, where=n_present > 0)
    return result


def comparison_json(comparison: Comparison) -> bytes:
    """Return compare.json: settings, counts, rates and intervals."""
    records = [
        {"record": name, **_counted(counts)}
        for name, counts in zip(comparison.records, comparison.counts, strict=True)
    ]
    content = {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        "settings": {**comparison.settings, "resamples": RESAMPLES, "seed": SEED},
        "rows": list(ROWS),
        "columns": list(COLUMNS),
        "records": records,
        "gross": {**_counted(comparison.gross), "intervals": comparison.intervals["gross"]},
        "average": {
            "rates": comparison.average,
            "records_with_rate": comparison.records_with_rate,
            "intervals": comparison.intervals["average"],
        },
    }
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _counted(counts: Counts) -> dict[str, Any]:
    return {"matrix": counts.matrix.tolist(), "counts": events(counts), "rates": rates(counts)}


def comparison_csv(comparison: Comparison) -> bytes:
    """Return compare.csv: a row for each record, one of the gross rates and one of the averages.

    Its columns are the scope, the record, the class map, the 49 cells of the matrix, the counts of
    the rates, the rates from 0 to 1, and the ends of their 95 % intervals.
    """
    records = zip(comparison.records, comparison.counts, strict=True)
    rows = [
        *(_row("record", name, _values(counts)) for name, counts in records),
        _row("gross", "", _values(comparison.gross), comparison.intervals["gross"]),
        _row("average", "", comparison.average, comparison.intervals["average"]),
    ]
    ends = [f"{name}.{end}" for name in RATES for end in ("low", "high")]
    columns = [
        "scope",
        "record",
        "classes",
        *cell_names(),
        *events(comparison.gross),
        *RATES,
        *ends,
    ]
    return _csv(columns, [{**row, "classes": comparison.settings["classes"]} for row in rows])


def _values(counts: Counts) -> dict[str, int | Metric]:
    cells = zip(cell_names(), counts.matrix.ravel().tolist(), strict=True)
    return {**dict(cells), **events(counts), **rates(counts)}


def _row(
    scope: str,
    record: str,
    values: dict[str, Any],
    intervals: dict[str, Interval] | None = None,
) -> Row:
    ends = {
        f"{name}.{end}": value
        for name, interval in (intervals or {}).items()
        for end, value in (("low", interval["low"]), ("high", interval["high"]))
    }
    return {"scope": scope, "record": as_cell(record), **values, **ends}


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode(errors="backslashreplace")  # a file name may be invalid Unicode


def _cell(value: str | int | float | None) -> str:
    return f"{value:.6f}" if isinstance(value, float) else "" if value is None else str(value)
