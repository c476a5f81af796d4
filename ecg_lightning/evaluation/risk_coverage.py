"""Risk against coverage: how often a network errs if it may leave its least certain beats open.

The confidence of a beat is the probability of its most probable class. A network that answers only
above a limit of confidence *accepts* some of the beats. Their share of all beats is the coverage,
and the share of the accepted beats that are wrong is the risk. The other beats are *unsure*.

Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from ecg_lightning.arrays import AnyFloats, Flags, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.confusion import Metric
from ecg_lightning.evaluation.intervals import RESAMPLES, Interval, drawn_records, interval_of
from ecg_lightning.evaluation.predictions import check_finite

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.90, 0.80)


class ClassRisk(TypedDict):
    """The accepted beats of one class. Shares are in [0, 1]; None where there are no such beats.

    Attributes:
        beats: The beats of the class that are accepted.
        coverage: Their share of all beats of the class.
        missed: The share of them that another class was called.
        false: The share of the accepted beats called this class that are of another class.
    """

    beats: int
    coverage: Metric
    missed: Metric
    false: Metric


class RiskPoint(TypedDict):
    """What a limit of confidence gives.

    Attributes:
        limit: The least confidence of an accepted beat.
        beats: The accepted beats.
        coverage: Their share of all beats.
        wrong: The accepted beats whose most probable class is wrong.
        risk: Their share of the accepted beats.
        caught: The share of all wrong beats that are unsure.
        interval: The 95 % interval of the risk at this limit, by bootstrap over records; None for
            a single record.
        by_class: Class to what it is of that class.
    """

    limit: float
    beats: int
    coverage: float
    wrong: int
    risk: float
    caught: Metric
    interval: Interval | None
    by_class: dict[str, ClassRisk]


def limits_of_coverages(confidences: AnyFloats, coverages: Sequence[float]) -> AnyFloats:
    """Return for each coverage the highest limit that accepts at least this share of the beats.

    Beats of equal confidence are accepted together, so more may be accepted.

    Args:
        confidences: (N,), one or more.
        coverages: Each above 0 and at most 1.

    Example:
        >>> limits_of_coverages(np.array([0.5, 0.9, 0.7, 0.6]), [1.0, 0.5, 0.4])
        array([0.5, 0.7, 0.7])
    """
    descending = np.sort(confidences)[::-1]
    n_accepted = np.ceil(np.array(coverages) * len(descending) - 1e-9).astype(np.int64)
    return descending[np.maximum(n_accepted, 1) - 1]


def limit_of_risk(labels: Integers, probabilities: AnyFloats, risk: float) -> float | None:
    """Return the limit with the highest coverage whose risk is at most `risk`.

    Args:
        labels: (N,) true classes.
        probabilities: (N, K).
        risk: The share of the accepted beats that may be wrong.

    Returns:
        The least confidence of an accepted beat; None where every limit has a higher risk, and
        without beats.
    """
    if not len(labels):
        return None
    confidences, accepted, wrong = _steps(labels, probabilities)
    enough = np.flatnonzero(wrong <= risk * accepted)
    return float(confidences[enough[-1]]) if len(enough) else None


def risk_points(
    labels: Integers,
    probabilities: AnyFloats,
    records: Names,
    random: np.random.Generator,
    coverages: Sequence[float] = COVERAGES,
    resamples: int = RESAMPLES,
) -> list[RiskPoint]:
    """Return what is accepted, and how much of it is wrong, at each coverage.

    Args:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        random: Draws the resamples.
        coverages: Each above 0 and at most 1.
        resamples: How many, for the intervals.

    Returns:
        A point for each coverage, in their order; none without beats.

    Raises:
        InputError: A probability is not finite.
    """
    check_finite(probabilities)
    if not len(labels):
        return []
    confidences, predictions = probabilities.max(axis=1), probabilities.argmax(axis=1)
    names, places = np.unique(records, return_inverse=True)
    draws = drawn_records(len(names), random, resamples)
    points = []
    for limit in limits_of_coverages(confidences, coverages).tolist():
        accepted = confidences >= limit
        interval = _interval(accepted, labels != predictions, places, draws)
        points.append(_point(limit, accepted, labels, predictions, interval))
    return points


def aurc(labels: Integers, probabilities: AnyFloats) -> float | None:
    """Return the area under the risk-coverage curve; the lower, the better.

    It is the mean over beats of the risk of all beats that are at least as confident. None without
    beats.

    Args:
        labels: (N,) true classes.
        probabilities: (N, K).

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> aurc(np.array([0, 1]), probabilities)  # risks 0 and 1/2
        0.25
    """
    if not len(labels):
        return None
    _, accepted, wrong = _steps(labels, probabilities)
    return float(np.diff(accepted, prepend=0) @ (wrong / accepted) / accepted[-1])


def aurc_interval(
    labels: Integers,
    probabilities: AnyFloats,
    records: Names,
    random: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Return the 95 % interval of AURC by bootstrap over records; None for fewer than two.

    Args:
        labels: (N,) true classes.
        probabilities: (N, K).
        records: (N,) the record of each beat.
        random: Draws the resamples.
        resamples: How many.
    """
    names, places = np.unique(records, return_inverse=True)
    if len(names) < 2:
        return None
    confidences, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    order = np.argsort(-confidences, kind="stable")
    ends = _ends(confidences[order])
    draws = drawn_records(len(names), random, resamples)
    values = [_weighted_aurc(times[places[order]], wrong[order], ends) for times in draws]
    return interval_of(np.array(values))


