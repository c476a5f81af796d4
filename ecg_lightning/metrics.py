"""What a model got right in one part (training, validation, test), as plain numbers that JSON can hold.

Everything follows from the confusion matrix: accuracy is a ratio of counts, never a mean over batches, so that the
last, shorter batch weighs no more than its beats.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix


class PartMetrics(TypedDict):
    """One part's results: `confusion_matrix[true][predicted]` counts beats, `beats` is its row sums by class name.

    `accuracy` is in [0, 1]; it is None for a part without beats, and `loss` is None where the mean loss is not finite,
    because JSON has no word for either.
    """

    accuracy: float | None
    loss: float | None
    beats: dict[str, int]
    confusion_matrix: list[list[int]]


def part_metrics(labels: Tensor, predictions: Tensor, losses_mean: float, class_names: Sequence[str]) -> PartMetrics:
    """The results of one part from its labels and predictions.

    Args:
        labels: True class indices, int (N,), in [0, K).
        predictions: Predicted class indices, int (N,), in [0, K).
        losses_mean: The mean loss over the N beats.
        class_names: The K classes' names, in the order of their indices.

    Returns:
        Accuracy, loss, beats by true class and confusion matrix; see `PartMetrics`.

    Raises:
        ValueError: The shapes differ, or a class index lies outside [0, K).

    Example:
        >>> part_metrics(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 0.5, ("N", "S"))["confusion_matrix"]
        [[1, 1], [0, 1]]
    """
    if labels.shape != predictions.shape:
        shapes = f"expected the labels' shape {tuple(labels.shape)}, got {tuple(predictions.shape)}"
        raise ValueError(f"predictions: {shapes}")
    return metrics_of_matrix(confusion_matrix(labels, predictions, len(class_names)), losses_mean, class_names)


def confusion_matrix(labels: Tensor, predictions: Tensor, classes: int) -> Tensor:
    """Counts int64 (K, K), rows the true class, columns the predicted one, of two int vectors (N,) in [0, K)."""
    for name, values in (("labels", labels), ("predictions", predictions)):
        wrong = values[(values < 0) | (values >= classes)]  # torchmetrics would count them in another cell, or fail
        if len(wrong):
            raise ValueError(f"{name}: expected class indices in [0, {classes}), got {wrong[0].item()}")
    if labels.numel() == 0:  # torchmetrics cannot check the range of no values
        return torch.zeros(classes, classes, dtype=torch.int64)
    return multiclass_confusion_matrix(predictions, labels, num_classes=classes)


def metrics_of_matrix(matrix: Tensor, loss: float, class_names: Sequence[str]) -> PartMetrics:
    """The results of one part from its confusion matrix.

    Args:
        matrix: Counts (K, K), rows the true class.
        loss: The mean loss over the part's beats.
        class_names: The K classes' names, in the order of their indices.

    Returns:
        Accuracy (correct beats / beats), loss, beats by true class and the matrix itself; see `PartMetrics`.

    Raises:
        ValueError: The matrix is not K x K.
    """
    size = len(class_names)
    if tuple(matrix.shape) != (size, size):
        found = tuple(matrix.shape)
        raise ValueError(f"confusion matrix: expected shape {(size, size)} for {size} classes, got {found}")
    rows: list[list[int]] = matrix.tolist()
    beats = [sum(row) for row in rows]
    right = sum(row[i] for i, row in enumerate(rows))
    return {
        "accuracy": right / sum(beats) if sum(beats) else None,
        "loss": float(loss) if math.isfinite(loss) else None,
        "beats": dict(zip(class_names, beats, strict=True)),
        "confusion_matrix": rows,
    }
