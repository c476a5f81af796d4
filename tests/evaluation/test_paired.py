"""Two runs on the same beats: values worked by hand, and other beats, labels and orders."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.paired import (
    PAIRED,
    PairedBeats,
    compare_pairs,
    paired_beats,
)
from ecg_lightning.evaluation.predictions import Predictions
from tests.helpers.predicted import predicted_beats


def run_of(predicted: list[int], labels: list[int], records: str) -> Predictions:
    called = np.array(predicted)
    n_beats = len(called)
    return Predictions(
        np.array(labels),
        called,
        np.eye(5)[called],
        np.array(list(records)),
        np.arange(n_beats, dtype=np.int64) * 100,
    )


LABELS, RECORDS = [0, 0, 1, 1, 2, 2], "aabbcc"
FIRST = run_of([0, 0, 0, 1, 2, 0], LABELS, RECORDS)
SECOND = run_of([0, 1, 1, 1, 2, 0], LABELS, RECORDS)


def random_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_six_beats_by_hand() -> None:
    result = compare_pairs(paired_beats(FIRST, SECOND), random_of())
    assert (result["beats"], result["records"]) == (6, 3)
    accuracy = result["metrics"]["accuracy"]
    assert (accuracy["first"], accuracy["second"]) == (4 / 6, 4 / 6)
    assert accuracy["difference"] == 0
    f1 = result["metrics"]["S.f1"]
    # First: 1 found, 1 missed. Second: 2 found, 1 false.
    assert f1["first"] == pytest.approx(2 / 3)
    assert f1["second"] == pytest.approx(4 / 5)
    assert f1["difference"] == pytest.approx(4 / 5 - 2 / 3)
    absent = result["metrics"]["Q.f1"]
    assert (absent["first"], absent["second"], absent["difference"]) == (None, None, None)
    counts = result["counts"]
    assert list(counts["all"].values()) == [6, 3, 1, 1, 1]
    assert list(counts["N"].values()) == [2, 1, 1, 0, 0]
    assert list(counts["S"].values()) == [2, 1, 0, 1, 0]
    assert list(counts["V"].values()) == [2, 1, 0, 0, 1]
    assert list(counts["F"].values()) == [0] * 5


def test_metrics_are_scikit_learns() -> None:
    labels, first, _, records = predicted_beats(seed=1)
    second = predicted_beats(seed=2)[1]
    beats = PairedBeats(records, labels, first, second)
    metrics = compare_pairs(beats, random_of(), 10)["metrics"]
    assert tuple(metrics) == PAIRED
    for name, score in {
        "accuracy": accuracy_score,
        "macro_f1_nsv": lambda *both: f1_score(*both, average="macro", labels=[0, 1, 2]),
        "F.f1": lambda *both: f1_score(*both, average="macro", labels=[3]),
    }.items():
        expected = score(labels, second) - score(labels, first)
        assert metrics[name]["difference"] == pytest.approx(expected, abs=1e-12)


def test_the_interval_draws_the_same_records_for_both_runs() -> None:
    """Accuracies of 0 % in one record and 100 % in the other vary; their difference does not."""
    labels, records = np.zeros(200, np.int64), np.repeat(["a", "b"], 100)
    first = np.where(records == "a", 0, 1)
    first[[0, 100]] = 1, 0  # a: 99 of 100 right, b: 1 of 100
    second = first.copy()
    second[[1, 101]] = 1, 0  # a: 98, b: 2
    metric = compare_pairs(PairedBeats(records, labels, first, second), random_of())["metrics"]
    interval = metric["accuracy"]["interval"]
    assert interval is not None
    # Of two draws: a twice, b twice, or both once: -1 %, +1 % and 0 %.
    assert interval["low"] == pytest.approx(-0.01)
    assert interval["high"] == pytest.approx(0.01)


def test_an_interval_by_another_bootstrap() -> None:
    """Records drawn one by one give nearly the same ends."""
    labels, first, _, records = predicted_beats(3000, seed=3, n_records=12)
    second = predicted_beats(3000, seed=4, n_records=12)[1]
    rows = [np.flatnonzero(records == name) for name in np.unique(records)]
    random, values = random_of(5), []
    for _ in range(2000):
        drawn = np.concatenate([rows[k] for k in random.integers(0, 12, 12)])
        right = [(one[drawn] == labels[drawn]).mean() for one in (first, second)]
        values.append(right[1] - right[0])
    result = compare_pairs(PairedBeats(records, labels, first, second), random_of())
    interval = result["metrics"]["accuracy"]["interval"]
    assert interval is not None
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    assert interval["low"] == pytest.approx(low, abs=2e-3)
    assert interval["high"] == pytest.approx(high, abs=2e-3)


def test_one_record_has_no_interval() -> None:
    one = run_of([0, 1, 1], [0, 1, 2], "aaa")
    result = compare_pairs(paired_beats(one, one), random_of())
    assert all(metric["interval"] is None for metric in result["metrics"].values())


def test_the_order_of_the_beats_does_not_matter() -> None:
    order = np.array([5, 3, 0, 1, 4, 2])
    names = ("labels", "predicted", "probabilities", "records", "samples")
    other = Predictions(*(getattr(SECOND, name)[order] for name in names))
    both = [compare_pairs(paired_beats(FIRST, one), random_of()) for one in (SECOND, other)]
    assert both[0] == both[1]


def refused(first: Predictions, second: Predictions) -> str:
    with pytest.raises(InputError) as error:
        paired_beats(first, second, ("one", "two"))
    return str(error.value)


def test_other_beats_are_refused() -> None:
    moved = replace(SECOND, samples=SECOND.samples + 10 * (SECOND.records == "b"))
    assert refused(FIRST, moved) == (
        "one and two: expected the same beats, found 2 beats only in one (b: 2) and 2 beats only "
        "in two (b: 2); test both on the same records, split and segmentation"
    )
    names = ("labels", "predicted", "probabilities", "records", "samples")
    fewer = Predictions(*(getattr(SECOND, name)[:5] for name in names))
    assert "found 1 beat only in one (c: 1); test" in refused(FIRST, fewer)
    assert "found 1 beat only in two (c: 1); test" in refused(fewer, FIRST)


def test_a_beat_that_comes_twice_in_one_run_is_refused() -> None:
    twice = replace(SECOND, samples=SECOND.samples.copy())
    twice.samples[1] = twice.samples[0]
    assert "1 beat only in one (a: 1) and 1 beat only in two (a: 1)" in refused(FIRST, twice)


def test_other_true_classes_are_refused() -> None:
    other = replace(SECOND, labels=np.array([0, 0, 1, 0, 2, 4]))
    assert refused(FIRST, other) == (
        "one and two: expected the same true classes, found others for 2 of 6 beats (S and N: 1, "
        "V and Q: 1); test both with the same class map and annotations"
    )
