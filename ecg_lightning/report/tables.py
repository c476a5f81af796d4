"""The page's tables: classes, confusion matrices, records, runs side by side."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.report.charts import bar
from ecg_lightning.report.markup import Html, badge, column, element, table
from ecg_lightning.report.verdict import Json
from ecg_lightning.text import counted, percent, ratio

CLASS_COLUMNS = {
    "sensitivity": ("Se", "sensitivity: of the beats of the class, how many were found"),
    "positive_predictivity": (
        "+P",
        "positive predictivity, precision: of the beats called so, how many were",
    ),
    "f1": ("F1", "harmonic mean of Se and +P"),
    "false_positive_rate": (
        "FPR",
        "false positive rate: of the other beats, how many were called so",
    ),
}
HEADLINES = {  # overall figure: heading, percent or not
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
MOST_RECORDS = 100
MOST_KINDS = 3


def shown(name: str, value: float | None) -> str:
    """A headline figure in its own form."""
    return percent(value) if HEADLINES[name][1] else ratio(value)


def interval_text(interval: Json | None, as_text: Any = percent) -> str:
    """`86.7–98.1`, or nothing where there is no interval."""
    if not interval or interval["low"] is None or interval["high"] is None:
        return ""
    return f"{as_text(interval['low'])}\N{EN DASH}{as_text(interval['high'])}"


def classes_table(measures: Json) -> Html:
    """Each class against the rest, with intervals."""
    head = [
        column("class"),
        column("beats"),
        *(column(short, title=long) for short, long in CLASS_COLUMNS.values()),
    ]
    head += [
        column("AP", title="average precision, the area under the PR curve"),
        column("AUC", title="area under the ROC curve"),
    ]
    rows = [
        element(
            "tr",
            element(
                "th",
                badge(name),
                " ",
                element("span", CLASS_MEANINGS[name], class_="meaning"),
                scope="row",
            ),
            element("td", f"{of_class['beats']:,}"),
            *_figure_cells(of_class, measures["intervals"], name),
            *(
                element("td", _main(percent(of_class[key])))
                for key in ("average_precision", "roc_auc")
            ),
        )
        for name, of_class in measures["by_class"].items()
    ]
    return table(
        head,
        rows,
        "Each class against the rest, in percent; small: 95\N{NO-BREAK SPACE}% interval",
        "figures",
    )


def ec57_table(measures: Json) -> Html:
    """Ventricular and supraventricular ectopic beats by EC57's counting rules."""
    counts = {"tp": "found", "fn": "missed", "fp": "false", "excluded": "not counted"}
    head = [
        column("event"),
        *(column(short, title=long) for short, long in CLASS_COLUMNS.values()),
        *map(column, counts.values()),
    ]
    rows = [
        element(
            "tr",
            element("th", name, scope="row"),
            *_figure_cells(event, measures["intervals"], name),
            *(element("td", f"{event[key]:,}") for key in counts),
        )
        for name, event in measures["ec57"].items()
    ]
    caption = "Ectopic beats by the counting rules of ANSI/AAMI EC57, in percent; small: 95\N{NO-BREAK SPACE}% interval"
    return table(head, rows, caption, "figures")


def _figure_cells(figures: Json, intervals: Json, name: str) -> list[Html]:
    return [
        element(
            "td",
            _main(percent(figures[key])),
            element("small", interval_text(intervals.get(f"{name}.{key}"))),
        )
        for key in CLASS_COLUMNS
    ]


def _main(text: str) -> Html:
    return element("span", text, class_="main" if text[-1:].isdigit() else "main absent")


def matrix_table(measures: Json, as_percent: bool) -> Html:
    """The confusion matrix, rows the true class, shaded by the share of the true class."""
    names = measures["classes"]
    head = [
        element("th", element("span", "true ↓ predicted →", class_="corner")),
        *(column(badge(name)) for name in names),
    ]
    rows = [
        element(
            "tr", element("th", badge(name), scope="row"), *_matrix_cells(counts, row, as_percent)
        )
        for row, (name, counts) in enumerate(zip(names, measures["confusion_matrix"], strict=True))
    ]
    return table(head, rows, "Percent of the true class" if as_percent else "Beats", "matrix")


def _matrix_cells(counts: Sequence[int], row: int, as_percent: bool) -> list[Html]:
    total = sum(counts)
    if not total:
        return [element("td", "no such beats", colspan=len(counts), class_="absent")]
    texts = [percent(count / total) if as_percent else f"{count:,}" for count in counts]
    return [
        element("td", text, class_=f"s{round(20 * count / total)}{' right' if row == k else ''}")
        for k, (count, text) in enumerate(zip(counts, texts, strict=True))
    ]


