"""What an evaluated part leaves in a run's folder: its figures, its beats and its page.

`evaluation.json`, schema 1, holds everything that `report.html` shows:

| key | value |
|---|---|
| `schema`, `program` | 1; the version that wrote it |
| `run` | the folder's name |
| `part`, `split`, `shared_patients`, `checkpoint`, `settings`, `trained`, `epochs`, `fs_hz` | as in `Evaluation` |
| `seed` | of the intervals' resamples |
| `measures` | `measures.Summary` |
| `curves` | class to `{"recall": [], "precision": []}`, the PR curve at up to 201 thresholds; None without such beats |
| `per_record` | rows of `record` and `confusion_matrix`, `[true][predicted]`; the other figures are in `per_record.csv` |
| `gallery` | `gallery.gallery` |

None stands for "no such beats" throughout.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.gallery import Strips, gallery
from ecg_lightning.measures import Row, per_record, record_matrices, summary
from ecg_lightning.predictions import predictions_csv
from ecg_lightning.probability_measures import threshold_counts
from ecg_lightning.report import page
from ecg_lightning.run_folder import write_output

SCHEMA = 1
EVALUATION, REPORT, PER_RECORD, PREDICTIONS = "evaluation.json", "report.html", "per_record.csv", "predictions.csv"
CURVE_POINTS = 201


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One part's beats and what a network said of them.

    Attributes:
        part: Such as "test".
        split: Such as "patients" or "original".
        shared_patients: Patients with beats both in training or validation and in this part; () when they are apart.
        checkpoint: Where the weights came from.
        settings: The run's config as plain values, as `checkpoints.run_config` gives it.
        records: (N,) the record of each beat.
        samples: (N,) positions, in the records' own samples.
        symbols: (N,) annotations.
        fs_hz: Sampling rate of the beats, not of the records.
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        probabilities: (N, 5).
        trained: What the checkpoint says of its own training, its `BeatClassifier.config`: with another split than this one, who is
            apart is not known. None: the weights are this very run's.
        epochs: How many the weights were trained.
    """

    part: str
    split: str
    shared_patients: tuple[str, ...]
    checkpoint: str | None
    settings: Mapping[str, Any]
    records: npt.NDArray[np.str_]
    samples: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.str_]
    fs_hz: float
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    trained: Mapping[str, Any] | None = None
    epochs: int | None = None
    predictions: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "predictions", self.probabilities.argmax(axis=1).astype(np.int64))


def write_evaluation(folder: Path, evaluation: Evaluation, strips: Strips | None = None, seed: int = 0) -> dict[str, Any]:
    """Writes `evaluation.json`, `report.html`, `per_record.csv` and `predictions.csv`, each whole or not at all.

    Args:
        folder: The run's folder.
        evaluation: What to judge.
        strips: Gives the signal around a beat, see `gallery.strips_of_database`; None where there are no records to draw.
        seed: Draws the intervals' resamples.

    Returns:
        What `evaluation.json` holds.

    Raises:
        InputError: A probability is not finite, a record cannot be read, or the folder cannot be written.
    """
    content = {"run": folder.absolute().name, **described(evaluation, strips, seed)}
    columns = evaluation.labels, evaluation.predictions, evaluation.probabilities.astype(np.float64), evaluation.records
    files = {
        PER_RECORD: _rows_csv(per_record(*columns)),
        PREDICTIONS: predictions_csv(
            evaluation.records, evaluation.samples, evaluation.symbols, evaluation.labels, evaluation.probabilities
        ),
        EVALUATION: f"{json.dumps(content, allow_nan=False)}\n".encode(),
        REPORT: _page_bytes([content]),
    }
    for name, text in files.items():  # all is computed by now: a failure before leaves the folder as it was
        write_output(folder / name, text)
    return content


def described(evaluation: Evaluation, strips: Strips | None, seed: int) -> dict[str, Any]:
    """The content of `evaluation.json`, without the run's name."""
    labels, predictions, records = evaluation.labels, evaluation.predictions, evaluation.records
    probabilities = evaluation.probabilities.astype(np.float64)
    names, matrices = record_matrices(labels, predictions, records)
    same = ("part", "split", "checkpoint", "epochs", "fs_hz")
    return {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        **{name: getattr(evaluation, name) for name in same},
        "shared_patients": list(evaluation.shared_patients),
        "settings": dict(evaluation.settings),
        "trained": None if evaluation.trained is None else dict(evaluation.trained),
        "seed": seed,
        "measures": dict(summary(labels, predictions, probabilities, records, np.random.default_rng(seed))),
        "curves": {name: curve(labels == k, probabilities[:, k]) for k, name in enumerate(CLASS_NAMES)},
        "per_record": [{"record": str(name), "confusion_matrix": matrix.tolist()} for name, matrix in zip(names, matrices, strict=True)],
        "gallery": gallery(labels, probabilities, records, evaluation.samples, evaluation.symbols, strips),
    }


def curve(positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> dict[str, list[float]] | None:
    """A precision-recall curve, at most `CURVE_POINTS` of its points, evenly spread over the recall; None without positives.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) its probability of being so.

    Example:
        >>> curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.2]))
        {'recall': [0.5, 0.5, 1.0], 'precision': [1.0, 0.5, 0.6667]}
    """
    if not positive.any():
        return None
    right, wrong, _ = threshold_counts(positive, scores)
    right, wrong = (counts[: np.searchsorted(right, right[-1]) + 1] for counts in (right, wrong))  # all found: the rest falls straight
    recall, precision = right / right[-1], right / (right + wrong)
    kept = np.arange(len(recall))
    if len(kept) > CURVE_POINTS:
        kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, CURVE_POINTS)))
    return {"recall": recall[kept].round(4).tolist(), "precision": precision[kept].round(4).tolist()}


def read_evaluation(run: Path) -> dict[str, Any]:
    """The content of a run's `evaluation.json`.

    Args:
        run: The run's folder, or the file itself.

    Raises:
        InputError: No such file, or another kind of file.
    """
    path = run / EVALUATION if run.is_dir() else run
    advice = "name a folder that `ecg-lightning test` has written"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected an evaluated run, found: {error.strerror}; {advice}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON, found a file that is none ({type(error).__name__}); {advice}") from error
    found = content.get("schema") if isinstance(content, dict) else type(content).__name__
    if not isinstance(content, dict) or found != SCHEMA:
        raise InputError(f"{path}: expected an evaluation of schema {SCHEMA}, found {repr(found)[:60]}; {advice} with this version")
    return {**content, "run": path.absolute().parent.name}  # the folder may have been renamed


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
            page(evaluations[-1:])
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # a file that was edited by hand can hold anything
            found = f"found something else ({type(error).__name__}: {str(error)[:60]!r})"
            raise InputError(f"{run}: expected {EVALUATION} as `ecg-lightning test` writes it, {found}; test the run again") from error
    write_output(output, _page_bytes(evaluations))
    return evaluations


def _page_bytes(evaluations: Sequence[Mapping[str, Any]]) -> bytes:
    return page(evaluations).encode(errors="replace")  # the name of a record's file need not be Unicode


def _rows_csv(rows: Sequence[Row]) -> bytes:
    """Rows with the same keys as CSV; None is an empty cell."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0] if rows else ["record"])
    for row in rows:
        table.writerow([f"{value:.6f}" if isinstance(value, float) else value for value in row.values()])
    return text.getvalue().encode(errors="backslashreplace")
