"""Metrics of confusion matrices: by scikit-learn, by hand, and EC57's counts by bxb's terms."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from ecg_lightning.evaluation.confusion import (
    EC57_CELLS,
    OVERALL,
    ec57_counts,
    part_metrics,
    record_confusions,
)
from tests.helpers.predicted import beats_of_confusion, predicted_beats, summary_of_confusion

NAMES = ("N", "S", "V", "F", "Q")
PARTS = "nsvfq"
# Rows N S V F Q. Every cell is another prime, so that a beat counted in the wrong cell shows.
PRIMES = np.array(
    [
        [541, 3, 5, 7, 11],
        [13, 17, 19, 23, 29],
        [31, 37, 41, 43, 47],
        [53, 59, 61, 67, 71],
        [73, 79, 83, 89, 97],
    ]
)


class TestPartMetrics:
    def test_scikit_learn_agrees_on_unbalanced_labels(self) -> None:
        """Accuracy, matrix (rows true) and supports are scikit-learn's."""
        generator = np.random.default_rng(0)
        labels = generator.choice(5, size=997, p=(0.8, 0.05, 0.1, 0.01, 0.04))
        predictions = np.where(generator.random(997) < 0.8, labels, generator.integers(0, 5, 997))
        confusion = sk.confusion_matrix(labels, predictions, labels=range(5)).tolist()
        result = part_metrics(confusion, 0.25, NAMES)
        assert result["accuracy"] == sk.accuracy_score(labels, predictions)
        assert result["confusion_matrix"] == confusion
        supports = np.bincount(labels, minlength=5).tolist()
        assert result["beats"] == dict(zip(NAMES, supports, strict=True))
        assert result["loss"] == 0.25
        assert json.loads(json.dumps(result)) == result

    def test_rows_are_the_true_class_by_hand(self) -> None:
        """Three beats: an N called S is in row N, column S."""
        assert part_metrics([[1, 1], [0, 1]], 1.5, ("N", "S")) == {
            "accuracy": 2 / 3,
            "loss": 1.5,
            "beats": {"N": 2, "S": 1},
            "confusion_matrix": [[1, 1], [0, 1]],
        }

    def test_no_beats_and_a_loss_that_is_no_number_become_null(self) -> None:
        """JSON has no NaN, and an empty part has no accuracy."""
        result = part_metrics([[0, 0], [0, 0]], float("nan"), ("N", "S"))
        assert result["accuracy"] is None
        assert result["loss"] is None
        assert result["beats"] == {"N": 0, "S": 0}

    def test_accuracy_is_exact_for_counts_beyond_float32(self) -> None:
        """float32 cannot count to 2**24 + 1."""
        result = part_metrics([[2**24 + 1, 1], [0, 0]], 0.0, ("N", "S"))
        assert result["accuracy"] == (2**24 + 1) / (2**24 + 2)

    def test_a_wrong_shape_is_named(self) -> None:
        message = r"confusion matrix: expected shape \(5, 5\) for 5 classes, got \(2, 2\)"
        with pytest.raises(ValueError, match=message):
            part_metrics([[0, 0], [0, 0]], 0.0, NAMES)