def records_table(rows: Sequence[Json], names: Sequence[str]) -> Html:
    """Where the errors are: the records by their number of wrong beats, and which mistakes they hold."""
    wrong = {id(row): _mistakes(row["confusion_matrix"], names) for row in rows}
    ordered = sorted(rows, key=lambda row: -sum(count for _, _, count in wrong[id(row)]))
    longest = (
        max((sum(count for _, _, count in of_row) for of_row in wrong.values()), default=1) or 1
    )
    head = [
        column("record"),
        column("beats"),
        column("wrong"),
        column("wrong, by true class", class_="wide"),
        column("right %"),
        column("mistakes"),
    ]
    lines = [_record_row(row, wrong[id(row)], longest) for row in ordered[:MOST_RECORDS]]
    found = table(head, lines, "Records, those with most errors first", "records")
    rest = sum(count for row in ordered[MOST_RECORDS:] for _, _, count in wrong[id(row)])
    more = f"{counted(len(ordered) - MOST_RECORDS, 'further record')} with {counted(rest, 'wrong beat')}: see per_record.csv."
    return Html(found + element("p", more, class_="note")) if len(ordered) > MOST_RECORDS else found


def _record_row(row: Json, mistakes: Sequence[tuple[str, str, int]], longest: int) -> Html:
    beats, wrong = sum(map(sum, row["confusion_matrix"])), sum(count for _, _, count in mistakes)
    by_true = [
        (name, sum(count for _, _, count in of_name))
        for name, of_name in groupby(mistakes, lambda mistake: mistake[0])
    ]
    largest = sorted(mistakes, key=lambda mistake: -mistake[2])
    kinds = [
        element("span", f"{true}→{called} {count:,}", class_="kind")
        for true, called, count in largest[:MOST_KINDS]
    ]
    rest = sum(count for _, _, count in largest[MOST_KINDS:])
    return element(
        "tr",
        element("th", row["record"], scope="row"),
        element("td", f"{beats:,}"),
        element("td", f"{wrong:,}"),
        element("td", bar(by_true, longest), class_="wide"),
        element("td", percent((beats - wrong) / beats if beats else None)),
        element(
            "td",
            *kinds,
            *([element("span", f"other {rest:,}", class_="kind")] if rest else []),
            class_="kinds",
        ),
    )


def _mistakes(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> list[tuple[str, str, int]]:
    """True class, predicted class, beats; by true class."""
    cells = (
        (names[i], names[j], count)
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j
    )
    return [cell for cell in cells if cell[2]]


def runs_table(evaluations: Sequence[Json], verdicts: Sequence[str]) -> Html:
    """Several runs, one a column, by the same figures; `verdicts` says of each how patients were split."""
    names = [column(evaluation["run"], class_="name") for evaluation in evaluations]
    facts = {
        "patients": verdicts,
        "split": [str(evaluation["split"]) for evaluation in evaluations],
        "beats": [f"{evaluation['measures']['beats']:,}" for evaluation in evaluations],
    }
    rows = [
        _run_row(heading, [element("td", text) for text in texts])
        for heading, texts in facts.items()
    ]
    for key, (heading, in_percent) in HEADLINES.items():
        rows.append(
            _run_row(
                heading,
                [_run_cell(evaluation["measures"], key, in_percent) for evaluation in evaluations],
            )
        )
    for name, key in COMPARED:
        heading = f"{name} {CLASS_COLUMNS[key][0]}"
        rows.append(
            _run_row(
                heading,
                [
                    _run_cell(evaluation["measures"], f"{name}.{key}", True)
                    for evaluation in evaluations
                ],
            )
        )
    caption = "In percent, except kappa, MCC and jk; small: 95\N{NO-BREAK SPACE}% interval"
    return table([column("figure"), *names], rows, caption, "figures runs")


def _run_row(heading: str, cells: Sequence[Html]) -> Html:
    return element("tr", element("th", heading, scope="row"), *cells)


def _run_cell(measures: Json, key: str, in_percent: bool) -> Html:
    name, _, of_class = key.partition(".")
    group = (
        measures["overall"]
        if not of_class
        else measures["by_class" if name in measures["by_class"] else "ec57"][name]
    )
    as_text = percent if in_percent else ratio
    return element(
        "td",
        _main(as_text(group[of_class or key])),
        element("small", interval_text(measures["intervals"].get(key), as_text)),
    )
