"""The largest allowed errors between the product and its reference, for all parity comparisons.

`measured` is the largest error over networks, layers or records on two CPU cores with torch 2.14.1,
Keras 3.15.1 and TensorFlow 2.21. `pytest -m parity --parity-table FILE` writes the table with the
errors of its run.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """The allowed error of one quantity.

    Attributes:
        quantity: what is compared.
        dtype: float type of both sides.
        measure: `absolute`, the largest difference; `relative`, that over the largest magnitude of
            the tensor; `mean`, the mean absolute difference.
        limit: the largest error allowed.
        measured: the largest error that was measured.
        reason: where the error comes from.
    """

    quantity: str
    dtype: str
    measure: str
    limit: float
    measured: float
    reason: str


_COPIED = "numbers are only moved"
_SAME = "the same arithmetic, rule by rule"
_SUMS = "order of sums"
_CANCELLED = "exactly zero but for rounding; divided by the network's largest gradient"
_KINKS = (
    "where values are equal to rounding, a ReLU or pool takes the other side; see the layers alone"
)
_SIGN = "Adam's first step is the gradient's sign, which rounding decides near zero"
_GROWTH = "training amplifies rounding"
_CHAOS = "training amplifies rounding; the next row is the yardstick"
_YARDSTICK = "how far Keras's own rounding takes it"

TABLE = (
    Tolerance("weights, converted and back", "float64", "absolute", 0.0, 0.0, _COPIED),
    Tolerance("weights, converted and back", "float32", "absolute", 0.0, 0.0, _COPIED),
    Tolerance("logits", "float64", "relative", 5e-13, 8.5e-15, _SUMS),
    Tolerance("logits", "float32", "relative", 5e-5, 1.2e-5, _SUMS),
    Tolerance("logits of the original's weights", "float32", "relative", 1e-5, 1.1e-6, _SUMS),
    Tolerance("loss", "float64", "absolute", 1e-11, 8.9e-14, _SUMS),
    Tolerance("loss", "float32", "absolute", 1e-4, 1.3e-5, _SUMS),
    Tolerance("gradients", "float64", "relative", 1e-11, 1.1e-13, _SUMS),
    Tolerance("gradients", "float32", "relative", 1e-3, 9.7e-5, _KINKS),
    Tolerance(
        "gradients that BatchNorm cancels", "float64", "absolute", 1e-13, 2.0e-15, _CANCELLED
    ),
    Tolerance("gradients that BatchNorm cancels", "float32", "absolute", 1e-5, 1.4e-6, _CANCELLED),
    Tolerance("weights after 1 step", "float64", "absolute", 1e-10, 5.0e-13, _SUMS),
    Tolerance("weights after 1 step", "float32", "mean", 2e-6, 3.1e-8, _SIGN),
    Tolerance("moving statistics after 1 step", "float64", "absolute", 1e-14, 2.2e-16, _SUMS),
    Tolerance("moving statistics after 1 step", "float32", "absolute", 1e-5, 2.4e-7, _SUMS),
    Tolerance("weights after 50 steps", "float64", "absolute", 5e-9, 3.3e-11, _GROWTH),
    Tolerance("moving statistics after 50 steps", "float64", "absolute", 2e-10, 1.2e-12, _GROWTH),
    Tolerance("losses of 50 steps", "float64", "absolute", 1e-8, 2.2e-10, _GROWTH),
    Tolerance("weights after 50 steps", "float32", "mean", 1e-2, 3.5e-3, _CHAOS),
    Tolerance(
        "Keras float32 against Keras float64 after 50 steps",
        "float32",
        "mean",
        1e-2,
        3.4e-3,
        _YARDSTICK,
    ),
    Tolerance("layer outputs", "float64", "relative", 1e-13, 2.3e-15, _SUMS),
    Tolerance("layer outputs", "float32", "relative", 1e-5, 9.3e-7, _SUMS),
    Tolerance("layer gradients", "float64", "relative", 1e-13, 1.5e-15, _SUMS),
    Tolerance("layer gradients", "float32", "relative", 5e-5, 7.3e-6, _SUMS),
    Tolerance("pooled values", "float64", "absolute", 0.0, 0.0, _COPIED),
    Tolerance("pooled values", "float32", "absolute", 0.0, 0.0, _COPIED),
    Tolerance("loss alone", "float64", "relative", 1e-14, 1.5e-16, _SUMS),
    Tolerance("loss alone", "float32", "relative", 1e-6, 1.0e-7, _SUMS),
    Tolerance("Adam alone, 50 steps", "float64", "absolute", 1e-16, 1.7e-18, _SUMS),
    Tolerance("Adam alone, 50 steps", "float32", "absolute", 5e-7, 7.9e-8, _SUMS),
    Tolerance("windows", "float64", "absolute", 0.0, 0.0, _SAME),
    Tolerance("windows", "float32", "absolute", 0.0, 0.0, _SAME),
    Tolerance("labels", "int64", "absolute", 0.0, 0.0, _SAME),
    Tolerance("beat positions", "int64", "absolute", 0.0, 0.0, _SAME),
    Tolerance("symbols", "text", "absolute", 0.0, 0.0, _SAME),
    Tolerance("split rows", "int64", "absolute", 0.0, 0.0, _SAME),
    Tolerance("upsampled rows", "int64", "absolute", 0.0, 0.0, _SAME),
    Tolerance("confusion matrix", "int64", "absolute", 0.0, 0.0, "counts"),
    Tolerance(
        "accuracy that the Trainer logs", "float32", "absolute", 5e-7, 2.1e-8, "logged as float32"
    ),
    Tolerance("mean loss of a part", "float32", "absolute", 1e-6, 1.0e-7, "summed in float32"),
)

TOLERANCES = {(row.quantity, row.dtype): row for row in TABLE}
