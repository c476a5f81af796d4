"""What a model got right in one part (training, validation, test), as plain numbers that JSON can hold.

Everything follows from the confusion matrix: accuracy is a ratio of counts, never a mean over batches, so that the
last, shorter batch weighs no more than its beats.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

from torch import Tensor


class PartMetrics(TypedDict):
    """One part's results: `confusion_matrix[true][predicted]` counts beats, `beats` is its row sums by class name.

    `accuracy` is in [0, 1]; it is None for a part without beats, and `loss` is None where the mean loss is not finite,
    because JSON has no word for either.
    """

    accuracy: float | None
    loss: float | None
    beats: dict[str, int]
    confusion_matrix: list[list[int]]


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

    Example:
        >>> metrics_of_matrix(torch.tensor([[1, 1], [0, 2]]), 0.5, ("N", "S"))["accuracy"]
        0.75
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
