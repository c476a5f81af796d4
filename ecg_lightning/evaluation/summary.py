"""What predictions are worth: AAMI measures, gross and per record, with intervals over records and the records that decide them.

Pure functions in NumPy; `summary` returns what metrics.json holds. All counts come from one confusion matrix a record. A figure is None
where there are no such beats: the class is absent, or a ratio is 0/0. It is never 0 or NaN for that reason.
"""

from typing import TypedDict, cast

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation import probabilities as probability
from ecg_lightning.evaluation.confusion import (
    BY_CLASS,
    EC57,
    EC57_CELLS,
    N_CLASSES,
    OVERALL,
    RESAMPLES,
    Floats,
    Integers,
    Interval,
    Metric,
    as_metric,
    ec57_counts,
    intervals,
    metrics_of_confusions,
)
from ecg_lightning.evaluation.probabilities import Bin

Names = npt.NDArray[np.str_]
Row = dict[str, str | int | Metric]


class ClassMetrics(TypedDict):
    """One class against the rest. Ratios are in [0, 1]."""

    beats: int
    sensitivity: Metric
    positive_predictivity: Metric
    f1: Metric
    specificity: Metric
    false_positive_rate: Metric
    average_precision: Metric
    roc_auc: Metric
    reliability: list[Bin]


class Ec57Metrics(TypedDict):
    """VEB or SVEB by EC57's counting rules; `excluded` beats are neither right nor wrong."""

    tp: int
    fn: int
    fp: int
    tn: int
    excluded: int
    sensitivity: Metric
    positive_predictivity: Metric
    f1: Metric
    false_positive_rate: Metric


class Influence(TypedDict):
    """The record that holds most beats of a class, and the figures without that record."""

    record: str
    beats: int
    total: int
    sensitivity_without: Metric
    positive_predictivity_without: Metric
    f1_without: Metric
    macro_f1_nsv_without: Metric
    macro_f1_nsvf_without: Metric


class Summary(TypedDict):
    """All records together ("gross"), ready for JSON.

    Attributes:
        beats: All beats.
        records: How many records they are of.
        classes: `CLASS_NAMES`.
        confusion_matrix: `[true][predicted]`, counts.
        overall: `OVERALL`. Balanced accuracy is the mean sensitivity of the classes present; the macro-F1 are plain means over N S V and
            N S V F; kappa is Cohen's, `mcc` Gorodkin's for several classes. `j` sums Se and +P of SVEB and of VEB by EC57's rules, at
            most 4; `jk` is kappa / 2 + j / 8, at most 1 (Mar et al., IEEE Trans Biomed Eng 58(8):2168-2177, 2011; these weights:
            Mondéjar-Guerra et al., Biomed Signal Process Control 47:41-48, 2019).
        by_class: Each class against the rest.
        ec57: `VEB` and `SVEB` as the standard counts them.
        ece: Expected calibration error, of `reliability`.
        reliability: 15 bins of the most probable class's probability; `observed` is the accuracy.
        brier: Squared distance to certainty, summed over the classes, 0 to 2.
        intervals: Keys as in `metrics_of_confusions`: `accuracy`, `S.f1`, `VEB.sensitivity`; empty for a single record.
        influence: Class to the record that holds most of it; None for a class without beats.
    """

    beats: int
    records: int
    classes: list[str]
    confusion_matrix: list[list[int]]
    overall: dict[str, Metric]
    by_class: dict[str, ClassMetrics]
    ec57: dict[str, Ec57Metrics]
    ece: Metric
    reliability: list[Bin]
    brier: Metric
    intervals: dict[str, Interval]
    influence: dict[str, Influence | None]


