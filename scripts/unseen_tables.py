"""The tables of docs/unseen-patients.md, from predictions that are kept as files."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from documents import table
from unseen_plan import ROWS, Unit
from unseen_predictions import Predicted
from unseen_results import EM_STRENGTH, PLAIN, TITLES, Group, Result
from unseen_scores import (
    LEAST_S,
    SCORES,
    Spread,
    counts_of,
    median_s,
    of_records,
    records_with_s,
    spreads,
)
from unseen_training import EXPERTS

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import CLASS_NAMES

NOT_MEASURED = "not measured yet"
ON_DS2, ON_DS1 = ("1", "4"), ("3",)
WITHOUT: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "without 232": ("mitdb/232",),
    "without 202": ("mitdb/202",),
    "without both": ("mitdb/202", "mitdb/232"),
}
# 201 and 202 are of one patient: the one is tested in row 3, where the other trains.
WITHOUT_ON_DS1: Mapping[str, tuple[str, ...]] = {"all": (), "without 201": ("mitdb/201",)}
HEAD = (
    *("accuracy", "macro-F1 N S V", "S F1", "S Se / +P"),
    *("V F1", "V Se / +P", "F F1", "F Se / +P"),
)
MAIN = ("macro-F1 N S V", "S F1", "V F1")
GATES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)


def tables_of(results: Sequence[Result]) -> dict[str, str]:
    """Return all tables by name; one without results says so."""
    return {
        "unseen-rows": rows_table(results),
        "unseen-without": without_table(results),
        "unseen-forms": forms_table(results),
        "unseen-forms-without": forms_without_table(results),
        "unseen-intervals": intervals_table(results),
        "unseen-folds": folds_table(results),
        "unseen-records": records_table(results),
    }


def _plain(results: Sequence[Result], rows: Sequence[str]) -> list[Result]:
    """Those of some rows, offline, on the experts' beats."""
    return [result for result in results if result.group.row in rows and result.group.form == PLAIN]


def rows_table(results: Sequence[Result]) -> str:
    """Return the scores of each network in rows 1 to 4: experts' beats, offline."""
    rows = [
        [*_names(result), *_cells(spreads(result.counts))] for result in _plain(results, [*ROWS])
    ]
    return _table(("row", "network", "seeds", "EM", *HEAD), rows)


def without_table(results: Sequence[Result]) -> str:
    """Return the scores on DS2 with and without 232 and 202, and those on DS1 without 201."""
    rows = [
        [*_names(result), *cells]
        for result in _plain(results, [*ON_DS2, *ON_DS1])
        for cells in _without(result)
    ]
    return _table(("row", "network", "seeds", "EM", *_WITHOUT_HEAD), rows)


_WITHOUT_HEAD = ("records", "accuracy", *MAIN)


def _without(result: Result) -> Iterator[list[str]]:
    """The cells below _WITHOUT_HEAD, with all records and without single ones."""
    kinds = WITHOUT_ON_DS1 if result.group.row in ON_DS1 else WITHOUT
    for title, records in kinds.items():
        scores = spreads(result.without(records))
        yield [title, *(_both(scores[name]) for name in ("accuracy", *MAIN))]


def forms_table(results: Sequence[Result]) -> str:
    """Return the scores offline and causal, on the experts' beats and on our detector's."""
    rows = [
        [*_names(result), *result.group.form, *_cells(spreads(result.counts))]
        for result in results
        if result.group.network == "PatientContext" and result.group.row in ROWS
    ]
    return _table(("row", "network", "seeds", "EM", *_FORM_HEAD, *HEAD), rows)


_FORM_HEAD = ("form", "beats")


def forms_without_table(results: Sequence[Result]) -> str:
    """Return what `without_table` does not have: causal, and on our detector's beats."""
    rows = [
        [*_names(result), *result.group.form, *cells]
        for result in results
        if result.group.row in (*ON_DS2, *ON_DS1) and result.group.form != PLAIN
        for cells in _without(result)
    ]
    return _table(("row", "network", "seeds", "EM", *_FORM_HEAD, *_WITHOUT_HEAD), rows)


def intervals_table(results: Sequence[Result]) -> str:
    """Return the 95 % intervals over the records of the test side."""
    rows = [
        [*_names(result), *(_interval(scores[name]) for name in ("accuracy", *MAIN))]
        for result in _plain(results, [*TITLES])
        for scores in [spreads(result.counts)]
    ]
    return _table(("row", "network", "seeds", "EM", "accuracy", *MAIN), rows)


