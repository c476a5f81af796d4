"""Tables in CSV for programs: one row for each run, class and metric."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecg_lightning.evaluation.paired import ALL, PairedSummary
from ecg_lightning.report.text_tables import known_patients
from ecg_lightning.report.verdict import Json, network_of, source_text, split_text
from ecg_lightning.text import as_cell

RUN_COLUMNS = (
    *("run", "network", "source", "part", "split", "patients", "class", "metric", "value"),
    *("low", "high", "left_out", "spread", "units"),
)
PAIRED_COLUMNS = (
    *("first", "second", "class", "metric", "first_value", "second_value", "difference"),
    *("low", "high", "left_out"),
)
_TABLES = ("reliability",)  # of a class, which are no numbers


def runs_csv(evaluations: Sequence[Json]) -> str:
    """Return the metrics of runs.

    Shares are between 0 and 1. A metric without such beats has an empty cell. `low` and `high` are
    the ends of a 95 % interval, `left_out` the share of resamples without such beats. `spread` is
    the standard deviation of `units` values: of the seeds of a cross-validation, each with all its
    folds together, or of its runs.

    Args:
        evaluations: Contents of `evaluation.json`, or of `crossval_rows.crossval_content`.
    """
    rows = (row for evaluation in evaluations for row in _run_rows(evaluation))
    return _csv(RUN_COLUMNS, rows)


def paired_csv(paired: PairedSummary, evaluations: Sequence[Json]) -> str:
    """Return the differences of two runs, and who got which beats right.

    `difference` is the second value minus the first, and `low` and `high` are its interval. The
    metric `right` counts the beats that a run got right, `only_right` those that the other did not.

    Args:
        paired: The comparison.
        evaluations: Contents of both runs' `evaluation.json`.
    """
    first, second = (as_cell(str(evaluation["run"])) for evaluation in evaluations)
    names = {"first": first, "second": second}
    return _csv(PAIRED_COLUMNS, (names | row for row in _paired_rows(paired)))


def _run_rows(evaluation: Json) -> Iterator[dict[str, Any]]:
    metrics = evaluation["measures"]
    texts = {
        "run": evaluation["run"],
        "network": network_of(evaluation),
        "source": source_text(evaluation),
        "part": evaluation["part"],
        "split": split_text(evaluation),
        "patients": known_patients(evaluation),
    }
    facts = {name: as_cell(str(text)) for name, text in texts.items()}
    overall = {**metrics["overall"], "ece": metrics["ece"], "brier": metrics["brier"]}
    groups = {
        ALL: {"beats": metrics["beats"], "records": metrics["records"], **overall},
        **metrics["by_class"],
        **metrics["ec57"],
    }
    for group, values in groups.items():
        for name, value in values.items():
            if name not in _TABLES:
                key = name if group == ALL else f"{group}.{name}"
                row = {"class": group, "metric": name, "value": value}
                yield {**facts, **row, **_uncertainty(metrics, key)}


def _uncertainty(metrics: Json, key: str) -> dict[str, Any]:
    """The interval of a metric, or its spread over the seeds or units of a cross-validation."""
    result = dict(metrics["intervals"].get(key, {}))
    if key in metrics.get("spread", {}):
        result |= {"spread": metrics["spread"][key], "units": metrics["units"]}
    return result


def _paired_rows(paired: PairedSummary) -> Iterator[dict[str, Any]]:
    for key, metric in paired["metrics"].items():
        group, _, name = key.rpartition(".")
        values = {f"{side}_value": dict(metric)[side] for side in ("first", "second")}
        row = {"class": group or ALL, "metric": name, "difference": metric["difference"]}
        yield {**row, **values, **(metric["interval"] or {})}
    for group, counts in paired["counts"].items():
        both, n_beats = counts["both_right"], counts["beats"]
        only = counts["only_first"], counts["only_second"]
        for name, (first, second) in {
            "beats": (n_beats, n_beats),
            "right": (both + only[0], both + only[1]),
            "only_right": only,
        }.items():
            values = {"first_value": first, "second_value": second, "difference": second - first}
            yield {"class": group, "metric": name, **values}


def _csv(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(
            {
                name: f"{value:.6f}" if isinstance(value, float) else value
                for name, value in row.items()
            }
        )
    return text.getvalue()
