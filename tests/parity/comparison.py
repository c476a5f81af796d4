"""Compare with the tolerance table, and remember the errors."""

from collections.abc import Mapping

import numpy as np

from tests.parity.tolerances import TABLE, TOLERANCES, Tolerance

Arrays = Mapping[str, np.ndarray]
Values = np.ndarray | float | Arrays


class Comparison:
    """Holds the largest error of each row of the table, and where it was seen."""

    def __init__(self) -> None:
        self.measured: dict[Tolerance, tuple[float, str]] = {}

    def __call__(
        self, quantity: str, reference: Values, value: Values, *, dtype: str = "float64", case: str
    ) -> None:
        """Assert that `value` agrees with `reference` within the table's limit.

        Args:
            quantity: the table's row.
            reference: what the oracle gives, one array or several by name.
            value: what the product gives.
            dtype: the table's float type.
            case: network, layer or record, for the message and the table.
        """
        row = TOLERANCES[quantity, dtype]
        error, place = error_and_place(reference, value, row.measure)
        if error >= self.measured.get(row, (-1.0, ""))[0]:
            self.measured[row] = (error, case)
        message = f"{quantity}, {dtype}, {case}{place}: {row.measure} error {error:.3g}"
        assert error <= row.limit, f"{message}, allowed {row.limit:.3g}"

    def exceeds(
        self, quantity: str, reference: Values, value: Values, *, dtype: str = "float64"
    ) -> bool:
        """Whether the error exceeds the table's limit; the error is not remembered."""
        row = TOLERANCES[quantity, dtype]
        return error_and_place(reference, value, row.measure)[0] > row.limit

    def markdown(self) -> str:
        """The table of this run."""
        rows = [_line(row, *self.measured[row]) for row in TABLE if row in self.measured]
        return "\n".join([*_HEADER, *rows]) + "\n"


def error_and_place(reference: Values, value: Values, measure: str) -> tuple[float, str]:
    """The error over all arrays, and the name of the array where it is largest."""
    references, values = _named(reference), _named(value)
    if references.keys() != values.keys():
        return float("inf"), f", names differ: {sorted(references.keys() ^ values.keys())}"
    if measure == "mean":
        sizes = [array.size for array in references.values()]
        errors = [error_of(references[name], values[name], measure) for name in references]
        return float(np.average(errors, weights=sizes)), ""
    return max(
        (error_of(references[name], values[name], measure), name and f", {name}")
        for name in references
    )


def error_of(reference: np.ndarray, value: np.ndarray, measure: str) -> float:
    """The error of one array; infinite if shapes or texts differ or a value is not finite.

    Args:
        reference: any shape.
        value: the same shape.
        measure: `absolute`, the largest difference; `relative`, that over the reference's largest
            magnitude; `mean`, the mean absolute difference.
    """
    if reference.shape != value.shape:
        return float("inf")
    if reference.dtype.kind not in "fiu":
        return 0.0 if np.array_equal(reference, value) else float("inf")
    if not (np.isfinite(reference).all() and np.isfinite(value).all()):
        return float("inf")
    differences = np.abs(reference.astype(np.float64) - value.astype(np.float64))
    if measure == "mean":
        return float(differences.mean())
    error = float(differences.max(initial=0.0))
    return error / float(np.abs(reference).max()) if measure == "relative" and error else error


def _named(value: Values) -> Arrays:
    return value if isinstance(value, Mapping) else {"": np.asarray(value)}


_HEADER = (
    "| Quantity | Float type | Error | Allowed | Largest measured | Seen in | Why |",
    "|---|---|---|---|---|---|---|",
)


def _line(row: Tolerance, error: float, case: str) -> str:
    allowed = f"{row.limit:.0e}" if row.limit else "none"
    measured = f"{error:.1e}" if error else "none"
    where = case if error else "all"
    cells = (row.quantity, row.dtype, row.measure, allowed, measured, where, row.reason)
    return f"| {' | '.join(cells)} |"
