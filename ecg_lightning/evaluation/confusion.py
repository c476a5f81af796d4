"""Figures that follow from confusion matrices, for one or thousands at a time, and their intervals by bootstrap over records.

Within this file NaN stands for "no such beats": an absent class, or 0/0. What leaves for JSON says None.
"""

import math
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES


class PartMetrics(TypedDict):
    """One part's results: `confusion_matrix[true][predicted]` counts beats, `beats` is its row sums by class name.

    `accuracy` is in [0, 1]; it is None for a part without beats, and `loss` is None where the mean loss is not finite,
    because JSON has no word for either.
    """

    accuracy: float | None
    loss: float | None
    beats: dict[str, int]
    confusion_matrix: list[list[int]]


def part_metrics(
    matrix: Sequence[Sequence[int]], loss: float, class_names: Sequence[str]
) -> PartMetrics:
    """The results of one part from its confusion matrix.

    Args:
        matrix: Counts (K, K), rows the true class.
        loss: The mean loss over the part's beats.
        class_names: The K classes' names, in the order of their indices.

    Returns:
        Accuracy (correct beats / beats), loss, beats by true class and the matrix itself; see `PartMetrics`.

    Raises:
        ValueError: The matrix is not K x K.

    Example:
        >>> part_metrics([[1, 1], [0, 2]], 0.5, ("N", "S"))["accuracy"]
        0.75
    """
    size = len(class_names)
    found = np.shape(matrix)
    if found != (size, size):
        raise ValueError(
            f"confusion matrix: expected shape {(size, size)} for {size} classes, got {found}"
        )
    rows = [list(row) for row in matrix]
    beats = [sum(row) for row in rows]
    right = sum(row[i] for i, row in enumerate(rows))
    return {
        "accuracy": right / sum(beats) if sum(beats) else None,
        "loss": float(loss) if math.isfinite(loss) else None,
        "beats": dict(zip(class_names, beats, strict=True)),
        "confusion_matrix": rows,
    }


Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Metric = float | None
RESAMPLES = 2_000
N_CLASSES = len(CLASS_NAMES)
# Where EC57 counts each pair of true class (rows N S V F Q) and predicted class (columns the same), as WFDB's bxb.c does in `print_results`
# and de Chazal 2004: calling F or Q a VEB, or Q a SVEB, is neither rewarded nor punished (--); calling F a SVEB is punished. bxb.c prints
# no SVEB false positive rate; its `tn` here are de Chazal's.
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


class Interval(TypedDict):
    """A 95 % interval; `left_out` is the share of resamples without such beats, where there were any."""

    low: Metric
    high: Metric
    left_out: NotRequired[float]


def metrics_of_confusions(matrices: Integers) -> dict[str, Floats]:
    """All figures that follow from confusion matrices, for many of them at once.

    Args:
        matrices: (..., 5, 5) counts, rows the true class.

    Returns:
        Arrays (...), NaN where there are no such beats, under `accuracy` and the other names of `OVERALL`, `N.sensitivity` and the
        others of `BY_CLASS` for each class, `VEB.sensitivity` and the others of `EC57` for VEB and SVEB.
    """
    of_classes, of_ec57 = _class_ratios(matrices), _ec57_ratios(matrices)
    return {**_overall(matrices, of_classes, of_ec57), **of_classes, **of_ec57}


def ec57_counts(matrices: Integers, name: str) -> dict[str, Integers]:
    """Beats (...) counted as tp, fn, fp, tn and excluded by EC57 for `VEB` or `SVEB`, of confusion matrices (..., 5, 5)."""
    cells = np.array([row.split() for row in EC57_CELLS[name]])
    kinds = {"tp": "tp", "fn": "fn", "fp": "fp", "tn": "tn", "excluded": "--"}
    return {kind: matrices[..., cells == mark].sum(axis=-1) for kind, mark in kinds.items()}


