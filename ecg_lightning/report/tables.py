"""Rows and cells of the report's tables: classes, confusion, records, runs next to each other.

`templates/tables.j2` writes them as HTML.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.report.charts import BarPart, bar
from ecg_lightning.report.verdict import Json, split_text
from ecg_lightning.text import ABSENT, counted, percent, ratio

CLASS_COLUMNS = {
    "sensitivity": ("Se", "sensitivity: the share of the beats of the class that were found"),
    "positive_predictivity": (
        "+P",
        "positive predictivity, or precision: the share of beats called the class that are of it",
    ),
    "f1": ("F1", "harmonic mean of Se and +P"),
    "false_positive_rate": (
        "FPR",
        "false positive rate: the share of the other beats that were called the class",
    ),
}
HEADLINES = {  # overall metric: heading, percent or not
    "balanced_accuracy": ("balanced accuracy", True),
    "macro_f1_nsv": ("macro-F1 N S V", True),
    "macro_f1_nsvf": ("macro-F1 N S V F", True),
    "accuracy": ("accuracy", True),
    "kappa": ("Cohen's kappa", False),
    "mcc": ("MCC", False),
    "jk": ("jk index", False),
}
COMPARED = [
    ("S", "f1"),
    ("V", "f1"),
    *(
        (event, key)
        for event in ("VEB", "SVEB")
        for key in ("sensitivity", "positive_predictivity")
    ),
]
EVENT_COUNTS = ("tp", "fn", "fp", "excluded")
MOST_RECORDS = 100
MOST_MISTAKES = 3  # of one record, before the others are summed


class Cell(NamedTuple):
    """A metric and its interval, as texts; the interval may be empty."""

    text: str
    interval: str = ""

    @property
    def exists(self) -> bool:
        """Whether the metric is a number, and not "no such beats"."""
        return self.text[-1:].isdigit()

    @property
    def is_absent(self) -> bool:
        """Whether there are no such beats."""
        return self.text == ABSENT


class ClassRow(NamedTuple):
    """A class, or one of EC57's events, against all other beats; `counts` are beats."""

    name: str
    meaning: str
    metrics: Sequence[Cell]
    areas: Sequence[Cell]
    counts: Sequence[str]


class Share(NamedTuple):
    """A cell of the confusion matrix; `step` is its share of the true class in steps of 5 %."""

    text: str
    step: int
    right: bool


class ConfusionRow(NamedTuple):
    """A true class and its predictions; no cells where there are no such beats."""

    name: str
    cells: Sequence[Share]


class RecordRow(NamedTuple):
    """A record's errors; `mistakes` are texts such as `S→N 9`."""

    record: str
    beats: str
    wrong: str
    bar: Sequence[BarPart]
    right: str
    mistakes: Sequence[str]


class RecordsTable(NamedTuple):
    """The records with most errors, and a sentence on those beyond `MOST_RECORDS`."""

    rows: Sequence[RecordRow]
    more: str


class RunsTable(NamedTuple):
    """Runs, one a column: their names, then rows of texts and rows of metrics."""

    names: Sequence[str]
    facts: Sequence[tuple[str, Sequence[str]]]
    metrics: Sequence[tuple[str, Sequence[Cell]]]


def shown(name: str, value: float | None) -> str:
    """Return a headline metric as percent or as a ratio."""
    return _form(name)(value)


def interval_text(
    interval: Json | None, as_text: Callable[[float], str] = percent, between: str = "\N{EN DASH}"
) -> str:
    """Return `86.7–98.1`, or nothing where there is no interval."""
    if not interval or interval["low"] is None or interval["high"] is None:
        return ""
    return f"{as_text(interval['low'])}{between}{as_text(interval['high'])}"


def metric_cell(metrics: Json, name: str) -> Cell:
    """Return a metric in percent, with its interval or its spread over several runs.

    Args:
        metrics: A `Summary`; `spread` in it is the standard deviation of each metric.
        name: A key of `metrics_of_confusions`, such as `accuracy` or `S.f1`.
    """
    group, _, key = name.rpartition(".")
    below = {"": "overall", "VEB": "ec57", "SVEB": "ec57"}.get(group, "by_class")
    values = metrics[below][group] if group else metrics[below]
    spread = metrics.get("spread", {}).get(name)
    ends = interval_text(metrics["intervals"].get(name))
    return Cell(percent(values[key]), ends or ("" if spread is None else f"± {100 * spread:.1f}"))


def headline(metrics: Json, name: str) -> Cell:
    """Return an overall metric of `HEADLINES` with its interval."""
    interval = metrics["intervals"].get(name)
    return Cell(shown(name, metrics["overall"][name]), interval_text(interval, _form(name)))