def _weighted_aurc(weights: Integers, wrong: Flags, ends: Integers) -> float:
    """AURC where each beat, from the most confident, is there `weights` times."""
    accepted = np.cumsum(weights)[ends]
    risks = np.cumsum(weights * wrong)[ends] / np.maximum(accepted, 1)
    return float(np.diff(accepted, prepend=0) @ risks / accepted[-1])


def _steps(labels: Integers, probabilities: AnyFloats) -> tuple[AnyFloats, Integers, Integers]:
    """Each distinct confidence, descending; the beats that it accepts, and the wrong ones."""
    confidences, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    order = np.argsort(-confidences, kind="stable")
    ends = _ends(confidences[order])
    return confidences[order][ends], ends + 1, np.cumsum(wrong[order])[ends]


def _ends(descending: AnyFloats) -> Integers:
    """The place of the last beat of each distinct confidence, of one beat or more."""
    return np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)


def _point(
    limit: float,
    accepted: Flags,
    labels: Integers,
    predictions: Integers,
    interval: Interval | None,
) -> RiskPoint:
    wrong = labels != predictions
    n_accepted, n_wrong = int(accepted.sum()), int((wrong & accepted).sum())
    return {
        "limit": limit,
        "beats": n_accepted,
        "coverage": n_accepted / len(labels),
        "wrong": n_wrong,
        "risk": n_wrong / n_accepted,
        "caught": _share(wrong & ~accepted, wrong),
        "interval": interval,
        "by_class": {
            name: _class_risk(accepted, labels == k, predictions == k)
            for k, name in enumerate(CLASS_NAMES)
        },
    }


def _class_risk(accepted: Flags, is_class: Flags, is_called: Flags) -> ClassRisk:
    return {
        "beats": int((accepted & is_class).sum()),
        "coverage": _share(accepted & is_class, is_class),
        "missed": _share(accepted & is_class & ~is_called, accepted & is_class),
        "false": _share(accepted & is_called & ~is_class, accepted & is_called),
    }


def _share(part: Flags, whole: Flags) -> Metric:
    return float(part.sum() / whole.sum()) if whole.any() else None


def _interval(accepted: Flags, wrong: Flags, places: Integers, draws: Integers) -> Interval | None:
    """The interval of the risk; a resample without accepted beats has none.

    Args:
        accepted: (N,).
        wrong: (N,).
        places: (N,) the index of each beat's record.
        draws: (R, M) how often each record is drawn.
    """
    n_records = draws.shape[1]
    if n_records < 2:
        return None
    counts = [np.bincount(places, flags, n_records) for flags in (accepted & wrong, accepted)]
    sums = draws @ np.stack(counts, axis=1)
    with np.errstate(invalid="ignore"):
        return interval_of(sums[:, 0] / sums[:, 1])
