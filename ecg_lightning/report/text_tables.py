"""Tables about tested runs, for a text: their headings, rows and caption.

`markdown.py` and `latex.py` write them; the numbers are those of the page. A table of runs has one
row for each run, a table of a paired comparison one row for each metric or class.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ecg_lightning.evaluation.paired import PairedMetric, PairedSummary
from ecg_lightning.report.tables import Cell, interval_text, metric_cell
from ecg_lightning.report.verdict import HEADS as VERDICTS
from ecg_lightning.report.verdict import (
    Json,
    independence,
    network_of,
    patients_text,
    split_text,
)
from ecg_lightning.text import ABSENT, counted, points

FEW_RECORDS = 10  # intervals of fewer are uncertain
Head = tuple[str, str]  # what neighbouring columns share, or "", and the column's own heading
METRICS: dict[str, Head] = {
    "accuracy": ("", "accuracy"),
    "balanced_accuracy": ("balanced", "accuracy"),
    "macro_f1_nsv": ("macro-F1", "N S V"),
    "macro_f1_nsvf": ("macro-F1", "N S V F"),
    "S.f1": ("F1", "S"),
    "V.f1": ("F1", "V"),
}


def known_patients(evaluation: Json) -> str:
    """Return what is known about the patients; a cross-validation says it of all its units."""
    return str(evaluation.get("patients_text") or patients_text(evaluation))


FACTS = {
    "network": network_of,
    "split": split_text,
    "patients": known_patients,
    "beats": lambda evaluation: f"{evaluation['measures']['beats']:,}",
}
SPREADS = {  # what a spread is over, see `crossval_content`
    "seeds": "±: standard deviation over seeds, each with all its folds; not over patients.",
    "units": "±: standard deviation over the units of a cross-validation.",
}
OTHER_BEATS = "The runs were tested on different beats. Their metrics cannot be compared directly."


class TextTable(NamedTuple):
    """A table, for any format.

    Attributes:
        heads: One for each column.
        rows: Cells, as many in each row as there are heads.
        caption: What the table shows, as a sentence or several.
        label: A short name, such as `runs`.
    """

    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    caption: str
    label: str


def runs_text_table(evaluations: Sequence[Json]) -> TextTable:
    """Return one row for each run, with all facts and the run's name at the end.

    Args:
        evaluations: Contents of `evaluation.json`, or of `crossval_rows.crossval_content`.
    """
    heads = [*(("", name) for name in FACTS), *METRICS.values(), ("", "run")]
    rows = [
        [*_facts(evaluation), *_metrics(evaluation), Cell(str(evaluation["run"]))]
        for evaluation in evaluations
    ]
    return TextTable(heads, rows, _caption(evaluations), "runs")


def paper_table(evaluations: Sequence[Json]) -> TextTable:
    """Return one row for each run, with its name first; facts that all share are in the caption.

    Args:
        evaluations: As for `runs_text_table`.
    """
    columns = zip(FACTS, zip(*map(_facts, evaluations), strict=True), strict=True)
    facts = {name: cells for name, cells in columns if len(set(cells)) > 1}
    heads = [("", "run"), *(("", name) for name in facts), *METRICS.values()]
    rows = [
        [
            Cell(str(evaluation["run"])),
            *(cells[row] for cells in facts.values()),
            *_metrics(evaluation),
        ]
        for row, evaluation in enumerate(evaluations)
    ]
    shared = [
        _shared(name, text(evaluations[0])) for name, text in FACTS.items() if name not in facts
    ]
    caption = f"{_caption(evaluations)} {_sentence(shared)}".strip()
    return TextTable(heads, rows, caption, "runs")


def paired_tables(
    paired: PairedSummary, evaluations: Sequence[Json], own_intervals: bool = True
) -> list[TextTable]:
    """Return the differences of two runs, and who got which beats right.

    Args:
        paired: The comparison.
        evaluations: Contents of both runs' `evaluation.json`.
        own_intervals: Whether the metrics of each run have their intervals too.
    """
    first, second = (str(evaluation["run"]) for evaluation in evaluations)
    what = f"{paired['beats']:,} beats of {counted(paired['records'], 'record')}"
    differences = TextTable(
        [("", "metric"), ("", first), ("", second), ("", "difference")],
        [
            [*_metric_of_both(name, evaluations, own_intervals), difference_cell(metric)]
            for name, metric in paired["metrics"].items()
        ],
        f"Two runs on the same {what}, in percent. The difference is that of {second} minus that "
        f"of {first}, in percentage points. {_intervals(paired['records'])}",
        "paired",
    )
    counts = TextTable(
        [
            *(("", head) for head in ("true class", "beats", "both right")),
            *(("only right in", run) for run in (first, second)),
            ("", "both wrong"),
        ],
        [
            [Cell(name), *(Cell(f"{count:,}") for count in dict(group).values())]
            for name, group in paired["counts"].items()
        ],
        f"Beats by who classified them correctly: {first}, {second} or both; by true class.",
        "paired-counts",
    )
    return [differences, counts]


def warnings_of(evaluations: Sequence[Json]) -> list[str]:
    """Return what a reader of a table has to know: mixed patients, different beats."""
    mixed = [one["run"] for one in evaluations if independence(one).status == "mixed"]
    lines = [f"{', '.join(mixed)}: {VERDICTS['mixed']}"] if mixed else []
    return [*lines, *([OTHER_BEATS] if different_beats(evaluations) else [])]


def different_beats(evaluations: Sequence[Json]) -> bool:
    """Return whether the runs were tested on other records, or on other numbers of beats."""
    return len(set(map(_beats_of, evaluations))) > 1


def _beats_of(evaluation: Json) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The records, and the number of beats of each class: equal for the same beats."""
    return tuple(
        (row["record"], tuple(map(sum, row["confusion_matrix"])))
        for row in evaluation["per_record"]
    )


