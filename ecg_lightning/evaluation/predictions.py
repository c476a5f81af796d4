"""Predictions as a table: one row a beat."""

import csv
import io

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_NAMES

Integers = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]
Probabilities = npt.NDArray[np.float32]


def predictions_csv(
    records: Names,
    samples: Integers,
    symbols: Names,
    labels: Integers,
    probabilities: Probabilities,
) -> bytes:
    """Record, sample, symbol, true class, predicted class and the five probabilities of each beat as CSV.

    Args:
        records: (N,) the record of each beat.
        samples: (N,) its position, in the record's own samples.
        symbols: (N,) its annotation.
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.

    Raises:
        ValueError: The arrays are not equally long.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["record", "sample", "symbol", "class", "predicted", *(f"p_{name}" for name in CLASS_NAMES)]
    )
    beats = zip(
        records.tolist(),
        samples.tolist(),
        symbols.tolist(),
        labels.tolist(),
        probabilities,
        strict=True,
    )
    for record, sample, symbol, label, of_beat in beats:
        shares = (f"{share:.6f}" for share in of_beat.tolist())
        table.writerow(
            [
                record,
                sample,
                symbol,
                CLASS_NAMES[label],
                CLASS_NAMES[int(of_beat.argmax())],
                *shares,
            ]
        )
    return text.getvalue().encode(errors="backslashreplace")  # a file's name need not be Unicode
