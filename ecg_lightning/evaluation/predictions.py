"""Predictions as a table with one row per beat: written and read."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from ecg_lightning.arrays import AnyFloats, Floats, Floats32, Integers, Names
from ecg_lightning.beat_table import beat_columns, beat_table_csv
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.confusion import N_CLASSES
from ecg_lightning.system.input_files import open_input
from ecg_lightning.text import of_cell

PREDICTIONS = "predictions.csv"  # in the folder of a tested run


def check_finite(values: AnyFloats, subject: str = "probabilities") -> None:
    """Refuse values (N, 5) of which one is NaN or infinite: no class follows from it.

    Args:
        values: Probabilities, or what the subject names.
        subject: What the values are.

    Raises:
        InputError: A value is not finite.
    """
    broken = np.count_nonzero(~np.isfinite(values).all(axis=1))
    if broken:
        raise InputError(
            subject,
            expected="finite numbers",
            found=f"others for {broken} of {len(values)} beats",
            hint="the network has diverged: train it again with a lower learning rate",
            setting="learning_rate",
        )


def predictions_csv(
    records: Names,
    samples: Integers,
    symbols: Names,
    labels: Integers,
    probabilities: Floats32,
    quality: Floats32,
) -> bytes:
    """Return a CSV file with a row per beat.

    Its columns are record, sample, symbol, true class, predicted class, five probabilities and
    quality. A name that a spreadsheet would take for a formula has an apostrophe before it, see
    `as_cell`.

    Args:
        records: (N,) the record of each beat.
        samples: (N,) its position, in samples of the record.
        symbols: (N,) its annotation.
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.
        quality: (N,) the share of the beat's window that holds valid samples.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays differ in length.
    """
    check_finite(probabilities)
    columns = beat_columns(records, samples, symbols, probabilities, quality, labels=labels)
    return beat_table_csv(columns)


@dataclass(frozen=True, eq=False)
class Predictions:
    """The test beats of a run, as predictions.csv has them.

    Attributes:
        labels: (N,) true classes, indices into `CLASS_NAMES`.
        predicted: (N,) predicted classes.
        probabilities: (N, 5).
        records: (N,) the record of each beat.
        samples: (N,) its position, in samples of the record; (0,) where that is not known.
    """

    labels: Integers
    predicted: Integers
    probabilities: Floats
    records: Names
    samples: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def confusion(self) -> Integers:
        """(5, 5) counts, rows the true class."""
        cells = self.labels * N_CLASSES + self.predicted
        return np.bincount(cells, minlength=N_CLASSES**2).reshape(N_CLASSES, N_CLASSES)

    @classmethod
    def read(
        cls,
        path: Path,
        expected: str = "the predictions of a unit",
        hint: str = "remove its folder and repeat the command",
    ) -> Self:
        """Read a predictions.csv.

        Args:
            path: The file.
            expected: What it should be, for the message of an error.
            hint: The next step after an error.

        Raises:
            InputError: The file is missing or has other content.
        """
        try:
            with io.TextIOWrapper(open_input(path, expected, hint), "utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            if not rows:
                raise ValueError("no beats")
            return cls(
                labels=_class_column(rows, "class"),
                predicted=_class_column(rows, "predicted"),
                probabilities=np.array(
                    [[float(row[f"p_{name}"]) for name in CLASS_NAMES] for row in rows]
                ),
                records=np.array([of_cell(row["record"]) for row in rows], np.str_),
                samples=np.array([int(row["sample"]) for row in rows], np.int64),
            )
        except (OSError, ArithmeticError, ValueError, LookupError, TypeError, csv.Error) as error:
            raise InputError(
                str(path),
                expected=expected,
                found=f"something else ({type(error).__name__}: {str(error)[:60]!r})",
                hint=hint,
            ) from error

    @classmethod
    def concatenate(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Return the beats of several runs, one run after the other."""
        names = ("labels", "predicted", "probabilities", "records", "samples")
        return Predictions(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
        )


def _class_column(rows: Sequence[dict[str, str]], column: str) -> Integers:
    number = {name: k for k, name in enumerate(CLASS_NAMES)}
    return np.array([number[row[column]] for row in rows], np.int64)
