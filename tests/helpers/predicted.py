"""Made-up predictions, the beats of a confusion matrix, and metrics of probabilities by count."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Flags, Floats, Integers, Names
from ecg_lightning.evaluation.summary import Summary, summarize

Predicted = tuple[Integers, Integers, Floats, Names]


def predicted_beats(
    n_beats: int = 997,
    seed: int = 0,
    shares: tuple[float, ...] = (0.75, 0.08, 0.1, 0.04, 0.03),
    n_records: int = 7,
) -> Predicted:
    """Return labels, related predictions and probabilities, and records.

    The probabilities are rounded, so some are equal.
    """
    random = np.random.default_rng(seed)
    labels = random.choice(5, n_beats, p=shares)
    noise = random.dirichlet(np.full(5, 0.4), n_beats)
    scores = noise + 0.8 * np.eye(5)[labels] * random.random((n_beats, 1))
    probabilities = np.round(scores / scores.sum(axis=1, keepdims=True), 3)
    records = random.choice([f"r{number}" for number in range(n_records)], n_beats)
    return labels, probabilities.argmax(axis=1), probabilities, records


def beats_of_confusion(confusion: npt.ArrayLike) -> tuple[Integers, Integers]:
    """Return labels and predictions of the beats that a confusion matrix counts."""
    true, predicted = np.nonzero(np.asarray(confusion))
    counts = np.asarray(confusion)[true, predicted]
    return true.repeat(counts), predicted.repeat(counts)


def summary_of_confusion(confusion: Any) -> Summary:
    """Return the summary of one record with that confusion matrix."""
    labels, predictions = beats_of_confusion(confusion)
    random, records = np.random.default_rng(0), np.full(len(labels), "r")
    return summarize(labels, predictions, np.eye(5)[predictions], records, random, resamples=20)


def counted_curve(positive: Flags, scores: Floats) -> list[tuple[float, float]]:
    """Return recall and precision at each distinct threshold, the highest first, by counting."""
    points = []
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = positive[scores >= threshold].tolist()
        points.append(
            (called.count(True) / positive.tolist().count(True), called.count(True) / len(called))
        )
    return points


def counted_average_precision(positive: Flags, scores: Floats) -> float:
    """Return the sum over thresholds of (R_n - R_(n-1)) P_n."""
    total = before = 0.0
    for recall, precision in counted_curve(positive, scores):
        total += (recall - before) * precision
        before = recall
    return total


def counted_roc_auc(positive: Flags, scores: Floats) -> float:
    """Return the share of pairs of a positive and a negative that are in order; equal: one half."""
    wins = [
        (high > low) + (high == low) / 2
        for high in scores[positive].tolist()
        for low in scores[~positive].tolist()
    ]
    return sum(wins) / len(wins)


def counted_brier(labels: Integers, probabilities: Floats) -> float:
    """Return the mean over beats of the squared error, summed over the classes."""
    total = 0.0
    for label, shares in zip(labels.tolist(), probabilities.tolist(), strict=True):
        total += sum((share - (k == label)) ** 2 for k, share in enumerate(shares))
    return total / len(labels)
