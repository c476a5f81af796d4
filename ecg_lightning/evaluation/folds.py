"""The metrics of several runs: a row per run, mean and spread, and all folds of a seed together."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from ecg_lightning.evaluation.confusion import Metric, as_metric, metrics_of_confusions
from ecg_lightning.evaluation.predictions import Predictions
from ecg_lightning.evaluation.summary import Summary, summarize

# Metric -> its column heading, of the two blocks of the table.
OVERALL_HEADS = {
    "accuracy": "acc",
    "balanced_accuracy": "bal acc",
    "macro_f1_nsv": "F1 NSV",
    "macro_f1_nsvf": "F1 NSVF",
}
RATIO_HEADS = {"sensitivity": "Se", "positive_predictivity": "+P", "f1": "F1"}
CLASS_HEADS = {
    f"{label}.{ratio}": f"{label} {head}" for label in "SV" for ratio, head in RATIO_HEADS.items()
}
TABLE_METRICS = (*OVERALL_HEADS, *CLASS_HEADS)
UnitRow = dict[str, Any]


def unit_row(name: str, fold: int | None, seed: int, run: str, predictions: Predictions) -> UnitRow:
    """Return what `crossval.json` holds of a finished unit."""
    confusion = predictions.confusion
    metrics = metrics_of_confusions(confusion)
    return {
        "unit": name,
        "fold": fold,
        "seed": seed,
        "run": run,
        "beats": len(predictions.labels),
        "confusion_matrix": confusion.tolist(),
        **{key: as_metric(metrics[key]) for key in TABLE_METRICS},
    }


def spread_over_units(rows: Sequence[UnitRow]) -> dict[str, dict[str, Metric]]:
    """Return mean, spread (sample standard deviation) and n of each metric.

    A unit without such beats does not count in the metric's n.

    Example:
        >>> rows = [dict.fromkeys(TABLE_METRICS, value) for value in (0.5, 1.0, 0.0)]
        >>> rows[2]["S.f1"] = None
        >>> result = spread_over_units(rows)
        >>> result["accuracy"], result["S.f1"]["n"]
        ({'mean': 0.5, 'spread': 0.5, 'n': 3}, 2)
    """
    result: dict[str, dict[str, Metric]] = {}
    for key in TABLE_METRICS:
        values = [row[key] for row in rows if row[key] is not None]
        result[key] = {
            "mean": statistics.fmean(values) if values else None,
            "spread": statistics.stdev(values) if len(values) > 1 else None,
            "n": len(values),
        }
    return result


def pooled_summary(folds: Sequence[Predictions], seed: int = 0) -> Summary:
    """Return the metrics of all folds' predictions together, with intervals over records.

    Args:
        folds: The folds of one seed, which together test every record once.
        seed: Seed of the intervals' resamples.
    """
    beats = Predictions.concatenate(folds)
    random = np.random.default_rng(seed)
    return summarize(beats.labels, beats.predicted, beats.probabilities, beats.records, random)
