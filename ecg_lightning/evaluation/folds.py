"""The figures of several runs together: one row a run, mean and spread, and the pooled figures of a seed's folds."""

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import CLASSES, Figure, as_figure, figures_of_matrices
from ecg_lightning.evaluation.summary import Summary, summary

OVERALL = {
    "accuracy": "acc",
    "balanced_accuracy": "bal acc",
    "macro_f1_nsv": "F1 NSV",
    "macro_f1_nsvf": "F1 NSVF",
}
RATIOS = {"sensitivity": "Se", "positive_predictivity": "+P", "f1": "F1"}
OF_CLASSES = {
    f"{label}.{ratio}": f"{label} {short}" for label in "SV" for ratio, short in RATIOS.items()
}
FIGURES = (*OVERALL, *OF_CLASSES)
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Predictions:
    """A unit's test beats, as predictions.csv has them.

    Attributes:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predicted: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
    """

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    records: npt.NDArray[np.str_]

    @property
    def confusion_matrix(self) -> npt.NDArray[np.int64]:
        """(5, 5) counts, rows the true class."""
        return np.bincount(self.labels * CLASSES + self.predicted, minlength=CLASSES**2).reshape(
            CLASSES, CLASSES
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """The beats of a predictions.csv.

        Raises:
            InputError: The file is missing or holds something else.
        """
        number = {name: k for k, name in enumerate(CLASS_NAMES)}
        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            labels, predicted = (
                np.array([number[row[name]] for row in rows], np.int64)
                for name in ("class", "predicted")
            )
            probabilities = np.array(
                [[float(row[f"p_{name}"]) for name in CLASS_NAMES] for row in rows]
            )
            records = np.array([row["record"] for row in rows], np.str_)
            if not rows:
                raise ValueError("no beats")
        except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
            found = f"found something else ({type(error).__name__}: {str(error)[:60]!r})"
            raise InputError(
                f"{path}: expected the predictions of a unit, {found}; remove its folder and repeat the command"
            ) from error
        return cls(labels, predicted, probabilities, records)

    @classmethod
    def joined(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Those of several units, one after the other."""
        names = ("labels", "predicted", "probabilities", "records")
        return Predictions(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
        )


def unit_row(name: str, fold: int | None, seed: int, run: str, of_unit: Predictions) -> Row:
    """A finished unit as `crossval.json` has it."""
    matrix = of_unit.confusion_matrix
    figures = figures_of_matrices(matrix)
    what = {
        "unit": name,
        "fold": fold,
        "seed": seed,
        "run": run,
        "beats": len(of_unit.labels),
        "confusion_matrix": matrix.tolist(),
    }
    return what | {key: as_figure(figures[key]) for key in FIGURES}


def over_units(rows: Sequence[Row]) -> dict[str, dict[str, Figure]]:
    """Mean, spread (sample standard deviation) and n of each figure, over the units that have such beats.

    Example:
        >>> found = over_units([dict.fromkeys(FIGURES, 0.5), dict.fromkeys(FIGURES, 1.0), {**dict.fromkeys(FIGURES, 0.0), "S.f1": None}])
        >>> found["accuracy"], found["S.f1"]["n"]
        ({'mean': 0.5, 'spread': 0.5, 'n': 3}, 2)
    """
    found: dict[str, dict[str, Figure]] = {}
    for key in FIGURES:
        values = [row[key] for row in rows if row[key] is not None]
        spread = statistics.stdev(values) if len(values) > 1 else None
        found[key] = {
            "mean": statistics.fmean(values) if values else None,
            "spread": spread,
            "n": len(values),
        }
    return found


def pooled(parts: Sequence[Predictions], seed: int = 0) -> Summary:
    """The measures of all folds' predictions together; their intervals are over records.

    Args:
        parts: A seed's folds, which test every record once.
        seed: Draws the intervals' resamples.
    """
    beats = Predictions.joined(parts)
    return summary(
        beats.labels,
        beats.predicted,
        beats.probabilities,
        beats.records,
        np.random.default_rng(seed),
    )
