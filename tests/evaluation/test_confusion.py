"""A part's figures against scikit-learn and by hand."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from ecg_lightning.evaluation.confusion import part_metrics

NAMES = ("N", "S", "V", "F", "Q")


def test_agrees_with_scikit_learn_on_unbalanced_labels() -> None:
    """Accuracy, matrix (rows true) and supports are scikit-learn's."""
    generator = np.random.default_rng(0)
    labels = generator.choice(5, size=997, p=(0.8, 0.05, 0.1, 0.01, 0.04))
    predictions = np.where(generator.random(997) < 0.8, labels, generator.integers(0, 5, 997))
    matrix = sk.confusion_matrix(labels, predictions, labels=range(5))
    found = part_metrics(matrix.tolist(), 0.25, NAMES)
    assert found["accuracy"] == sk.accuracy_score(labels, predictions)
    assert found["confusion_matrix"] == matrix.tolist()
    assert found["beats"] == dict(
        zip(NAMES, np.bincount(labels, minlength=5).tolist(), strict=True)
    )
    assert found["loss"] == 0.25
    assert json.loads(json.dumps(found)) == found


def test_rows_are_the_true_class_by_hand() -> None:
    """Three beats: an N taken for S stands in row N, column S."""
    found = part_metrics([[1, 1], [0, 1]], 1.5, ("N", "S"))
    assert found == {
        "accuracy": 2 / 3,
        "loss": 1.5,
        "beats": {"N": 2, "S": 1},
        "confusion_matrix": [[1, 1], [0, 1]],
    }


def test_nothing_to_count_and_a_loss_that_is_no_number_become_null() -> None:
    """JSON has no NaN, and an empty part has no accuracy."""
    found = part_metrics([[0, 0], [0, 0]], float("nan"), ("N", "S"))
    assert found["accuracy"] is None
    assert found["loss"] is None
    assert found["beats"] == {"N": 0, "S": 0}


def test_accuracy_is_exact_for_counts_beyond_float32() -> None:
    """2**24 + 1 is where float32 stops counting."""
    found = part_metrics([[2**24 + 1, 1], [0, 0]], 0.0, ("N", "S"))
    assert found["accuracy"] == (2**24 + 1) / (2**24 + 2)


def test_wrong_shapes_are_named() -> None:
    """The message says what was expected and what came."""
    with pytest.raises(
        ValueError, match=r"confusion matrix: expected shape \(5, 5\) for 5 classes, got \(2, 2\)"
    ):
        part_metrics([[0, 0], [0, 0]], 0.0, NAMES)
