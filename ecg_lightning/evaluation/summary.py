"""The AAMI metrics of predictions: all records together, each record, and the records that decide.

Pure functions in NumPy. `summarize` returns what metrics.json holds under `measures`. All counts
come from one confusion matrix per record. A metric is None where there are no such beats: the class
is absent, or a ratio is 0/0. It is never 0 or NaN for that reason.
"""

from typing import TypedDict, cast

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.confusion import (
    BY_CLASS,
    EC57,
    EC57_CELLS,
    N_CLASSES,
    OVERALL,
    Metric,
    as_metric,
    ec57_counts,
    metrics_of_confusions,
    record_confusions,
)
from ecg_lightning.evaluation.intervals import RESAMPLES, Interval, bootstrap_intervals
from ecg_lightning.evaluation.predictions import check_finite
from ecg_lightning.evaluation.probabilities import (
    ReliabilityBin,
    average_precision,
    brier_score,
    calibration_error,
    reliability,
    roc_auc,
    top_reliability,
)

RecordRow = dict[str, str | int | Metric]


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
    reliability: list[ReliabilityBin]


class Ec57Metrics(TypedDict):
    """VEB or SVEB by EC57's counting rules. `excluded` beats are neither right nor wrong."""

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
    """The record with most beats of a class, and the metrics without that record."""

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
        beats: How many beats.
        records: How many records they come from.
        classes: `CLASS_NAMES`.
        confusion_matrix: `[true][predicted]`, counts.
        overall: `OVERALL`. Balanced accuracy is the mean sensitivity of the classes present. The
            macro-F1 are plain means over N S V and over N S V F. `kappa` is Cohen's, `mcc`
            Gorodkin's for several classes. `j` is the sum of Se and +P of SVEB and VEB by EC57's
            rules, at most 4. `jk` is kappa / 2 + j / 8, at most 1 (Mar et al., IEEE Trans Biomed
            Eng 58(8):2168-2177, 2011; these weights: Mondéjar-Guerra et al., Biomed Signal Process
            Control 47:41-48, 2019).
        by_class: Each class against the rest.
        ec57: `VEB` and `SVEB` as the standard counts them.
        ece: Expected calibration error, from `reliability`.
        reliability: 15 bins of the most probable class's probability; `observed` is the accuracy.
        brier: Squared error summed over the classes, 0 to 2.
        intervals: Keys as in `metrics_of_confusions`, such as `accuracy`, `S.f1` and
            `VEB.sensitivity`. Empty for a single record.
        influence: Class to the record with most of its beats; None for a class without beats.
    """

    beats: int
    records: int
    classes: list[str]
    confusion_matrix: list[list[int]]
    overall: dict[str, Metric]
    by_class: dict[str, ClassMetrics]
    ec57: dict[str, Ec57Metrics]
    ece: Metric
    reliability: list[ReliabilityBin]
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
    """Return all metrics of one set of predictions.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        random: Draws the resamples.
        resamples: How many, for the intervals.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays do not fit together.

    Example:
        >>> certain, records = np.eye(5)[[0, 0, 2]], np.array(["a", "a", "b"])
        >>> random = np.random.default_rng(0)
        >>> result = summarize(np.array([0, 1, 2]), certain.argmax(1), certain, records, random)
        >>> result["overall"]["balanced_accuracy"], result["by_class"]["F"]["sensitivity"]
        (0.6666666666666666, None)
    """
    probabilities = _checked(labels, predictions, probabilities, records)
    _, confusions = record_confusions(labels, predictions, records)
    confusion = confusions.sum(axis=0)
    metrics = {key: as_metric(value) for key, value in metrics_of_confusions(confusion).items()}
    top = top_reliability(labels, probabilities)
    return {
        "beats": len(labels),
        "records": len(confusions),
        "classes": list(CLASS_NAMES),
        "confusion_matrix": confusion.tolist(),
        "overall": {name: metrics[name] for name in OVERALL},
        "by_class": {
            label: _class_metrics(k, labels, probabilities, metrics)
            for k, label in enumerate(CLASS_NAMES)
        },
        "ec57": {event: _ec57_metrics(event, confusion, metrics) for event in EC57_CELLS},
        "ece": calibration_error(top),
        "reliability": top,
        "brier": brier_score(labels, probabilities),
        "intervals": bootstrap_intervals(confusions, random, resamples),
        "influence": influential_records(labels, predictions, records),
    }


def per_record(
    labels: Integers, predictions: Integers, probabilities: Floats, records: Names
) -> list[RecordRow]:
    """Return the metrics of each record, sorted by name: rows with the same keys, for a table.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.

    Returns:
        Rows of `record`, `beats`, `wrong`, the beats of each class (`S.beats`), the keys of
        `metrics_of_confusions`, `S.average_precision` and `S.roc_auc` for each class, `ece` and
        `brier`; None where there are no such beats.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays do not fit together.
    """
    probabilities = _checked(labels, predictions, probabilities, records)
    names, confusions = record_confusions(labels, predictions, records)
    metrics = metrics_of_confusions(confusions)
    rows: list[RecordRow] = []
    for i, (name, confusion) in enumerate(zip(names.tolist(), confusions, strict=True)):
        here = records == name
        counts = zip(CLASS_NAMES, confusion.sum(axis=1).tolist(), strict=True)
        rows.append(
            {
                "record": name,
                "beats": int(confusion.sum()),
                "wrong": int(confusion.sum() - confusion.trace()),
                **{f"{label}.beats": count for label, count in counts},
                **{key: as_metric(values[i]) for key, values in metrics.items()},
                **_probability_metrics(labels[here], probabilities[here]),
            }
        )
    return rows


def influential_records(
    labels: Integers, predictions: Integers, records: Names
) -> dict[str, Influence | None]:
    """Return for each class the record with most of its beats, and the metrics without it.

    If several records have equally many, the first by name counts.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predictions: (N,) predicted classes.
        records: (N,) the record of each beat.

    Returns:
        Class name to `Influence`; None for a class without beats.
    """
    names, confusions = record_confusions(labels, predictions, records)
    beats = confusions.sum(axis=2)  # (M, K)
    result: dict[str, Influence | None] = dict.fromkeys(CLASS_NAMES)
    for k in np.flatnonzero(beats.sum(axis=0)).tolist():
        most, label = int(beats[:, k].argmax()), CLASS_NAMES[k]
        without = metrics_of_confusions(confusions.sum(axis=0) - confusions[most])
        result[label] = {
            "record": str(names[most]),
            "beats": int(beats[most, k]),
            "total": int(beats[:, k].sum()),
            "sensitivity_without": as_metric(without[f"{label}.sensitivity"]),
            "positive_predictivity_without": as_metric(without[f"{label}.positive_predictivity"]),
            "f1_without": as_metric(without[f"{label}.f1"]),
            "macro_f1_nsv_without": as_metric(without["macro_f1_nsv"]),
            "macro_f1_nsvf_without": as_metric(without["macro_f1_nsvf"]),
        }
    return result


def _class_metrics(
    k: int, labels: Integers, probabilities: Floats, metrics: dict[str, Metric]
) -> ClassMetrics:
    positive, scores = labels == k, probabilities[:, k]
    result = {
        "beats": int(positive.sum()),
        **{name: metrics[f"{CLASS_NAMES[k]}.{name}"] for name in BY_CLASS},
        "average_precision": average_precision(positive, scores),
        "roc_auc": roc_auc(positive, scores),
        "reliability": reliability(positive, scores),
    }
    return cast(ClassMetrics, result)


def _ec57_metrics(event: str, confusion: Integers, metrics: dict[str, Metric]) -> Ec57Metrics:
    counts = {name: int(count) for name, count in ec57_counts(confusion, event).items()}
    return cast(Ec57Metrics, counts | {name: metrics[f"{event}.{name}"] for name in EC57})


def _probability_metrics(labels: Integers, probabilities: Floats) -> RecordRow:
    result: RecordRow = {}
    for k, label in enumerate(CLASS_NAMES):
        positive, scores = labels == k, probabilities[:, k]
        result[f"{label}.average_precision"] = average_precision(positive, scores)
        result[f"{label}.roc_auc"] = roc_auc(positive, scores)
    result["ece"] = calibration_error(top_reliability(labels, probabilities))
    result["brier"] = brier_score(labels, probabilities)
    return result


def _checked(
    labels: Integers, predictions: Integers, probabilities: Floats, records: Names
) -> Floats:
    """Return the probabilities in float64."""
    n_beats = len(labels)
    shapes = labels.shape, predictions.shape, probabilities.shape, records.shape
    if shapes != ((n_beats,), (n_beats,), (n_beats, N_CLASSES), (n_beats,)):
        raise ValueError(
            "labels, predictions, probabilities, records: "
            f"expected (N,), (N,), (N, {N_CLASSES}), (N,), got {shapes}"
        )
    for name, classes in (("labels", labels), ("predictions", predictions)):
        if n_beats and not 0 <= classes.min() <= classes.max() < N_CLASSES:
            raise ValueError(
                f"{name}: expected classes 0 to {N_CLASSES - 1}, "
                f"got {classes.min()} to {classes.max()}"
            )
    check_finite(probabilities)
    return probabilities.astype(np.float64)
