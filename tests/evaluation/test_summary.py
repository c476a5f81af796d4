"""Every metric of a summary against scikit-learn, a plain count or a table worked by hand."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import BY_CLASS, EC57, OVERALL
from ecg_lightning.evaluation.summary import (
    ClassMetrics,
    Ec57Metrics,
    Summary,
    influential_records,
    per_record,
    summarize,
)
from tests.helpers.predicted import (
    Predicted,
    counted_average_precision,
    counted_brier,
    counted_roc_auc,
    predicted_beats,
    summary_of_confusion,
)


@pytest.fixture(scope="module")
def beats() -> Predicted:
    return predicted_beats()


@pytest.fixture(scope="module")
def result(beats: Predicted) -> Summary:
    return summarize(*beats, np.random.default_rng(0), resamples=10)


class TestAgainstScikitLearn:
    def test_overall(self, beats: Predicted, result: Summary) -> None:
        labels, predictions, *_ = beats
        expected = {
            "accuracy": sk.accuracy_score(labels, predictions),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predictions),
            "macro_f1_nsv": sk.f1_score(labels, predictions, labels=[0, 1, 2], average="macro"),
            "macro_f1_nsvf": sk.f1_score(labels, predictions, labels=[0, 1, 2, 3], average="macro"),
            "kappa": sk.cohen_kappa_score(labels, predictions),
            "mcc": sk.matthews_corrcoef(labels, predictions),
        }
        overall = {name: result["overall"][name] for name in expected}
        assert overall == pytest.approx(expected, rel=1e-12)
        assert tuple(result["overall"]) == OVERALL
        confusion = sk.confusion_matrix(labels, predictions, labels=range(5))
        assert result["confusion_matrix"] == confusion.tolist()
        assert (result["beats"], result["records"]) == (997, 7)
        assert result["classes"] == list(CLASS_NAMES)

    @pytest.mark.parametrize("k", range(5))
    def test_each_class(self, beats: Predicted, result: Summary, k: int) -> None:
        """The areas, which the code takes from scikit-learn, are compared with plain counts."""
        labels, predictions, probabilities, _ = beats
        positive, called = labels == k, predictions == k
        class_metrics = dict(result["by_class"][CLASS_NAMES[k]])
        expected = {
            "beats": positive.sum(),
            "sensitivity": sk.recall_score(positive, called),
            "positive_predictivity": sk.precision_score(positive, called),
            "f1": sk.f1_score(positive, called),
            "specificity": sk.recall_score(~positive, ~called),
            "false_positive_rate": 1 - sk.recall_score(~positive, ~called),
            "average_precision": counted_average_precision(positive, probabilities[:, k]),
            "roc_auc": counted_roc_auc(positive, probabilities[:, k]),
        }
        del class_metrics["reliability"]
        assert class_metrics == pytest.approx(expected, rel=1e-12)

    def test_brier(self, beats: Predicted, result: Summary) -> None:
        labels, _, probabilities, _ = beats
        expected = counted_brier(labels, probabilities)
        assert result["brier"] == pytest.approx(expected, rel=1e-12)

    def test_balanced_accuracy_skips_an_absent_class(self) -> None:
        labels, predictions, probabilities, records = predicted_beats(shares=(0.8, 0, 0.2, 0, 0))
        predictions = np.where(predictions == 2, 2, 0)
        random = np.random.default_rng(0)
        result = summarize(labels, predictions, probabilities, records, random, resamples=1)
        expected = sk.balanced_accuracy_score(labels, predictions)
        assert result["overall"]["balanced_accuracy"] == expected


class TestNoSuchBeats:
    def test_an_absent_class_has_no_metrics_but_false_alarms(self) -> None:
        """Three N, one of them called V.

        V has no sensitivity, and no +P of 0 either, but a false positive rate.
        """
        result = summary_of_confusion([[2, 0, 1, 0, 0], *np.zeros((4, 5), np.int64)])
        v = dict(result["by_class"]["V"])
        assert v["beats"] == 0
        for name in ("sensitivity", "positive_predictivity", "f1", "average_precision", "roc_auc"):
            assert v[name] is None
        assert (v["false_positive_rate"], v["specificity"]) == (1 / 3, 2 / 3)
        veb = result["ec57"]["VEB"]
        assert (veb["positive_predictivity"], veb["f1"]) == (None, None)
        assert (veb["fp"], veb["false_positive_rate"]) == (1, 1 / 3)
        n = result["by_class"]["N"]
        assert n["roc_auc"] is None  # there is nothing to tell N from
        assert (n["specificity"], n["false_positive_rate"]) == (None, None)
        for name in ("macro_f1_nsv", "macro_f1_nsvf", "j", "jk"):
            assert result["overall"][name] is None
        assert result["influence"]["V"] is None

    def test_a_class_never_called_has_no_positive_predictivity_but_an_f1_of_0(self) -> None:
        confusion = np.zeros((5, 5), np.int64)
        confusion[0, 0], confusion[2, 0] = 2, 1
        v = summary_of_confusion(confusion)["by_class"]["V"]
        assert (v["sensitivity"], v["positive_predictivity"], v["f1"]) == (0.0, None, 0.0)

    def test_one_class_alone_has_no_kappa_and_no_mcc(self) -> None:
        overall = summary_of_confusion([[2, 0, 0, 0, 0], *np.zeros((4, 5), np.int64)])["overall"]
        assert (overall["accuracy"], overall["balanced_accuracy"]) == (1.0, 1.0)
        assert (overall["kappa"], overall["mcc"]) == (None, None)

    def test_no_beats_at_all(self) -> None:
        labels, probabilities, records = np.zeros(0, np.int64), np.zeros((0, 5)), np.zeros(0, "U1")
        result = summarize(labels, labels, probabilities, records, np.random.default_rng(0))
        assert result["overall"] == dict.fromkeys(OVERALL)
        assert (result["ece"], result["brier"], result["beats"]) == (None, None, 0)
        assert (result["reliability"], result["intervals"]) == ([], {})
        assert per_record(labels, labels, probabilities, records) == []

    @pytest.mark.parametrize("shares", [(1, 0, 0, 0, 0), (0.9, 0, 0.1, 0, 0), (0, 0, 0, 0, 1)])
    def test_json_can_hold_it(self, shares: tuple[float, ...]) -> None:
        beats = predicted_beats(60, shares=shares)
        result = summarize(*beats, np.random.default_rng(0), resamples=50)
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        rows = per_record(*beats)
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_the_types_have_the_keys(result: Summary) -> None:
    assert set(result) == set(Summary.__annotations__)
    for class_metrics in result["by_class"].values():
        assert set(class_metrics) == set(ClassMetrics.__annotations__)
    for ec57_metrics in result["ec57"].values():
        assert set(ec57_metrics) == set(Ec57Metrics.__annotations__)
    assert {*BY_CLASS} < set(ClassMetrics.__annotations__)
    assert {*EC57} < set(Ec57Metrics.__annotations__)


def test_a_row_is_the_summary_of_its_record() -> None:
    labels, predictions, probabilities, records = predicted_beats(400, n_records=11)
    rows = per_record(labels, predictions, probabilities, records)
    assert [row["record"] for row in rows] == sorted(set(records.tolist()))
    for row in rows:
        here = records == row["record"]
        beats = labels[here], predictions[here], probabilities[here], records[here]
        alone = summarize(*beats, np.random.default_rng(0))
        expected: dict[str, Any] = {
            "record": row["record"],
            "beats": alone["beats"],
            "wrong": int((labels[here] != predictions[here]).sum()),
            "ece": alone["ece"],
            "brier": alone["brier"],
            **alone["overall"],
        }
        for label, class_metrics in alone["by_class"].items():
            expected |= {f"{label}.{key}": value for key, value in class_metrics.items()}
            del expected[f"{label}.reliability"]
        for event, metrics in alone["ec57"].items():
            expected |= {f"{event}.{key}": dict(metrics)[key] for key in EC57}
        assert row == expected


class TestInfluentialRecords:
    def test_the_record_that_decides_by_hand(self) -> None:
        """Record b has 9 of 12 S, all found. Without it 1 of 3 is found, and one N was called S."""
        labels = np.array([1] * 9 + [1, 1, 1] + [0] * 4 + [2, 2])
        predictions = np.array([1] * 9 + [1, 0, 0] + [1, 0, 0, 0] + [2, 2])
        records = np.array(["b"] * 9 + ["a", "a", "c"] + ["c", "a", "a", "c"] + ["a", "c"])
        result = influential_records(labels, predictions, records)
        f1_n, f1_s, f1_v = 6 / (6 + 2 + 1), 2 / (2 + 2 + 1), 1.0
        assert result["S"] == pytest.approx(
            {
                "record": "b",
                "beats": 9,
                "total": 12,
                "sensitivity_without": 1 / 3,
                "positive_predictivity_without": 1 / 2,
                "f1_without": f1_s,
                "macro_f1_nsv_without": (f1_n + f1_s + f1_v) / 3,
                "macro_f1_nsvf_without": None,
            }
        )
        v = result["V"]
        assert v is not None
        # Records a and c have one V each: the first by name counts.
        assert (v["record"], v["beats"], v["total"]) == ("a", 1, 2)
        assert (result["F"], result["Q"]) == (None, None)

    def test_without_the_only_record_of_a_class_nothing_remains(self) -> None:
        v = influential_records(np.array([0, 2]), np.array([0, 2]), np.array(["a", "b"]))["V"]
        assert v is not None
        assert v["record"] == "b"
        assert (v["sensitivity_without"], v["f1_without"]) == (None, None)

    def test_without_is_the_summary_of_the_other_records(self, beats: Predicted) -> None:
        labels, predictions, probabilities, records = beats
        influence = influential_records(labels, predictions, records)["F"]
        assert influence is not None
        rest = records != influence["record"]
        others = summarize(
            labels[rest],
            predictions[rest],
            probabilities[rest],
            records[rest],
            np.random.default_rng(0),
            resamples=1,
        )
        assert influence["f1_without"] == others["by_class"]["F"]["f1"]
        assert influence["macro_f1_nsvf_without"] == others["overall"]["macro_f1_nsvf"]
        assert influence["total"] - influence["beats"] == others["by_class"]["F"]["beats"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(("row", "column", "value"), [(0, 0, np.nan), (3, 4, np.inf)])
    def test_probabilities_that_are_no_numbers(self, row: int, column: int, value: float) -> None:
        labels, predictions, probabilities, records = predicted_beats(20)
        probabilities[row, column] = value
        message = (
            "probabilities: expected finite numbers, found others for 1 of 20 beats; "
            "the network has diverged: train it again with a lower learning rate (learning_rate)"
        )
        with pytest.raises(InputError) as caught:
            summarize(labels, predictions, probabilities, records, np.random.default_rng(0))
        assert str(caught.value) == message
        with pytest.raises(InputError, match="found others for 1 of 20 beats"):
            per_record(labels, predictions, probabilities, records)

    def test_arrays_that_do_not_fit_together(self) -> None:
        labels, predictions, probabilities, records = predicted_beats(40)
        random = np.random.default_rng(0)
        shapes = r"\(\(40,\), \(39,\), \(40, 5\), \(40,\)\)"
        with pytest.raises(
            ValueError, match=rf"expected \(N,\), \(N,\), \(N, 5\), \(N,\), got {shapes}"
        ):
            summarize(labels, predictions[1:], probabilities, records, random)
        below = np.where(labels == 0, -1, labels)
        with pytest.raises(ValueError, match="labels: expected classes 0 to 4, got -1 to 4"):
            summarize(below, predictions, probabilities, records, random)
        above = np.where(predictions == 4, 5, predictions)
        with pytest.raises(ValueError, match="predictions: expected classes 0 to 4, got 0 to 5"):
            summarize(labels, above, probabilities, records, random)
