"""Risk against coverage: against plain loops, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.risk_coverage import (
    COVERAGES,
    aurc,
    aurc_interval,
    limit_of_risk,
    limits_of_coverages,
    risk_points,
)
from tests.helpers.predicted import predicted_beats

# Whether a beat is wrong, and its confidence in twentieths from 1/2 on, so many are equal.
rows = st.lists(st.tuples(st.booleans(), st.integers(10, 20)), min_size=1, max_size=50)


def _two_classes(beats: list[tuple[bool, int]]) -> tuple[Integers, Floats]:
    """All beats are called N; those that are wrong are S."""
    labels = np.array([int(is_wrong) for is_wrong, _ in beats])
    confidences = np.array([twentieths for _, twentieths in beats]) / 20
    probabilities = np.zeros((len(beats), 5))
    probabilities[:, 0], probabilities[:, 2] = confidences, 1 - confidences
    return labels, probabilities


@settings(deadline=None)
@given(rows, st.sampled_from([0.01, 0.2, 0.5, 0.8, 0.95, 1.0]))
def test_a_point_is_a_plain_count(beats: list[tuple[bool, int]], coverage: float) -> None:
    """The most confident are taken, and those that are as confident as the last of them."""
    labels, probabilities = _two_classes(beats)
    records = np.full(len(beats), "a")
    (point,) = risk_points(labels, probabilities, records, np.random.default_rng(0), [coverage])
    in_order = sorted((twentieths for _, twentieths in beats), reverse=True)
    least = in_order[max(1, math.ceil(round(coverage * len(beats), 9))) - 1]
    accepted = [is_wrong for is_wrong, twentieths in beats if twentieths >= least]
    assert point["limit"] == least / 20
    assert point["beats"] == len(accepted)
    assert point["coverage"] == len(accepted) / len(beats) >= coverage - 1e-9
    assert point["wrong"] == sum(accepted)
    assert point["risk"] == sum(accepted) / len(accepted)
    n_wrong = sum(is_wrong for is_wrong, _ in beats)
    caught = (n_wrong - sum(accepted)) / n_wrong if n_wrong else None
    assert point["caught"] == caught
    assert point["interval"] is None


@settings(deadline=None)
@given(rows)
def test_aurc_is_a_plain_mean_of_risks(beats: list[tuple[bool, int]]) -> None:
    risks = []
    for _, twentieths in beats:
        above = [is_wrong for is_wrong, other in beats if other >= twentieths]
        risks.append(sum(above) / len(above))
    assert aurc(*_two_classes(beats)) == pytest.approx(sum(risks) / len(risks), rel=1e-12)


@settings(deadline=None)
@given(rows, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_a_limit_of_risk_accepts_as_many_as_it_may(
    beats: list[tuple[bool, int]], risk: float
) -> None:
    best = None
    for limit in sorted({twentieths for _, twentieths in beats}, reverse=True):
        accepted = [is_wrong for is_wrong, other in beats if other >= limit]
        if sum(accepted) <= risk * len(accepted):
            best = limit / 20
    assert limit_of_risk(*_two_classes(beats), risk) == best


def test_the_example_of_the_documentation() -> None:
    """docs/annotate.md: ten beats, of which the seventh and the tenth are wrong."""
    confidences = np.array([0.99, 0.98, 0.97, 0.95, 0.93, 0.90, 0.85, 0.80, 0.70, 0.55])
    probabilities = np.zeros((10, 5))
    probabilities[:, 0], probabilities[:, 2] = confidences, 1 - confidences
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 1])
    points = risk_points(
        labels, probabilities, np.full(10, "a"), np.random.default_rng(0), [1.0, 0.8, 0.6]
    )
    assert [point["wrong"] for point in points] == [2, 1, 0]
    assert [point["risk"] for point in points] == [0.2, 0.125, 0.0]
    assert [point["caught"] for point in points] == [0.0, 0.5, 1.0]
    assert [point["limit"] for point in points] == [0.55, 0.80, 0.90]
    assert limit_of_risk(labels, probabilities, 0.01) == 0.90


def test_classes_by_hand() -> None:
    """Six beats; the limit of 2/3 of them leaves one wrong S and one right V open."""
    true, called = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    confidences = np.array([0.9, 0.8, 0.95, 0.5, 0.99, 0.6])
    probabilities = np.full((6, 5), 0.0)
    probabilities[np.arange(6), called] = confidences
    probabilities[np.arange(6), 4] = 1 - confidences
    everything, part = risk_points(
        true, probabilities, np.full(6, "a"), np.random.default_rng(0), [1.0, 2 / 3]
    )
    assert (everything["wrong"], everything["risk"], everything["limit"]) == (2, 2 / 6, 0.5)
    assert everything["by_class"]["S"] == {"beats": 2, "coverage": 1.0, "missed": 0.5, "false": 0.5}
    assert (part["wrong"], part["risk"], part["limit"]) == (1, 1 / 4, 0.8)
    assert part["caught"] == 1 / 2
    assert part["by_class"]["N"] == {"beats": 2, "coverage": 1.0, "missed": 0.5, "false": 0.0}
    assert part["by_class"]["S"] == {"beats": 1, "coverage": 0.5, "missed": 0.0, "false": 0.5}
    assert part["by_class"]["V"] == {"beats": 1, "coverage": 0.5, "missed": 0.0, "false": 0.0}
    assert part["by_class"]["F"] == {"beats": 0, "coverage": None, "missed": None, "false": None}


def test_intervals_equal_a_plain_loop_over_the_same_resamples() -> None:
    labels, predictions, probabilities, records = predicted_beats(300)
    assert (predictions == probabilities.argmax(axis=1)).all()
    confidences = probabilities.max(axis=1)
    (point,) = risk_points(
        labels, probabilities, records, np.random.default_rng(3), [0.7], resamples=40
    )
    interval = aurc_interval(labels, probabilities, records, np.random.default_rng(3), resamples=40)
    risks, areas = [], []
    for chosen in _resamples(records, np.random.default_rng(3), 40):
        kept = chosen[confidences[chosen] >= point["limit"]]
        risks.append((labels[kept] != predictions[kept]).mean())
        areas.append(aurc(labels[chosen], probabilities[chosen]))
    low, high = np.percentile(risks, (2.5, 97.5))
    assert point["interval"] == pytest.approx({"low": low, "high": high})
    low, high = np.percentile(np.array(areas, float), (2.5, 97.5))
    assert interval == pytest.approx({"low": low, "high": high})


def _resamples(records: Names, random: np.random.Generator, resamples: int) -> list[Integers]:
    """The rows of each resample of whole records."""
    names = np.unique(records)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    rows = {name: np.flatnonzero(records == name) for name in names}
    return [
        np.concatenate([np.tile(rows[name], n) for name, n in zip(names, times, strict=True)])
        for times in draws
    ]


def test_the_risk_falls_where_confidence_means_something() -> None:
    """Beats that are right as often as they say."""
    random = np.random.default_rng(0)
    confidences = random.uniform(0.5, 1.0, 5_000)
    labels = (random.random(5_000) > confidences).astype(np.int64)
    probabilities = np.zeros((5_000, 5))
    probabilities[:, 0], probabilities[:, 1] = confidences, 1 - confidences
    points = risk_points(labels, probabilities, np.full(5_000, "a"), random)
    assert [point["coverage"] for point in points] == pytest.approx(COVERAGES)
    risks = [point["risk"] for point in points]
    assert risks == sorted(risks, reverse=True)
    for coverage, risk in zip(COVERAGES, risks, strict=True):
        assert risk == pytest.approx(coverage / 4, abs=0.02)  # the mean of 0 to coverage / 2


def test_a_limit_in_float32_marks_the_beats_that_were_counted() -> None:
    """The limit is a number of the array itself: no rounding puts a beat on the other side."""
    confidences = np.random.default_rng(0).random(1_000).astype(np.float32)
    for coverage, limit in zip(COVERAGES, limits_of_coverages(confidences, COVERAGES), strict=True):
        assert (confidences >= limit).sum() == round(1_000 * coverage)


def test_no_beats_have_no_risk() -> None:
    empty = np.zeros(0, np.int64), np.zeros((0, 5))
    assert aurc(*empty) is None
    assert limit_of_risk(*empty, 0.5) is None
    assert risk_points(*empty, np.zeros(0, np.str_), np.random.default_rng(0)) == []


def test_a_broken_probability_is_refused() -> None:
    with pytest.raises(InputError, match="expected finite numbers"):
        risk_points(
            np.array([0]), np.full((1, 5), np.nan), np.array(["a"]), np.random.default_rng(0)
        )
