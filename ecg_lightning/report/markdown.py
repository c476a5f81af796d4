"""Tested runs as a Markdown table, for a log or a README."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.report.verdict import network_of, patients_text, split_text
from ecg_lightning.text import printed_path

OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1_nsv": "macro-F1 N S V",
    "macro_f1_nsvf": "macro-F1 N S V F",
}
BY_CLASS = ("S", "V")


def markdown_table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """Return one row for each run: metrics in percent with their 95 % intervals.

    A dash stands for a metric without such beats.

    Args:
        evaluations: Contents of `evaluation.json`.
    """
    heads = [
        *("network", "split", "patients", "beats"),
        *OVERALL.values(),
        *(f"F1 {name}" for name in BY_CLASS),
        "run",
    ]
    rows = [_row(evaluation) for evaluation in evaluations]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def _row(evaluation: Mapping[str, Any]) -> list[str]:
    metrics = evaluation["measures"]
    intervals = metrics["intervals"]
    overall = [_percent(metrics["overall"][name], intervals.get(name)) for name in OVERALL]
    by_class = [
        _percent(metrics["by_class"][name]["f1"], intervals.get(f"{name}.f1")) for name in BY_CLASS
    ]
    what = [
        network_of(evaluation),
        split_text(evaluation),
        patients_text(evaluation),
        f"{metrics['beats']:,}",
    ]
    cells = (*what, *overall, *by_class, evaluation["run"])
    return [printed_path(cell).replace("|", "\\|") for cell in cells]


def _percent(value: float | None, interval: Mapping[str, Any] | None) -> str:
    if value is None:
        return "—"
    ends = f" ({100 * interval['low']:.1f}–{100 * interval['high']:.1f})" if interval else ""
    return f"{100 * value:.1f}{ends}"
