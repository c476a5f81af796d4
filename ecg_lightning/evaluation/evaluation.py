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

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.mistakes import confident_mistakes
from ecg_lightning.evaluation.probabilities import threshold_counts
from ecg_lightning.evaluation.summary import record_confusions, summarize
from ecg_lightning.records.excerpts import Strips

SCHEMA = 1
EVALUATION = "evaluation.json"
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


def describe_evaluation(evaluation: Evaluation, strips: Strips | None, seed: int) -> dict[str, Any]:
    """The content of `evaluation.json`, without the run's name."""
    labels, predictions, records = evaluation.labels, evaluation.predictions, evaluation.records
    probabilities = evaluation.probabilities.astype(np.float64)
    names, matrices = record_confusions(labels, predictions, records)
    same = ("part", "split", "checkpoint", "epochs", "fs_hz")
    return {
        "schema": SCHEMA,
        "program": f"ecg-lightning {__version__}",
        **{name: getattr(evaluation, name) for name in same},
        "shared_patients": list(evaluation.shared_patients),
        "settings": dict(evaluation.settings),
        "trained": None if evaluation.trained is None else dict(evaluation.trained),
        "seed": seed,
        "measures": dict(
            summarize(labels, predictions, probabilities, records, np.random.default_rng(seed))
        ),
        "curves": {
            name: curve(labels == k, probabilities[:, k]) for k, name in enumerate(CLASS_NAMES)
        },
        "per_record": [
            {"record": str(name), "confusion_matrix": matrix.tolist()}
            for name, matrix in zip(names, matrices, strict=True)
        ],
        "gallery": confident_mistakes(
            labels, probabilities, records, evaluation.samples, evaluation.symbols, strips
        ),
    }


def curve(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]
) -> dict[str, list[float]] | None:
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
    right, wrong = (
        counts[: np.searchsorted(right, right[-1]) + 1] for counts in (right, wrong)
    )  # all found: the rest falls straight
    recall, precision = right / right[-1], right / (right + wrong)
    kept = np.arange(len(recall))
    if len(kept) > CURVE_POINTS:
        kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, CURVE_POINTS)))
    return {
        "recall": recall[kept].round(4).tolist(),
        "precision": precision[kept].round(4).tolist(),
    }


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
        raise InputError(
            f"{path}: expected an evaluated run, found: {error.strerror}; {advice}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: expected JSON, found a file that is none ({type(error).__name__}); {advice}"
        ) from error
    found = content.get("schema") if isinstance(content, dict) else type(content).__name__
    if not isinstance(content, dict) or found != SCHEMA:
        raise InputError(
            f"{path}: expected an evaluation of schema {SCHEMA}, found {repr(found)[:60]}; {advice} with this version"
        )
    return {**content, "run": path.absolute().parent.name}  # the folder may have been renamed
