"""The files of a tested run, and the page of several runs.

A test writes evaluation.json, report.html, per_record.csv and predictions.csv.
"""

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
from ecg_lightning.evaluation.paired import PairedSummary
from ecg_lightning.evaluation.predictions import PREDICTIONS, predictions_csv
from ecg_lightning.evaluation.summary import RecordRow, per_record
from ecg_lightning.records.excerpts import ReadExcerpt
from ecg_lightning.report.page import render_page
from ecg_lightning.report.run_pairs import compare_runs
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.text import as_cell

REPORT, PER_RECORD = "report.html", "per_record.csv"


def write_evaluation(
    folder: Path, evaluation: Evaluation, read_excerpt: ReadExcerpt | None = None, seed: int = 0
) -> dict[str, Any]:
    """Write the four files of a tested run, each whole or not at all.

    Args:
        folder: The run folder.
        evaluation: The beats and their predictions.
        read_excerpt: Returns the signal around a beat, as `excerpts_of_database` makes it; None
            where there are no records to draw.
        seed: Draws the intervals' resamples.

    Returns:
        The content of `evaluation.json`.

    Raises:
        InputError: A probability is not finite, a record cannot be read, or the folder cannot be
            written.
    """
    content = {"run": folder.absolute().name, **describe_evaluation(evaluation, read_excerpt, seed)}
    # All files are computed before the first is written: a failure leaves the folder as it was.
    files = {
        PER_RECORD: _per_record_csv(evaluation),
        PREDICTIONS: predictions_csv(
            evaluation.records,
            evaluation.samples,
            evaluation.symbols,
            evaluation.labels,
            evaluation.probabilities,
            evaluation.quality,
        ),
        EVALUATION: f"{json.dumps(content, allow_nan=False)}\n".encode(),
        REPORT: page_bytes([content]),
    }
    for name, text in files.items():
        write_output(folder / name, text)
    return content


def write_report(runs: Sequence[Path], output: Path, paired: bool = False) -> list[dict[str, Any]]:
    """Write one page about one or several tested runs.

    Args:
        runs: Their folders.
        output: The page to write.
        paired: Whether to compare two runs on the same beats, see `run_pairs.compare_runs`.

    Returns:
        The contents of the runs' `evaluation.json`.

    Raises:
        InputError: A run has no evaluation or a broken one, two runs cannot be compared, or the
            page cannot be written.
    """
    evaluations = read_runs(runs)
    pairs = compare_runs(runs, evaluations) if paired else None
    write_output(output, page_bytes(evaluations, pairs), setting="output", place="file")
    return evaluations


def read_runs(runs: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the contents of `evaluation.json` of runs, of which a page can be made.

    A run has the name of its folder; where two have the same one, the folders above are named too.

    Args:
        runs: Their folders, or the files themselves.

    Raises:
        InputError: A run has no evaluation or a broken one.
    """
    names = distinct_names(runs)
    return [{**_readable(run), "run": name} for run, name in zip(runs, names, strict=True)]


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that tell them apart; equal paths stay equal.

    Example:
        >>> distinct_names([Path("cv/seed-0/run"), Path("cv/seed-1/run")])
        ['seed-0/run', 'seed-1/run']
    """
    folders = [path.absolute().parent if path.is_file() else path.absolute() for path in paths]
    names, length = list[str](), 0
    while len(set(names)) < len(set(folders)):
        length += 1
        names = ["/".join(folder.parts[-length:]) for folder in folders]
    return names


def _readable(run: Path) -> dict[str, Any]:
    """An evaluation from which a page can be made; a file that was edited can hold anything."""
    evaluation = read_evaluation(run)
    try:
        render_page([evaluation])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            str(run),
            expected=f"{EVALUATION} as `ecg-lightning test` writes it",
            found=f"something else ({type(error).__name__}: {str(error)[:60]!r})",
            hint="test the run again",
        ) from error
    return evaluation


def page_bytes(
    evaluations: Sequence[Mapping[str, Any]], paired: PairedSummary | None = None
) -> bytes:
    """Return the page in UTF-8; the name of a record's file need not be Unicode."""
    return render_page(evaluations, paired).encode(errors="backslashreplace")


def _per_record_csv(evaluation: Evaluation) -> bytes:
    probabilities = evaluation.probabilities.astype(np.float64)
    labels, predictions = evaluation.labels, evaluation.predictions
    return _rows_csv(per_record(labels, predictions, probabilities, evaluation.records))


def _rows_csv(rows: Sequence[RecordRow]) -> bytes:
    """Rows with the same keys as CSV; None is an empty cell."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0] if rows else ["record"])
    for row in rows:
        table.writerow([_cell(value) for value in row.values()])
    return text.getvalue().encode(errors="backslashreplace")


def _cell(value: object) -> object:
    if isinstance(value, str):
        return as_cell(value)
    return f"{value:.6f}" if isinstance(value, float) else value
