"""The rates of EC57's beat-by-beat comparison, for one matrix or thousands at a time.

In this file NaN stands for "no such beats": 0/0.
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
# Rate -> the terms whose counts are summed for its numerator, and for its denominator.
_RATIOS = {
    "sensitivity": (("tp",), ("tp", "fn")),
    "positive_predictivity": (("tp",), ("tp", "fp")),
    "f1": (("tp", "tp"), ("tp", "tp", "fn", "fp")),
    "false_positive_rate": (("fp",), ("fp", "tn")),
}
FRACTIONS = {
    f"{event}.{rate}": tuple([f"{event}.{term}" for term in side] for side in sides)
    for event, terms in TERMS.items()
    for rate, sides in _RATIOS.items()
    if {*sides[1]} <= {*terms}
}
RATES = tuple(FRACTIONS)


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
    for name, sides in FRACTIONS.items():
        part, whole = (np.sum([counts[term] for term in side], axis=0) for side in sides)
        result[name] = ratio_or_nan(part, whole)
    for event in TERMS:
        is_there = counts[f"{event}.tp"] + counts[f"{event}.fn"] > 0
        result[f"{event}.f1"] = np.where(is_there, result[f"{event}.f1"], np.nan)
    return result


def cell_names() -> list[str]:
    """Return the names of the 49 cells of a matrix, row by row: `Nn`, `Ns` and so on to `Xx`."""
    return [row + column for row in ROWS for column in COLUMNS]
