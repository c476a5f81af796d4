"""A tested run's files: evaluation.json, report.html, per_record.csv and predictions.csv; and a page of several runs."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import (
    EVALUATION,
    Evaluation,
    describe_evaluation,
    read_evaluation,
)
from ecg_lightning.evaluation.predictions import predictions_csv
from ecg_lightning.evaluation.summary import Row, per_record
from ecg_lightning.records.excerpts import Strips
from ecg_lightning.report.page import render_page
from ecg_lightning.system.atomic_files import write_output

REPORT, PER_RECORD, PREDICTIONS = "report.html", "per_record.csv", "predictions.csv"


def write_evaluation(
    folder: Path, evaluation: Evaluation, strips: Strips | None = None, seed: int = 0
) -> dict[str, Any]:
    """Writes `evaluation.json`, `report.html`, `per_record.csv` and `predictions.csv`, each whole or not at all.

    Args:
        folder: The run's folder.
        evaluation: What to judge.
        strips: Gives the signal around a beat, see `records.excerpts.strips_of_database`; None where there are no records to draw.
        seed: Draws the intervals' resamples.

    Returns:
        What `evaluation.json` holds.

    Raises:
        InputError: A probability is not finite, a record cannot be read, or the folder cannot be written.
    """
    content = {"run": folder.absolute().name, **describe_evaluation(evaluation, strips, seed)}
    columns = (
        evaluation.labels,
        evaluation.predictions,
        evaluation.probabilities.astype(np.float64),
        evaluation.records,
    )
    files = {
        PER_RECORD: _rows_csv(per_record(*columns)),
        PREDICTIONS: predictions_csv(
            evaluation.records,
            evaluation.samples,
            evaluation.symbols,
            evaluation.labels,
            evaluation.probabilities,
        ),
        EVALUATION: f"{json.dumps(content, allow_nan=False)}\n".encode(),
        REPORT: _page_bytes([content]),
    }
    for (
        name,
        text,
    ) in files.items():  # all is computed by now: a failure before leaves the folder as it was
        write_output(folder / name, text)
    return content


def write_report(runs: Sequence[Path], output: Path) -> list[dict[str, Any]]:
    """One page of one or several evaluated runs: `ecg-lightning report RUN [RUN ...]`.

    Args:
        runs: Their folders.
        output: The page to write.

    Returns:
        The runs' evaluations.

    Raises:
        InputError: A run has no evaluation or a broken one, or the page cannot be written there.
    """
    evaluations = []
    for run in runs:
        evaluations.append(read_evaluation(run))
        try:
            render_page(evaluations[-1:])
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:  # a file that was edited by hand can hold anything
            found = f"found something else ({type(error).__name__}: {str(error)[:60]!r})"
            raise InputError(
                f"{run}: expected {EVALUATION} as `ecg-lightning test` writes it, {found}; test the run again"
            ) from error
    write_output(output, _page_bytes(evaluations))
    return evaluations


def _page_bytes(evaluations: Sequence[Mapping[str, Any]]) -> bytes:
    return render_page(evaluations).encode(
        errors="replace"
    )  # the name of a record's file need not be Unicode


def _rows_csv(rows: Sequence[Row]) -> bytes:
    """Rows with the same keys as CSV; None is an empty cell."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0] if rows else ["record"])
    for row in rows:
        table.writerow(
            [f"{value:.6f}" if isinstance(value, float) else value for value in row.values()]
        )
    return text.getvalue().encode(errors="backslashreplace")
