"""The rates of EC57's beat-by-beat comparison, for one matrix or thousands at a time.

In this file NaN stands for "no such beats": 0/0. Where rates have names they are those of
`RATES`.
"""

from collections.abc import Mapping

import numpy as np

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.evaluation.beat_comparison import COLUMNS, ROWS, Counts
from ecg_lightning.evaluation.confusion import Metric, as_metric, ratio_or_nan

# How each pair counts: rows N S V F Q O X of the reference, columns n s v f q o x of the test
# annotations. --: neither right nor wrong, as F or Q called V, and Q called S; .. cannot be.
CELLS: Mapping[str, tuple[str, ...]] = {
    "QRS": (
        *["tp tp tp tp tp fn fn"] * 5,
        *["fp fp fp fp fp .. .."] * 2,
    ),
    "VEB": (
        "tn tn fp tn tn -- --",
        "tn tn fp tn tn -- --",
        "fn fn tp fn fn fn fn",
        "tn tn -- tn tn -- --",
        "tn tn -- tn tn -- --",
        "tn tn fp tn tn .. ..",
        "tn tn fp tn tn .. ..",
    ),
    "SVEB": (
        "-- fp -- -- -- -- --",
        "fn tp fn fn fn fn fn",
        "-- fp -- -- -- -- --",
        "-- fp -- -- -- -- --",
        "-- -- -- -- -- -- --",
        "-- fp -- -- -- .. ..",
        "-- fp -- -- -- .. ..",
    ),
}
TERMS = {"QRS": ("tp", "fn", "fp"), "VEB": ("tp", "fn", "fp", "tn"), "SVEB": ("tp", "fn", "fp")}
RATES = (
    "QRS.sensitivity",
    "QRS.positive_predictivity",
    "QRS.f1",
    "VEB.sensitivity",
    "VEB.positive_predictivity",
    "VEB.f1",
    "VEB.false_positive_rate",
    "SVEB.sensitivity",
    "SVEB.positive_predictivity",
    "SVEB.f1",
)


def rates(counts: Counts) -> dict[str, Metric]:
    """Return the rates of a comparison, from 0 to 1; None where there are no such beats.

    Example:
        >>> from ecg_lightning.evaluation.beat_comparison import beats_at, compare_record
        >>> counts = compare_record(beats_at([100, 500]), beats_at([110]), 900, 360.0, start_s=0)
        >>> rates(counts)["QRS.sensitivity"], rates(counts)["VEB.sensitivity"]
        (0.5, None)
    """
    return {name: as_metric(value) for name, value in rates_of(counts.matrix).items()}


def events(counts: Counts) -> dict[str, int]:
    """Return what the rates are made of: `QRS.tp`, `QRS.fn`, `QRS.fp`, `VEB.tp` and so on."""
    return {name: int(count) for name, count in events_of(counts.matrix).items()}


def events_of(matrices: Integers) -> dict[str, Integers]:
    """Return the counts of `events` of matrices (..., 7, 7), as arrays (...)."""
    result = {}
    for event, rows in CELLS.items():
        cells = np.array([row.split() for row in rows])
        for term in TERMS[event]:
            result[f"{event}.{term}"] = matrices[..., cells == term].sum(axis=-1)
    return result


def rates_of(matrices: Integers) -> dict[str, Floats]:
    """Return the rates of matrices (..., 7, 7), as arrays (...).

    A positive predictivity needs beats that are called so, as in `bxb`: it is 0 in a record that
    has no such beats but false alarms. F1 needs such beats in the reference.
    """
    counts = events_of(matrices)
    result = {}
    for event, terms in TERMS.items():
        tp, fn, fp = (counts[f"{event}.{term}"] for term in ("tp", "fn", "fp"))
        f1 = ratio_or_nan(2 * tp, 2 * tp + fn + fp)
        result[f"{event}.sensitivity"] = ratio_or_nan(tp, tp + fn)
        result[f"{event}.positive_predictivity"] = ratio_or_nan(tp, tp + fp)
        result[f"{event}.f1"] = np.where(tp + fn > 0, f1, np.nan)
        if "tn" in terms:
            result[f"{event}.false_positive_rate"] = ratio_or_nan(fp, fp + counts[f"{event}.tn"])
    return {name: result[name] for name in RATES}


def cell_names() -> list[str]:
    """Return the names of the 49 cells of a matrix, row by row: `Nn`, `Ns` and so on to `Xx`."""
    return [row + column for row in ROWS for column in COLUMNS]
