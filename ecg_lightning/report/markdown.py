"""Evaluated runs as a Markdown table, for a log or a README."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.report.verdict import independence, network_of

OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1_nsv": "macro-F1 N S V",
    "macro_f1_nsvf": "macro-F1 N S V F",
}
BY_CLASS = ("S", "V")


def text_table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """One row a run: figures in percent with their 95 % intervals; a dash where there are no such beats.

    Args:
        evaluations: Contents of `evaluation.json`.
    """
    names = [
        "network",
        "split",
        "patients",
        "beats",
        *OVERALL.values(),
        *(f"F1 {name}" for name in BY_CLASS),
        "run",
    ]
    rows = [_row(evaluation) for evaluation in evaluations]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names), *rows))


def _row(evaluation: Mapping[str, Any]) -> list[str]:
    measures = evaluation["measures"]
    intervals = measures["intervals"]
    overall = [_percent(measures["overall"][name], intervals.get(name)) for name in OVERALL]
    by_class = [
        _percent(measures["by_class"][name]["f1"], intervals.get(f"{name}.f1")) for name in BY_CLASS
    ]
    shared = evaluation["shared_patients"]
    patients = f"{len(shared)} in both" if shared else independence(evaluation)[0]
    what = [network_of(evaluation), evaluation["split"], patients, f"{measures['beats']:,}"]
    return [cell.replace("|", "\\|") for cell in (*what, *overall, *by_class, evaluation["run"])]


def _percent(value: float | None, interval: Mapping[str, Any] | None) -> str:
    if value is None:
        return "—"
    return f"{100 * value:.1f}" + (
        f" ({100 * interval['low']:.1f}–{100 * interval['high']:.1f})" if interval else ""
    )