class TestEc57:
    def test_the_counts_by_the_terms_of_bxb(self) -> None:
        """The sums as `print_results` of WFDB's bxb.c has them, for beats that were all detected.

        SVEB's tn is that of de Chazal 2004.
        """
        beats = {
            true.upper() + called: int(PRIMES[i, j])
            for i, true in enumerate(PARTS)
            for j, called in enumerate(PARTS)
        }

        def total(terms: str) -> int:
            return sum(beats[term] for term in terms.split())

        assert {name: int(count) for name, count in ec57_counts(PRIMES, "VEB").items()} == {
            "tp": total("Vv"),
            "fn": total("Vn Vs Vf Vq"),
            "fp": total("Nv Sv"),
            "tn": total("Nn Ns Nf Nq Sn Ss Sf Sq Fn Fs Ff Fq Qn Qs Qf Qq"),
            "excluded": total("Fv Qv"),
        }
        assert {name: int(count) for name, count in ec57_counts(PRIMES, "SVEB").items()} == {
            "tp": total("Ss"),
            "fn": total("Sn Sv Sf Sq"),
            "fp": total("Ns Vs Fs"),
            "tn": total("Nn Nv Nf Nq Vn Vv Vf Vq Fn Fv Ff Fq Qn Qv Qf Qq"),
            "excluded": total("Qs"),
        }

    @pytest.mark.parametrize("event", EC57_CELLS)
    def test_the_summary_has_the_counts(self, event: str) -> None:
        metrics = dict(summary_of_confusion(PRIMES)["ec57"][event])
        counts = ec57_counts(PRIMES, event)
        assert {name: metrics[name] for name in counts} == counts

    @pytest.mark.parametrize("event", EC57_CELLS)
    def test_every_cell_counts_once(self, event: str) -> None:
        for cell in range(25):
            counts = ec57_counts(np.eye(25, dtype=np.int64)[cell].reshape(5, 5), event)
            assert sorted(int(count) for count in counts.values()) == [0, 0, 0, 0, 1]

    def test_a_record_by_hand(self) -> None:
        """100 N: 6 called V, 2 called S. 10 S: 1 called V. 20 V: 2 called N, 2 called F.

        8 F: 5 called V, 1 called S. One Q called V, one called S.
        """
        confusion = [
            [92, 2, 6, 0, 0],
            [1, 8, 1, 0, 0],
            [2, 0, 16, 2, 0],
            [1, 1, 5, 1, 0],
            [0, 1, 1, 0, 0],
        ]
        result = summary_of_confusion(confusion)
        veb = {
            "sensitivity": 16 / 20,
            "positive_predictivity": 16 / 23,
            "f1": 32 / 43,
            "false_positive_rate": 7 / 114,
        }
        assert result["ec57"]["VEB"] == pytest.approx(
            {"tp": 16, "fn": 4, "fp": 7, "tn": 107, "excluded": 6, **veb}
        )
        sveb = {
            "sensitivity": 8 / 10,
            "positive_predictivity": 8 / 11,
            "f1": 16 / 21,
            "false_positive_rate": 3 / 129,
        }
        assert result["ec57"]["SVEB"] == pytest.approx(
            {"tp": 8, "fn": 2, "fp": 3, "tn": 126, "excluded": 1, **sveb}
        )
        # In the metrics of the plain classes, F and Q count.
        assert result["by_class"]["V"]["positive_predictivity"] == 16 / 29
        assert result["by_class"]["S"]["positive_predictivity"] == 8 / 12
        kappa = sk.cohen_kappa_score(*beats_of_confusion(confusion))
        j = 16 / 20 + 16 / 23 + 8 / 10 + 8 / 11
        assert result["overall"]["j"] == pytest.approx(j, rel=1e-12)
        assert result["overall"]["jk"] == pytest.approx(kappa / 2 + j / 8, rel=1e-12)

    def test_a_perfect_classifier_has_j_4_and_jk_1(self) -> None:
        overall = summary_of_confusion(np.diag([50, 4, 6, 3, 2]))["overall"]
        assert overall == dict.fromkeys(OVERALL, 1.0) | {"j": 4.0}


class TestRecordConfusions:
    def test_they_add_up(self) -> None:
        labels, predictions, _, records = predicted_beats()
        names, confusions = record_confusions(labels, predictions, records)
        assert names.tolist() == sorted(set(records.tolist()))
        assert confusions.sum(axis=0).tolist() == sk.confusion_matrix(labels, predictions).tolist()
        for name, confusion in zip(names, confusions, strict=True):
            here = records == name
            expected = sk.confusion_matrix(labels[here], predictions[here], labels=range(5))
            assert confusion.tolist() == expected.tolist()
