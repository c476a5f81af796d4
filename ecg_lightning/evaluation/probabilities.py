"""How good class probabilities are: ranking (average precision, ROC AUC) and calibration.

Calibration is measured by the ECE, the reliability curve, the Brier score and the log loss. None
stands for "no such beats": the class has no beats, or there are no other beats to tell it from.

scikit-learn takes a quarter of a second to import, so the functions that need it import it.
"""

from typing import TypedDict

import numpy as np

from ecg_lightning.arrays import AnyFloats, Flags, Floats, Integers

BINS = 15  # Guo et al., On Calibration of Modern Neural Networks, ICML 2017
CURVE_POINTS = 201
LEAST = float(np.finfo(np.float32).tiny)  # of a probability: the softmax of float32 can be 0


class ReliabilityBin(TypedDict):
    """The beats whose probability lies in (`lower`, `upper`], or is 0 in the first bin.

    `mean_probability` is how probable the event was on average, `observed` how often it happened.
    """

    lower: float
    upper: float
    beats: int
    mean_probability: float
    observed: float


def average_precision(positive: Flags, scores: Floats) -> float | None:
    """Return the area under the precision-recall curve, as a sum of steps.

    It is the sum over thresholds of (R_n - R_(n-1)) P_n; None without positives.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) the class's probability.
    """
    if not positive.any():
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, scores))


def roc_auc(positive: Flags, scores: Floats) -> float | None:
    """Return the chance that a beat of the class has a higher score than one of another class.

    Equal scores count half. None if there are no beats of the class, or no others.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) the class's probability.
    """
    if positive.all() or not positive.any():
        return None
    from sklearn.metrics import auc, roc_curve  # roc_auc_score takes twice as long for few beats

    false_positive_rate, true_positive_rate, _ = roc_curve(positive, scores)
    return float(auc(false_positive_rate, true_positive_rate))


def precision_recall(positive: Flags, scores: Floats) -> dict[str, list[float]] | None:
    """Return a precision-recall curve from the highest threshold to the first recall of 1.

    A long curve is thinned to `CURVE_POINTS` points, evenly spread over the recall. None without
    positives.

    Args:
        positive: (N,) whether a beat is of the class.
        scores: (N,) the class's probability.

    Example:
        >>> precision_recall(np.array([True, False, True]), np.array([0.9, 0.5, 0.2]))
        {'recall': [0.5, 0.5, 1.0], 'precision': [1.0, 0.5, 0.6667]}
    """
    if not positive.any():
        return None
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, scores)
    # scikit-learn starts at the lowest threshold and adds a last point (0, 1) without one.
    precision, recall = precision[-2::-1], recall[-2::-1]
    kept = np.arange(np.searchsorted(recall, 1.0) + 1)
    if len(kept) > CURVE_POINTS:
        kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, CURVE_POINTS)))
    return {
        "recall": recall[kept].round(4).tolist(),
        "precision": precision[kept].round(4).tolist(),
    }


def reliability(happened: Flags, probabilities: Floats, bins: int = BINS) -> list[ReliabilityBin]:
    """Return the points of a reliability curve: bins of equal width, without the empty ones.

    Args:
        happened: (N,) whether the event happened.
        probabilities: (N,) how probable it was.
        bins: How many.

    Example:
        >>> happened, probabilities = np.array([True, False, True]), np.array([0.9, 0.1, 0.95])
        >>> points = reliability(happened, probabilities, bins=2)
        >>> [(point["beats"], point["observed"]) for point in points]
        [(1, 0.0), (2, 1.0)]
    """
    edges = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(edges[1:-1], probabilities, side="left")
    beats = np.bincount(places, minlength=bins)
    probability_sums = np.bincount(places, probabilities, bins)
    events = np.bincount(places, happened, bins)
    return [
        ReliabilityBin(
            lower=float(edges[place]),
            upper=float(edges[place + 1]),
            beats=int(beats[place]),
            mean_probability=float(probability_sums[place] / beats[place]),
            observed=float(events[place] / beats[place]),
        )
        for place in np.flatnonzero(beats).tolist()
    ]


def top_reliability(
    labels: Integers, probabilities: Floats, bins: int = BINS
) -> list[ReliabilityBin]:
    """Return the reliability curve of each beat's most probable class.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
        bins: How many.
    """
    return reliability(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1), bins)


def calibration_error(points: list[ReliabilityBin]) -> float | None:
    """Return the ECE, the mean over beats of their bin's `|observed - mean probability|`.

    None without beats.

    Args:
        points: A reliability curve. The usual ECE is that of `top_reliability`.
    """
    beats = sum(point["beats"] for point in points)
    gaps = (point["beats"] * abs(point["observed"] - point["mean_probability"]) for point in points)
    return sum(gaps) / beats if beats else None


def brier_score(labels: Integers, probabilities: Floats) -> float | None:
    """Return the mean over beats of the squared error, summed over the classes: 0 to 2.

    None without beats. scikit-learn's `brier_score_loss` is the same number, but warns where a
    row's sum is not exactly 1 (as in float32) and refuses a probability that rounding has put
    above 1.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
    """
    if not len(labels):
        return None
    from sklearn.metrics import mean_squared_error

    n_classes = probabilities.shape[1]
    return n_classes * float(mean_squared_error(np.eye(n_classes)[labels], probabilities))


def log_loss(labels: Integers, probabilities: AnyFloats) -> float | None:
    """Return the mean over beats of -log(the true class's probability); None without beats.

    A probability below `LEAST` counts as `LEAST`. scikit-learn's `log_loss` is the same number
    where none is that small.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
    """
    if not len(labels):
        return None
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, LEAST)).mean())