def _facts(evaluation: Json) -> list[Cell]:
    return [Cell(text(evaluation)) for text in FACTS.values()]


def _metrics(evaluation: Json) -> list[Cell]:
    return [metric_cell(evaluation["measures"], name) for name in METRICS]


def _shared(name: str, text: str) -> str:
    return f"{name}: {text}"


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if parts else ""


def _caption(evaluations: Sequence[Json]) -> str:
    """What the numbers are, and what their intervals come from."""
    parts = {str(evaluation["part"]) for evaluation in evaluations}
    lines = [f"Metrics of the {' and '.join(sorted(parts))} part, in percent."]
    if any(evaluation["measures"]["intervals"] for evaluation in evaluations):
        lines.append("Small print: 95 % intervals, by bootstrap over records.")
    spreads = (evaluation["measures"].get("over") for evaluation in evaluations)
    lines += [SPREADS[over] for over in dict.fromkeys(spreads) if over]
    if different_beats(evaluations):
        lines.append(OTHER_BEATS)
    return " ".join(lines)


def _intervals(n_records: int) -> str:
    if n_records < 2:
        return "Intervals need at least two records."
    few = f" They come from only {n_records} records and are uncertain." * (n_records < FEW_RECORDS)
    return (
        f"95 % intervals, by bootstrap over records; the same records are drawn for both runs.{few}"
    )


def _metric_of_both(name: str, evaluations: Sequence[Json], intervals: bool) -> list[Cell]:
    head = " ".join(METRICS.get(name, ("F1", name.partition(".")[0]))).strip()
    cells = [metric_cell(evaluation["measures"], name) for evaluation in evaluations]
    return [Cell(head), *(cell if intervals else Cell(cell.text) for cell in cells)]


def difference_cell(metric: PairedMetric) -> Cell:
    """Return a difference and its interval, in percentage points."""
    difference, interval = metric["difference"], metric["interval"]
    if difference is None:
        return Cell(ABSENT)
    ends = interval_text(interval, points, " to ") if interval else ""
    return Cell(points(difference), ends)
