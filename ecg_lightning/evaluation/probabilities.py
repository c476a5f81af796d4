"""How good class probabilities are: ranking (average precision, ROC AUC) and calibration (ECE, reliability, Brier), in NumPy.

None stands for "no such beats": a class without beats, or without other beats to tell it from.
"""

from typing import TypedDict

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

BINS = 15  # Guo et al., On Calibration of Modern Neural Networks, ICML 2017


class Bin(TypedDict):
    """The beats whose probability lies in (`lower`, `upper`], 0 in the first bin: how sure, and how often so, on average."""

    lower: float
    upper: float
    beats: int
    mean_probability: float
    observed: float


def threshold_counts(positive: Flags, scores: Floats) -> tuple[Integers, Integers, Floats]:
    """Beats found as the threshold falls through the distinct scores: the points of a PR or ROC curve.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) its probability of being so.

    Returns:
        Right and wrong finds (T,) at each threshold, score >= threshold, and the T thresholds, from the highest down.

    Example:
        >>> right, wrong, thresholds = threshold_counts(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
        >>> right.tolist(), wrong.tolist(), thresholds.tolist()
        ([1, 2], [0, 1], [0.9, 0.5])
    """
    order = np.argsort(-scores, kind="stable")
    ordered, right = scores[order], np.cumsum(positive[order], dtype=np.int64)
    last = np.flatnonzero(
        np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    )  # beats of equal score are found together
    return right[last], last + 1 - right[last], ordered[last]


def average_precision(positive: Flags, scores: Floats) -> float | None:
    """The area under the precision-recall curve as a sum of steps, sum over thresholds of (R_n - R_(n-1)) P_n; None without positives.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) its probability of being so.
    """
    if not positive.any():
        return None
    right, wrong, _ = threshold_counts(positive, scores)
    return float(np.sum(np.diff(right, prepend=0) / right[-1] * (right / (right + wrong))))


def roc_auc(positive: Flags, scores: Floats) -> float | None:
    """The chance that a beat of the class scores above one of another class, ties counting half; None where either is missing.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) its probability of being so.
    """
    if positive.all() or not positive.any():
        return None
    right, wrong, _ = threshold_counts(positive, scores)
    return float(np.trapezoid(np.append(0, right) / right[-1], np.append(0, wrong) / wrong[-1]))


def reliability(happened: Flags, probabilities: Floats, bins: int = BINS) -> list[Bin]:
    """The points of a reliability curve: bins of equal width, empty ones left out.

    Args:
        happened: (N,) whether it was so.
        probabilities: (N,) how probable it was said to be.
        bins: How many.

    Example:
        >>> [(point["beats"], point["observed"]) for point in reliability(np.array([True, False, True]), np.array([0.9, 0.1, 0.95]), 2)]
        [(1, 0.0), (2, 1.0)]
    """
    edges = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(edges[1:-1], probabilities, side="left")
    beats, said, was = (
        np.bincount(places, weights, bins) for weights in (None, probabilities, happened)
    )
    return [
        Bin(
            lower=float(edges[place]),
            upper=float(edges[place + 1]),
            beats=int(beats[place]),
            mean_probability=float(said[place] / beats[place]),
            observed=float(was[place] / beats[place]),
        )
        for place in np.flatnonzero(beats).tolist()
    ]


def calibration_error(points: list[Bin]) -> float | None:
    """ECE, the mean over beats of |observed - mean probability| of their bin; None without beats.

    Args:
        points: A reliability curve; for the ECE in the usual sense that of the top probabilities, observed being the accuracy.
    """
    beats = sum(point["beats"] for point in points)
    gaps = (point["beats"] * abs(point["observed"] - point["mean_probability"]) for point in points)
    return sum(gaps) / beats if beats else None


def top_reliability(labels: Integers, probabilities: Floats, bins: int = BINS) -> list[Bin]:
    """The reliability curve of each beat's most probable class.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
        bins: How many.
    """
    return reliability(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1), bins)


def brier(labels: Integers, probabilities: Floats) -> float | None:
    """The mean over beats of the squared distance to certainty, summed over the classes: 0 to 2; None without beats.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
    """
    if not len(labels):
        return None
    certain = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - certain) ** 2).sum(axis=1).mean())