def intervals(
    matrices: Integers, random: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """95 % intervals by the percentile bootstrap over records: beats of one record are no independent draws.

    Args:
        matrices: (M, 5, 5) the records' confusion matrices.
        random: Draws the resamples.
        resamples: How many times M records are drawn with replacement.

    Returns:
        Metric to interval, keys as in `metrics_of_confusions`; empty for fewer than two records, which have no spread.
    """
    count = len(matrices)
    if count < 2:
        return {}
    drawn = random.multinomial(
        count, np.full(count, 1 / count), size=resamples
    )  # (R, M): how often each record
    figures = metrics_of_confusions(
        (drawn @ matrices.reshape(count, -1)).reshape(resamples, N_CLASSES, N_CLASSES)
    )
    return {name: _interval(values) for name, values in figures.items()}


def as_metric(value: npt.ArrayLike) -> Metric:
    """A number, or None for NaN."""
    return None if np.isnan(value) else float(np.asarray(value))


def _class_ratios(matrices: Integers) -> dict[str, Floats]:
    right = np.diagonal(matrices, axis1=-2, axis2=-1)
    true, called = matrices.sum(axis=-1), matrices.sum(axis=-2)
    false = called - right
    others = true.sum(axis=-1, keepdims=True) - true
    ratios = _ratios(right, true - right, false, others - false)
    return {
        f"{label}.{name}": values[..., k]
        for k, label in enumerate(CLASS_NAMES)
        for name, values in ratios.items()
    }


def _ec57_ratios(matrices: Integers) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for event in EC57_CELLS:
        counts = ec57_counts(matrices, event)
        ratios = _ratios(counts["tp"], counts["fn"], counts["fp"], counts["tn"])
        found |= {f"{event}.{name}": ratios[name] for name in EC57}
    return found


def _ratios(tp: Integers, fn: Integers, fp: Integers, tn: Integers) -> dict[str, Floats]:
    """`BY_CLASS`. Without beats of the class there is no +P or F1 either; false alarms show in the false positive rate."""
    present = tp + fn > 0
    return {
        "sensitivity": _ratio(tp, tp + fn),
        "positive_predictivity": np.where(present, _ratio(tp, tp + fp), np.nan),
        "f1": np.where(present, _ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "specificity": _ratio(tn, tn + fp),
        "false_positive_rate": _ratio(fp, tn + fp),
    }


def _overall(
    matrices: Integers, of_classes: dict[str, Floats], of_ec57: dict[str, Floats]
) -> dict[str, Floats]:
    true, called = (
        matrices.sum(axis=axis).astype(np.float64) for axis in (-1, -2)
    )  # float: squares of squares pass int64
    total, right = true.sum(axis=-1), np.trace(matrices, axis1=-2, axis2=-1)
    sensitivities = np.stack([of_classes[f"{label}.sensitivity"] for label in CLASS_NAMES], axis=-1)
    f1 = np.stack([of_classes[f"{label}.f1"] for label in "NSVF"], axis=-1)
    by_chance = (true * called).sum(axis=-1)
    spread = np.sqrt((total**2 - (true**2).sum(axis=-1)) * (total**2 - (called**2).sum(axis=-1)))
    kappa = _ratio(total * right - by_chance, total**2 - by_chance)
    j = np.sum(
        [
            of_ec57[f"{event}.{name}"]
            for event in EC57_CELLS
            for name in ("sensitivity", "positive_predictivity")
        ],
        axis=0,
    )
    return {
        "accuracy": _ratio(right, total),
        "balanced_accuracy": _ratio(np.nansum(sensitivities, axis=-1), (true > 0).sum(axis=-1)),
        "macro_f1_nsv": f1[..., :3].mean(axis=-1),
        "macro_f1_nsvf": f1.mean(axis=-1),
        "kappa": kappa,
        "mcc": _ratio(total * right - by_chance, spread),
        "j": j,
        "jk": kappa / 2 + j / 8,
    }


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """`part / whole`, NaN where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)


def _interval(values: Floats) -> Interval:
    missing = np.isnan(values)
    if missing.all():
        return {"low": None, "high": None, "left_out": 1.0}
    low, high = np.percentile(values[~missing], (2.5, 97.5)).tolist()
    found: Interval = {"low": low, "high": high}
    return {**found, "left_out": float(missing.mean())} if missing.any() else found
