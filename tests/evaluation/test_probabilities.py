"""Ranking and calibration against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from ecg_lightning.evaluation.probabilities import (
    BINS,
    average_precision,
    brier,
    calibration_error,
    reliability,
    roc_auc,
    threshold_counts,
    top_reliability,
)

beats = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60)


@settings(deadline=None)
@given(beats.filter(lambda rows: len({flag for flag, _ in rows}) == 2))
def test_areas_are_scikit_learns_with_any_ties(rows: list[tuple[bool, int]]) -> None:
    positive, scores = (
        np.array([flag for flag, _ in rows]),
        np.array([score for _, score in rows]) / 20,
    )
    assert average_precision(positive, scores) == pytest.approx(
        sk.average_precision_score(positive, scores), rel=1e-12
    )
    assert roc_auc(positive, scores) == pytest.approx(
        sk.roc_auc_score(positive, scores), rel=1e-12, abs=1e-15
    )


@settings(deadline=None)
@given(beats)
def test_threshold_counts_are_counts(rows: list[tuple[bool, int]]) -> None:
    positive, scores = (
        np.array([flag for flag, _ in rows]),
        np.array([score for _, score in rows]) / 20,
    )
    right, wrong, thresholds = threshold_counts(positive, scores)
    assert_array_equal(thresholds, np.unique(scores)[::-1])
    assert right.tolist() == [
        int((positive & (scores >= threshold)).sum()) for threshold in thresholds
    ]
    assert wrong.tolist() == [
        int((~positive & (scores >= threshold)).sum()) for threshold in thresholds
    ]


def test_a_side_that_is_missing_gives_none() -> None:
    scores = np.array([0.1, 0.9])
    none, every = np.array([False, False]), np.array([True, True])
    assert (average_precision(none, scores), roc_auc(none, scores), roc_auc(every, scores)) == (
        None,
        None,
        None,
    )
    assert average_precision(every, scores) == 1.0
    assert [values.tolist() for values in threshold_counts(none[:0], scores[:0])] == [[], [], []]


@pytest.mark.parametrize("bins", [BINS, 4])
def test_the_curve_is_scikit_learns(bins: int) -> None:
    random = np.random.default_rng(0)
    said = np.round(random.random(500), 2)  # some on the edges
    happened = random.random(500) < said**2
    points = reliability(happened, said, bins)
    observed, mean = calibration_curve(happened, said, n_bins=bins)
    assert [point["observed"] for point in points] == pytest.approx(observed.tolist(), rel=1e-12)
    assert [point["mean_probability"] for point in points] == pytest.approx(
        mean.tolist(), rel=1e-12
    )
    assert sum(point["beats"] for point in points) == 500


def test_bins_hold_their_upper_edge() -> None:
    """Quarters: 0 and 0.25 in the first, 0.5 in the second, none in the third, 1 in the last."""
    points = reliability(np.array([False, True, True, True]), np.array([0.0, 0.25, 0.5, 1.0]), 4)
    assert points == [
        {"lower": 0.0, "upper": 0.25, "beats": 2, "mean_probability": 0.125, "observed": 0.5},
        {"lower": 0.25, "upper": 0.5, "beats": 1, "mean_probability": 0.5, "observed": 1.0},
        {"lower": 0.75, "upper": 1.0, "beats": 1, "mean_probability": 1.0, "observed": 1.0},
    ]


def test_rounding_above_one_stays_in_the_last_bin() -> None:
    assert reliability(np.array([True]), np.array([1 + 1e-7]))[0]["upper"] == 1.0


def test_ece_by_hand() -> None:
    """Four beats at 0.9, three right; one at 0.5, wrong: (4 x 0.15 + 1 x 0.5) / 5."""
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.5, 0.5]])
    assert calibration_error(
        top_reliability(np.array([0, 0, 0, 1, 1]), probabilities)
    ) == pytest.approx(0.22, rel=1e-12)
    assert calibration_error([]) is None


def test_brier_by_hand() -> None:
    """(0.2² + 0.2²) and (1² + 1²), over two beats."""
    assert brier(np.array([0, 0]), np.array([[0.8, 0.2], [0.0, 1.0]])) == pytest.approx(
        1.04, rel=1e-12
    )
