"""Intervals by bootstrap over records: against a plain loop, and by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ecg_lightning.evaluation.confusion import metrics_of_confusions, record_confusions
from ecg_lightning.evaluation.intervals import bootstrap_intervals
from ecg_lightning.evaluation.summary import summarize
from tests.helpers.predicted import predicted_beats, summary_of_confusion


def test_they_equal_a_plain_loop_over_the_same_resamples() -> None:
    labels, predictions, _, records = predicted_beats(300)
    names, confusions = record_confusions(labels, predictions, records)
    result = bootstrap_intervals(confusions, np.random.default_rng(3), resamples=40)
    equal = np.full(len(names), 1 / len(names))
    accuracies, f1 = [], []
    for times in np.random.default_rng(3).multinomial(len(names), equal, size=40):
        pieces = [
            np.flatnonzero(records == name)
            for name, n in zip(names, times, strict=True)
            for _ in range(n)
        ]
        rows = np.concatenate(pieces)
        accuracies.append(sk.accuracy_score(labels[rows], predictions[rows]))
        f1.append(sk.f1_score(labels[rows] == 2, predictions[rows] == 2))
    for name, values in (("accuracy", accuracies), ("V.f1", f1)):
        low, high = np.percentile(values, (2.5, 97.5))
        assert result[name] == pytest.approx({"low": low, "high": high})
    assert set(result) == set(metrics_of_confusions(confusions))


def test_records_are_drawn_and_not_beats() -> None:
    """One record is all right, one all wrong.

    A quarter of the resamples is all right and a quarter all wrong, however many beats there are.
    """
    confusions = np.zeros((2, 5, 5), np.int64)
    confusions[0, 0, 0], confusions[1, 0, 2] = 10_000, 10_000
    result = bootstrap_intervals(confusions, np.random.default_rng(0))
    assert result["accuracy"] == {"low": 0.0, "high": 1.0}


def test_resamples_without_such_beats_are_left_out_and_counted() -> None:
    """S is in one record of three, and half is found. (2/3)**3 of the resamples have no S."""
    confusions = np.zeros((3, 5, 5), np.int64)
    confusions[:, 0, 0], confusions[1, 1, 1], confusions[1, 1, 0] = 5, 4, 4
    result = bootstrap_intervals(confusions, np.random.default_rng(0), resamples=20_000)
    assert result["S.sensitivity"] == {
        "low": 0.5,
        "high": 0.5,
        "left_out": pytest.approx(8 / 27, abs=0.01),
    }
    assert result["N.sensitivity"] == {"low": 1.0, "high": 1.0}
    assert result["V.f1"] == {"low": None, "high": None, "left_out": 1.0}


def test_they_follow_the_generator() -> None:
    beats = predicted_beats(200)
    first, again, other = (
        summarize(*beats, np.random.default_rng(seed), resamples=30)["intervals"]["S.f1"]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_one_record_has_no_spread() -> None:
    assert summary_of_confusion(np.arange(25).reshape(5, 5))["intervals"] == {}


@pytest.mark.parametrize("name", ["accuracy", "kappa", "macro_f1_nsv"])
def test_a_metric_lies_in_its_interval(name: str) -> None:
    result = summarize(*predicted_beats(), np.random.default_rng(0))
    value, interval = result["overall"][name], result["intervals"][name]
    assert value is not None
    assert interval["low"] is not None
    assert interval["high"] is not None
    assert interval["low"] < value < interval["high"]
