"""Metrics that follow from confusion matrices, for one matrix or thousands at a time.

In this file NaN stands for "no such beats": an absent class, or 0/0. In JSON that is None.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES

Metric = float | None
N_CLASSES = len(CLASS_NAMES)
# How EC57 counts each pair of true class (rows N S V F Q) and predicted class (columns the same),
# as in `print_results` of WFDB's bxb.c and in de Chazal 2004. F or Q called VEB, and Q called SVEB,
# is neither right nor wrong (--). F called SVEB is wrong. bxb.c prints no SVEB false positive rate;
# its `tn` here are de Chazal's.
EC57_CELLS = {
    "VEB": (
        "tn tn fp tn tn",
        "tn tn fp tn tn",
        "fn fn tp fn fn",
        "tn tn -- tn tn",
        "tn tn -- tn tn",
    ),
    "SVEB": (
        "tn fp tn tn tn",
        "fn tp fn fn fn",
        "tn fp tn tn tn",
        "tn fp tn tn tn",
        "tn -- tn tn tn",
    ),
}
EC57_MARKS = {"tp": "tp", "fn": "fn", "fp": "fp", "tn": "tn", "excluded": "--"}
OVERALL = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1_nsv",
    "macro_f1_nsvf",
    "kappa",
    "mcc",
    "j",
    "jk",
)
BY_CLASS = ("sensitivity", "positive_predictivity", "f1", "specificity", "false_positive_rate")
EC57 = ("sensitivity", "positive_predictivity", "f1", "false_positive_rate")


class PartMetrics(TypedDict):
    """The metrics of one part in metrics.json.

    `confusion_matrix[true][predicted]` counts beats; `beats` has its row sums by class name.
    `accuracy` is in [0, 1], and None for a part without beats. `loss` is None where the mean loss
    is not finite. JSON has no NaN.
    """

    accuracy: float | None
    loss: float | None
    beats: dict[str, int]
    confusion_matrix: list[list[int]]


def part_metrics(
    confusion: Sequence[Sequence[int]], loss: float, class_names: Sequence[str]
) -> PartMetrics:
    """Return the metrics of one part.

    Args:
        confusion: Counts (K, K), rows the true class.
        loss: The mean loss over the part's beats.
        class_names: The K classes' names, in the order of their indices.

    Raises:
        ValueError: The matrix is not K x K.

    Example:
        >>> part_metrics([[1, 1], [0, 2]], 0.5, ("N", "S"))["accuracy"]
        0.75
    """
    size, shape = len(class_names), np.shape(confusion)
    if shape != (size, size):
        raise ValueError(
            f"confusion matrix: expected shape {(size, size)} for {size} classes, got {shape}"
        )
    beats = [sum(row) for row in confusion]
    correct = sum(row[i] for i, row in enumerate(confusion))
    return {
        "accuracy": correct / sum(beats) if sum(beats) else None,
        "loss": float(loss) if math.isfinite(loss) else None,
        "beats": dict(zip(class_names, beats, strict=True)),
        "confusion_matrix": [list(row) for row in confusion],
    }


def metrics_of_confusions(confusions: Integers) -> dict[str, Floats]:
    """Return all metrics that follow from confusion matrices, for many of them at once.

    Args:
        confusions: (..., 5, 5) counts, rows the true class.

    Returns:
        Arrays (...), NaN where there are no such beats. The keys are `accuracy` and the rest of
        `OVERALL`, `N.sensitivity` and the rest of `BY_CLASS` for each class, `VEB.sensitivity` and
        the rest of `EC57` for VEB and SVEB.
    """
    class_metrics, ec57_metrics = _class_metrics(confusions), _ec57_metrics(confusions)
    overall = _overall_metrics(confusions, class_metrics, ec57_metrics)
    return {**overall, **class_metrics, **ec57_metrics}


def ec57_counts(confusions: Integers, event: str) -> dict[str, Integers]:
    """Return the beats that EC57 counts as tp, fn, fp, tn and excluded.

    Args:
        confusions: (..., 5, 5) counts, rows the true class.
        event: `VEB` or `SVEB`.

    Returns:
        Arrays (...), keys as in `EC57_MARKS`.
    """
    cells = np.array([row.split() for row in EC57_CELLS[event]])
    return {name: confusions[..., cells == mark].sum(axis=-1) for name, mark in EC57_MARKS.items()}


def record_confusions(
    labels: Integers, predictions: Integers, records: Names
) -> tuple[Names, Integers]:
    """Return the records' names (M,), sorted, and their confusion matrices (M, 5, 5).

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`; the rows of a matrix.
        predictions: (N,) predicted classes.
        records: (N,) the record of each beat.
    """
    names, numbers = np.unique(records, return_inverse=True)
    cells = (numbers * N_CLASSES + labels) * N_CLASSES + predictions
    counts = np.bincount(cells, minlength=len(names) * N_CLASSES**2)
    return names, counts.reshape(len(names), N_CLASSES, N_CLASSES)


def as_metric(value: npt.ArrayLike) -> Metric:
    """Return a number, or None for NaN."""
    return None if np.isnan(value) else float(np.asarray(value))


def _class_metrics(confusions: Integers) -> dict[str, Floats]:
    correct = np.diagonal(confusions, axis1=-2, axis2=-1)
    true, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    wrong = predicted - correct
    others = true.sum(axis=-1, keepdims=True) - true
    ratios = _ratios(correct, true - correct, wrong, others - wrong)
    return {
        f"{label}.{name}": values[..., k]
        for k, label in enumerate(CLASS_NAMES)
        for name, values in ratios.items()
    }


def _ec57_metrics(confusions: Integers) -> dict[str, Floats]:
    result: dict[str, Floats] = {}
    for event in EC57_CELLS:
        counts = ec57_counts(confusions, event)
        ratios = _ratios(counts["tp"], counts["fn"], counts["fp"], counts["tn"])
        result |= {f"{event}.{name}": ratios[name] for name in EC57}
    return result


def _ratios(tp: Integers, fn: Integers, fp: Integers, tn: Integers) -> dict[str, Floats]:
    """Return `BY_CLASS`.

    A class without beats has no +P and no F1 either. The false positive rate shows its false
    alarms.
    """
    present = tp + fn > 0
    return {
        "sensitivity": ratio_or_nan(tp, tp + fn),
        "positive_predictivity": np.where(present, ratio_or_nan(tp, tp + fp), np.nan),
        "f1": np.where(present, ratio_or_nan(2 * tp, 2 * tp + fp + fn), np.nan),
        "specificity": ratio_or_nan(tn, tn + fp),
        "false_positive_rate": ratio_or_nan(fp, tn + fp),
    }


def _overall_metrics(
    confusions: Integers, class_metrics: dict[str, Floats], ec57_metrics: dict[str, Floats]
) -> dict[str, Floats]:
    # Float, because the squares of squares below exceed int64.
    true, predicted = (confusions.sum(axis=axis).astype(np.float64) for axis in (-1, -2))
    total, correct = true.sum(axis=-1), np.trace(confusions, axis1=-2, axis2=-1)
    by_chance = (true * predicted).sum(axis=-1)
    true_spread, predicted_spread = (
        total**2 - (counts**2).sum(axis=-1) for counts in (true, predicted)
    )
    sensitivities = np.stack(
        [class_metrics[f"{label}.sensitivity"] for label in CLASS_NAMES], axis=-1
    )
    f1 = np.stack([class_metrics[f"{label}.f1"] for label in "NSVF"], axis=-1)
    kappa = ratio_or_nan(total * correct - by_chance, total**2 - by_chance)
    j = _j_index(ec57_metrics)
    return {
        "accuracy": ratio_or_nan(correct, total),
        "balanced_accuracy": ratio_or_nan(
            np.nansum(sensitivities, axis=-1), (true > 0).sum(axis=-1)
        ),
        "macro_f1_nsv": f1[..., :3].mean(axis=-1),
        "macro_f1_nsvf": f1.mean(axis=-1),
        "kappa": kappa,
        "mcc": ratio_or_nan(total * correct - by_chance, np.sqrt(true_spread * predicted_spread)),
        "j": j,
        "jk": kappa / 2 + j / 8,
    }


def _j_index(ec57_metrics: dict[str, Floats]) -> Floats:
    """Return the sum of Se and +P of VEB and SVEB."""
    names = ("sensitivity", "positive_predictivity")
    terms = [ec57_metrics[f"{event}.{name}"] for event in EC57_CELLS for name in names]
    total: Floats = np.sum(terms, axis=0)
    return total


def ratio_or_nan(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Return `part / whole`, NaN where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