def folds_table(results: Sequence[Result]) -> str:
    """Return the scores of row 5, with the median S F1 over records."""
    rows = [
        [
            *_names(result),
            result.group.form[0],
            *_cells(spreads(result.counts)),
            *_median(result.counts),
        ]
        for result in results
        if result.group.row == "5" and result.group.beats == EXPERTS
    ]
    head = (f"median S F1 (records with {LEAST_S} S or more)", "of these below 0.5")
    return _table(("row", "network", "seeds", "EM", "form", *HEAD, *head), rows)


def records_table(results: Sequence[Result]) -> str:
    """Return the scores of our network for each record of DS2, row 1, offline, without EM."""
    rows = [
        row[4:]
        for result in _plain(results, "1")
        if result.group.network == "PatientContext" and not result.group.em
        for row in _record_rows(result)
    ]
    return _table(_RECORD_HEAD[4:], rows)


_RECORD_HEAD = ("row", "network", "beats from", "EM", "record", *CLASS_NAMES[:4], *SCORES)


def write_records(path: Path, results: Sequence[Result]) -> None:
    """Write a CSV file with the scores of each record, means over seeds, of all that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_RECORD_HEAD)
        for result in results:
            writer.writerows(_record_rows(result))


def _record_rows(result: Result) -> Iterator[list[str]]:
    group, names, counts = result
    scores, beats = of_records(counts), counts[0, :, :4].sum(axis=2)
    for row, name in enumerate(names.tolist()):
        yield [
            *(group.row, group.title, Path(group.beats).stem, _em(group), name),
            *(str(count) for count in beats[row].tolist()),
            *(_number(scores[title][row]) for title in SCORES),
        ]


def cross_validation_text(output: Path, units: Sequence[Unit]) -> str:
    """Return the scores of a cross-validation, by database, and with re-estimation by gate.

    Args:
        output: The folder of all results.
        units: The folds of each seed.
    """
    seeds = sorted({unit.seed for unit in units})
    folds = [
        [Predicted.read(output / unit.folder / EXPERTS) for unit in units if unit.seed == seed]
        for seed in seeds
    ]
    rows = [["no", *_cross_validated([Predicted.concatenated(own) for own in folds])]]
    for gate in GATES:
        shifted = [
            Predicted.concatenated([part.with_own_shares(EM_STRENGTH, gate) for part in own])
            for own in folds
        ]
        rows.append([f"mean S ≥ {gate:g}", *_cross_validated(shifted)])
    databases = [f"{name}: {score}" for name in _DATABASES for score in ("S F1", "V F1")]
    head = ("EM", *HEAD, "median S F1", "of these below 0.5", *databases)
    return f"{units[0].title}, seeds {seeds}\n\n{table(head, rows)}"


_DATABASES = ("mitdb", "svdb")


def _cross_validated(seeds: Sequence[Predicted]) -> list[str]:
    names, counts = counts_of(seeds)
    cells = [*_cells(spreads(counts)), *_median(counts)]
    for database in _DATABASES:
        rows = np.char.startswith(names, f"{database}/")
        scores = spreads(counts[:, rows])
        cells += [_both(scores[name]) for name in ("S F1", "V F1")]
    return cells


def _names(result: Result) -> list[str]:
    group = result.group
    return [TITLES[group.row], group.network, str(len(result.counts)), _em(group)]


def _em(group: Group) -> str:
    return "yes" if group.em else "no"


def _cells(scores: Mapping[str, Spread]) -> list[str]:
    """The cells below HEAD."""
    cells = [_both(scores["accuracy"]), _both(scores["macro-F1 N S V"])]
    for label in "SVF":
        pair = (_number(scores[f"{label} {name}"].mean) for name in ("Se", "+P"))
        cells += [_both(scores[f"{label} F1"]), " / ".join(pair)]
    return cells


def _median(counts: Integers) -> list[str]:
    """The median S F1 over records, and how many of these are below 0.5."""
    rows = records_with_s(counts)
    few = int((of_records(counts)["S F1"][rows] < 0.5).sum())
    return [_number(median_s(counts)), f"{few} of {len(rows)}"]


def _both(score: Spread) -> str:
    """The mean and the deviation, which one seed has not."""
    mean = _number(score.mean)
    return mean if math.isnan(score.deviation) else f"{mean} ± {_number(score.deviation)}"


def _interval(score: Spread) -> str:
    return f"{_number(score.mean)} ({_number(score.low)} to {_number(score.high)})"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(head, rows) if rows else NOT_MEASURED
