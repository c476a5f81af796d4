"""Predictions as a table: one row a beat."""

import csv
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ecg_lightning.beats import Beats
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.run_folder import write_atomically


def write_predictions(path: Path, beats: Beats, rows: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32]) -> None:
    """Writes record, sample, symbol, true class, predicted class and the five probabilities of each beat as CSV.

    Args:
        path: The file; written whole or not at all.
        beats: The beats table.
        rows: (N,) which beats.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["record", "sample", "symbol", "class", "predicted", *(f"p_{name}" for name in CLASS_NAMES)])
    for row, of_row in zip(rows.tolist(), probabilities, strict=True):
        names = CLASS_NAMES[beats.labels[row]], CLASS_NAMES[int(of_row.argmax())]
        shares = (f"{share:.6f}" for share in of_row.tolist())
        table.writerow([beats.record_ids[row], beats.samples[row], beats.symbols[row], *names, *shares])
    write_atomically(path, text.getvalue().encode())