def summarize(
    labels: Integers,
    predictions: Integers,
    probabilities: Floats,
    records: Names,
    random: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Summary:
    """All figures of one set of predictions.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        random: Draws the resamples.
        resamples: How many, for the intervals.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays do not belong together.

    Example:
        >>> certain = np.eye(5)[[0, 0, 2]]
        >>> found = summarize(np.array([0, 1, 2]), certain.argmax(1), certain, np.array(["a", "a", "b"]), np.random.default_rng(0))
        >>> found["overall"]["balanced_accuracy"], found["by_class"]["F"]["sensitivity"], found["by_class"]["S"]["f1"]
        (0.6666666666666666, None, 0.0)
    """
    probabilities = _checked(labels, predictions, probabilities, records)
    _, matrices = record_confusions(labels, predictions, records)
    matrix = matrices.sum(axis=0)
    figures = {name: as_metric(value) for name, value in metrics_of_confusions(matrix).items()}
    top = probability.top_reliability(labels, probabilities)
    return {
        "beats": len(labels),
        "records": len(matrices),
        "classes": list(CLASS_NAMES),
        "confusion_matrix": matrix.tolist(),
        "overall": {name: figures[name] for name in OVERALL},
        "by_class": {
            name: _class_figures(k, labels, probabilities, figures)
            for k, name in enumerate(CLASS_NAMES)
        },
        "ec57": {name: _ec57_figures(name, matrix, figures) for name in EC57_CELLS},
        "ece": probability.calibration_error(top),
        "reliability": top,
        "brier": probability.brier(labels, probabilities),
        "intervals": intervals(matrices, random, resamples),
        "influence": influence(labels, predictions, records),
    }


def per_record(
    labels: Integers, predictions: Integers, probabilities: Floats, records: Names
) -> list[Row]:
    """The figures of each record, by name: rows with the same keys, for a table.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.

    Returns:
        `record`, `beats`, `wrong`, the beats of each class (`S.beats`), the figures of `metrics_of_confusions`, `S.average_precision` and
        `S.roc_auc` for each class, `ece` and `brier`; None where there are no such beats.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays do not belong together.
    """
    probabilities = _checked(labels, predictions, probabilities, records)
    names, matrices = record_confusions(labels, predictions, records)
    figures = metrics_of_confusions(matrices)
    rows: list[Row] = []
    for number, (name, matrix) in enumerate(zip(names.tolist(), matrices, strict=True)):
        of_record = records == name
        row: Row = {
            "record": name,
            "beats": int(matrix.sum()),
            "wrong": int(matrix.sum() - matrix.trace()),
        }
        row |= {
            f"{label}.beats": count
            for label, count in zip(CLASS_NAMES, matrix.sum(axis=1).tolist(), strict=True)
        }
        row |= {key: as_metric(values[number]) for key, values in figures.items()}
        rows.append(row | _probability_row(labels[of_record], probabilities[of_record]))
    return rows


def influence(
    labels: Integers, predictions: Integers, records: Names
) -> dict[str, Influence | None]:
    """For each class the record that holds most of its beats, of several the first by name, and what the figures are without it.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        records: (N,) the record of each beat.

    Returns:
        Class name to `Influence`, None for a class without beats.
    """
    names, matrices = record_confusions(labels, predictions, records)
    beats = matrices.sum(axis=2)  # (M, K)
    found: dict[str, Influence | None] = dict.fromkeys(CLASS_NAMES)
    for k in np.flatnonzero(beats.sum(axis=0)).tolist():
        most, label = int(beats[:, k].argmax()), CLASS_NAMES[k]
        without = metrics_of_confusions(matrices.sum(axis=0) - matrices[most])
        found[label] = {
            "record": str(names[most]),
            "beats": int(beats[most, k]),
            "total": int(beats[:, k].sum()),
            "sensitivity_without": as_metric(without[f"{label}.sensitivity"]),
            "positive_predictivity_without": as_metric(without[f"{label}.positive_predictivity"]),
            "f1_without": as_metric(without[f"{label}.f1"]),
            "macro_f1_nsv_without": as_metric(without["macro_f1_nsv"]),
            "macro_f1_nsvf_without": as_metric(without["macro_f1_nsvf"]),
        }
    return found


def record_confusions(
    labels: Integers, predictions: Integers, records: Names
) -> tuple[Names, Integers]:
    """The records' names (M,), sorted, and their confusion matrices (M, 5, 5), rows the true class."""
    names, numbers = np.unique(records, return_inverse=True)
    cells = (numbers * N_CLASSES + labels) * N_CLASSES + predictions
    return names, np.bincount(cells, minlength=len(names) * N_CLASSES**2).reshape(
        len(names), N_CLASSES, N_CLASSES
    )


def _class_figures(
    k: int, labels: Integers, probabilities: Floats, figures: dict[str, Metric]
) -> ClassMetrics:
    positive, scores = labels == k, probabilities[:, k]
    found = {
        "beats": int(positive.sum()),
        **{name: figures[f"{CLASS_NAMES[k]}.{name}"] for name in BY_CLASS},
        "average_precision": probability.average_precision(positive, scores),
        "roc_auc": probability.roc_auc(positive, scores),
        "reliability": probability.reliability(positive, scores),
    }
    return cast(ClassMetrics, found)


def _ec57_figures(event: str, matrix: Integers, figures: dict[str, Metric]) -> Ec57Metrics:
    counts = {kind: int(count) for kind, count in ec57_counts(matrix, event).items()}
    return cast(Ec57Metrics, counts | {name: figures[f"{event}.{name}"] for name in EC57})


def _probability_row(labels: Integers, probabilities: Floats) -> Row:
    row: Row = {}
    for k, label in enumerate(CLASS_NAMES):
        row[f"{label}.average_precision"] = probability.average_precision(
            labels == k, probabilities[:, k]
        )
        row[f"{label}.roc_auc"] = probability.roc_auc(labels == k, probabilities[:, k])
    row["ece"] = probability.calibration_error(probability.top_reliability(labels, probabilities))
    row["brier"] = probability.brier(labels, probabilities)
    return row


def _checked(
    labels: Integers, predictions: Integers, probabilities: Floats, records: Names
) -> Floats:
    """The probabilities in float64."""
    count = len(labels)
    shapes = labels.shape, predictions.shape, probabilities.shape, records.shape
    if shapes != ((count,), (count,), (count, N_CLASSES), (count,)):
        raise ValueError(
            f"labels, predictions, probabilities, records: expected (N,), (N,), (N, {N_CLASSES}), (N,), got {shapes}"
        )
    for name, classes in (("labels", labels), ("predictions", predictions)):
        if count and not 0 <= classes.min() <= classes.max() < N_CLASSES:
            raise ValueError(
                f"{name}: expected classes 0 to {N_CLASSES - 1}, got {classes.min()} to {classes.max()}"
            )
    broken = np.count_nonzero(~np.isfinite(probabilities).all(axis=1))
    if broken:
        raise InputError(
            f"probabilities: expected finite numbers, found others for {broken} of {count} beats; "
            "the network has diverged: train it again with a lower --model.learning_rate"
        )
    return probabilities.astype(np.float64)