def class_rows(metrics: Json) -> list[ClassRow]:
    """Return each class against the rest, with intervals."""
    return [
        ClassRow(
            name,
            CLASS_MEANINGS[name],
            _metric_cells(class_metrics, metrics["intervals"], name),
            [Cell(percent(class_metrics[key])) for key in ("average_precision", "roc_auc")],
            [f"{class_metrics['beats']:,}"],
        )
        for name, class_metrics in metrics["by_class"].items()
    ]


def event_rows(metrics: Json) -> list[ClassRow]:
    """Return ventricular and supraventricular ectopic beats by EC57's counting rules."""
    return [
        ClassRow(
            name,
            "",
            _metric_cells(event, metrics["intervals"], name),
            [],
            [f"{event[key]:,}" for key in EVENT_COUNTS],
        )
        for name, event in metrics["ec57"].items()
    ]


def confusion_rows(metrics: Json, as_percent: bool) -> list[ConfusionRow]:
    """Return the confusion matrix, rows the true class, as beats or percent of the true class."""
    matrix = zip(metrics["classes"], metrics["confusion_matrix"], strict=True)
    return [
        ConfusionRow(name, _shares(counts, row, as_percent))
        for row, (name, counts) in enumerate(matrix)
    ]


def records_table(rows: Sequence[Json], names: Sequence[str]) -> RecordsTable:
    """Return the records by their number of wrong beats, and which mistakes they hold.

    Args:
        rows: `per_record` of `evaluation.json`.
        names: The classes of the matrices' rows and columns.
    """
    mistakes = [_mistakes(row["confusion_matrix"], names) for row in rows]
    errors = [_total(of_record) for of_record in mistakes]
    order = sorted(range(len(rows)), key=lambda k: -errors[k])
    longest = max(errors, default=1) or 1
    rest = sum(errors[k] for k in order[MOST_RECORDS:])
    further = counted(len(rows) - MOST_RECORDS, "further record")
    more = f"{further} with {counted(rest, 'wrong beat')}: see per_record.csv."
    return RecordsTable(
        [_record_row(rows[k], mistakes[k], longest) for k in order[:MOST_RECORDS]],
        more if len(rows) > MOST_RECORDS else "",
    )


def runs_table(evaluations: Sequence[Json], verdicts: Sequence[str]) -> RunsTable:
    """Return several runs, one a column, by the same metrics.

    Args:
        evaluations: Contents of `evaluation.json`.
        verdicts: What is known about the patients of each.
    """
    all_metrics = [evaluation["measures"] for evaluation in evaluations]
    compared = [(f"{name} {CLASS_COLUMNS[key][0]}", name, key) for name, key in COMPARED]
    return RunsTable(
        [evaluation["run"] for evaluation in evaluations],
        [
            ("patients", verdicts),
            ("split", [split_text(evaluation) for evaluation in evaluations]),
            ("beats", [f"{metrics['beats']:,}" for metrics in all_metrics]),
        ],
        [
            *(
                (heading, [headline(metrics, key) for metrics in all_metrics])
                for key, (heading, _) in HEADLINES.items()
            ),
            *(
                (heading, [metric_cell(metrics, f"{name}.{key}") for metrics in all_metrics])
                for heading, name, key in compared
            ),
        ],
    )


def _form(name: str) -> Callable[[float | None], str]:
    return percent if HEADLINES[name][1] else ratio


def _metric_cells(class_metrics: Json, intervals: Json, name: str) -> list[Cell]:
    return [
        Cell(percent(class_metrics[key]), interval_text(intervals.get(f"{name}.{key}")))
        for key in CLASS_COLUMNS
    ]


def _shares(counts: Sequence[int], row: int, as_percent: bool) -> list[Share]:
    total = sum(counts)
    return [
        Share(
            percent(count / total) if as_percent else f"{count:,}",
            round(20 * count / total),
            row == k,
        )
        for k, count in enumerate(counts)
        if total
    ]


Mistake = tuple[str, str, int]  # true class, predicted class, beats


def _record_row(row: Json, mistakes: Sequence[Mistake], longest: int) -> RecordRow:
    beats, wrong = sum(map(sum, row["confusion_matrix"])), _total(mistakes)
    by_true = [(name, _total(group)) for name, group in groupby(mistakes, lambda cell: cell[0])]
    largest = sorted(mistakes, key=lambda cell: -cell[2])
    texts = [f"{true}→{called} {count:,}" for true, called, count in largest[:MOST_MISTAKES]]
    rest = _total(largest[MOST_MISTAKES:])
    return RecordRow(
        row["record"],
        f"{beats:,}",
        f"{wrong:,}",
        bar(by_true, longest),
        percent((beats - wrong) / beats if beats else None),
        [*texts, f"other {rest:,}"] if rest else texts,
    )


def _mistakes(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> list[Mistake]:
    """The cells off the diagonal that hold beats, by true class."""
    cells = (
        (names[i], names[j], count)
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j
    )
    return [cell for cell in cells if cell[2]]


def _total(mistakes: Iterable[Mistake]) -> int:
    return sum(count for _, _, count in mistakes)
