"""Ranking and calibration against plain counts, by hand, and bins against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from ecg_lightning.evaluation.probabilities import (
    BINS,
    CURVE_POINTS,
    average_precision,
    brier_score,
    calibration_error,
    log_loss,
    precision_recall,
    reliability,
    roc_auc,
    top_reliability,
)
from tests.helpers.predicted import (
    counted_average_precision,
    counted_brier,
    counted_curve,
    counted_roc_auc,
)

# Scores in twentieths, so many are equal.
beats = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60)
both_sides = beats.filter(lambda rows: len({flag for flag, _ in rows}) == 2)


def columns(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([flag for flag, _ in rows]), np.array([score for _, score in rows]) / 20


@settings(deadline=None)
@given(both_sides)
def test_areas_are_counts_with_any_ties(rows: list[tuple[bool, int]]) -> None:
    positive, scores = columns(rows)
    expected = counted_average_precision(positive, scores)
    assert average_precision(positive, scores) == pytest.approx(expected, rel=1e-12)
    expected = counted_roc_auc(positive, scores)
    assert roc_auc(positive, scores) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_areas_by_hand() -> None:
    """Recall 1/2 at precision 1, then 1 at 2/3. Of four pairs three are in order, one is equal."""
    positive, scores = np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.2])
    assert average_precision(positive, scores) == pytest.approx(5 / 6, rel=1e-12)
    assert roc_auc(positive, scores) == pytest.approx(3.5 / 4, rel=1e-12)


def test_a_missing_side_gives_none() -> None:
    scores = np.array([0.1, 0.9])
    none, every = np.array([False, False]), np.array([True, True])
    assert average_precision(none, scores) is None
    assert average_precision(none[:0], scores[:0]) is None
    assert average_precision(every, scores) == 1.0
    assert precision_recall(none, scores) is None
    assert precision_recall(none[:0], scores[:0]) is None
    assert (roc_auc(none, scores), roc_auc(every, scores)) == (None, None)
    assert roc_auc(none[:0], scores[:0]) is None


@settings(deadline=None)
@given(beats.filter(lambda rows: any(flag for flag, _ in rows)))
def test_a_short_curve_is_a_count(rows: list[tuple[bool, int]]) -> None:
    """From the highest threshold to the first at which all beats of the class are found."""
    positive, scores = columns(rows)
    points = counted_curve(positive, scores)
    points = points[: [recall for recall, _ in points].index(1.0) + 1]
    result = precision_recall(positive, scores)
    assert result is not None
    assert result["recall"] == [round(recall, 4) for recall, _ in points]
    assert result["precision"] == pytest.approx([value for _, value in points], abs=5.1e-5)


def test_a_long_curve_is_thinned_and_keeps_both_ends() -> None:
    random = np.random.default_rng(0)
    positive = random.random(5000) < 0.3
    scores = random.random(5000) + positive
    result = precision_recall(positive, scores)
    assert result is not None
    assert 100 < len(result["recall"]) <= CURVE_POINTS
    assert result["recall"][-1] == 1.0
    assert result["recall"][0] == round(1 / positive.sum(), 4)
    assert result["recall"] == sorted(result["recall"])


@pytest.mark.parametrize("bins", [BINS, 4])
def test_bins_are_scikit_learns(bins: int) -> None:
    random = np.random.default_rng(0)
    probabilities = np.round(random.random(500), 2)  # some are edges of bins
    happened = random.random(500) < probabilities**2
    points = reliability(happened, probabilities, bins)
    observed, mean = calibration_curve(happened, probabilities, n_bins=bins)
    assert [point["observed"] for point in points] == pytest.approx(observed.tolist(), rel=1e-12)
    means = [point["mean_probability"] for point in points]
    assert means == pytest.approx(mean.tolist(), rel=1e-12)
    assert sum(point["beats"] for point in points) == 500


def test_bins_include_their_upper_edge() -> None:
    """Quarters: 0 and 0.25 in the first, 0.5 in the second, none in the third, 1 in the last."""
    points = reliability(np.array([False, True, True, True]), np.array([0.0, 0.25, 0.5, 1.0]), 4)
    assert points == [
        {"lower": 0.0, "upper": 0.25, "beats": 2, "mean_probability": 0.125, "observed": 0.5},
        {"lower": 0.25, "upper": 0.5, "beats": 1, "mean_probability": 0.5, "observed": 1.0},
        {"lower": 0.75, "upper": 1.0, "beats": 1, "mean_probability": 1.0, "observed": 1.0},
    ]


def test_a_probability_rounded_above_one_stays_in_the_last_bin() -> None:
    assert reliability(np.array([True]), np.array([1 + 1e-7]))[0]["upper"] == 1.0


def test_ece_by_hand() -> None:
    """Four beats at 0.9, three right; one at 0.5, wrong: (4 x 0.15 + 1 x 0.5) / 5."""
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.5, 0.5]])
    points = top_reliability(np.array([0, 0, 0, 1, 1]), probabilities)
    assert calibration_error(points) == pytest.approx(0.22, rel=1e-12)
    assert calibration_error([]) is None


def test_brier_by_hand() -> None:
    """(0.2² + 0.2²) and (1² + 1²), over two beats."""
    score = brier_score(np.array([0, 0]), np.array([[0.8, 0.2], [0.0, 1.0]]))
    assert score == pytest.approx(1.04, rel=1e-12)
    assert brier_score(np.array([], np.int64), np.empty((0, 5))) is None


def test_brier_is_a_count_and_scikit_learns_also_in_float32() -> None:
    """The sum of the scores of each class against the rest.

    Sums of float32 rows are not exactly 1. Then scikit-learn's own function for classes warns.
    """
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(0, 5, 200), random.dirichlet(np.ones(5), 200)
    expected = sum(sk.brier_score_loss(labels == k, probabilities[:, k]) for k in range(5))
    assert brier_score(labels, probabilities) == pytest.approx(expected, rel=1e-12)
    rounded = probabilities.astype(np.float32).astype(np.float64)
    assert brier_score(labels, rounded) == pytest.approx(counted_brier(labels, rounded), rel=1e-12)
    above = np.array([[1 + 1e-7, 0.0]])
    assert brier_score(np.array([0]), above) == pytest.approx(1e-14, rel=1e-6)


def test_the_log_loss_is_scikit_learns_and_stays_finite() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(5), 200)
    labels = random.integers(0, 5, 200)
    expected = sk.log_loss(labels, probabilities, labels=range(5))
    assert log_loss(labels, probabilities) == pytest.approx(expected, rel=1e-12)
    assert log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(126 * np.log(2))
    assert log_loss(labels[:0], probabilities[:0]) is None
