"""Predictions of beats whose records the network has not seen, as `unseen_patients.py` saves them.

A file is `.npz` and has `record`, `sample`, `label` (N,) and `probabilities` (N, 5): the test side
of one training, such as one of ten folds.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.predictions import check_finite
from ecg_lightning.evaluation.temperature import fit_temperature, logits_of, tempered

COLUMNS = ("record", "sample", "label", "probabilities")


@dataclass(frozen=True)
class HeldOut:
    """N beats.

    Attributes:
        records: (N,) their records.
        labels: (N,) their true classes.
        probabilities: (N, 5) as the networks gave them.
        parts: (N,) the index of the file that each is from.
    """

    records: Names
    labels: Integers
    probabilities: Floats
    parts: Integers


def read_held_out(paths: Sequence[Path]) -> HeldOut:
    """Read files of predictions, and check that no record is in two of them.

    Raises:
        SystemExit: A file cannot be used, or a record is in two files.
        InputError: A probability is not finite.
    """
    columns = [_read(path) for path in paths]
    for index, (records, _, _) in enumerate(columns):
        for other in range(index):
            if twice := sorted({*records.tolist()} & {*columns[other][0].tolist()}):
                raise SystemExit(
                    f"{paths[index]}: expected other records than those of {paths[other]}, "
                    f"found {twice[0]} in both; state the files of one cross-validation"
                )
    records, labels, probabilities = map(np.concatenate, zip(*columns, strict=True))
    parts = np.repeat(np.arange(len(columns)), [len(column[0]) for column in columns])
    check_finite(probabilities)
    return HeldOut(records, labels, probabilities, parts)


def _read(path: Path) -> tuple[Names, Integers, Floats]:
    try:
        with np.load(path) as file:
            record, sample, label, probabilities = (file[name] for name in COLUMNS)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _refused(path, f"a file with {', '.join(COLUMNS)}", error) from error
    shapes = [one.shape for one in (record, sample, label, probabilities)]
    if shapes != [(len(record),)] * 3 + [(len(record), len(CLASS_NAMES))] or not len(record):
        raise _refused(path, "one row for each beat", shapes)
    if not ((label >= 0) & (label < len(CLASS_NAMES))).all():
        raise _refused(path, f"labels from 0 to {len(CLASS_NAMES) - 1}", np.unique(label))
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3) or (probabilities < 0).any():
        raise _refused(path, "probabilities whose sum is 1", "others")
    return record.astype(np.str_), label.astype(np.int64), probabilities.astype(np.float64)


def _refused(path: Path, expected: str, found: object) -> SystemExit:
    return SystemExit(f"{path}: expected {expected}, found {found}")


def cross_tempered(beats: HeldOut) -> Floats:
    """Return the probabilities (N, 5) of each file with the temperature of the other files.

    So the temperature that is measured has not seen the beats it is measured on. With a single
    file it has.
    """
    result = beats.probabilities.copy()
    for part in np.unique(beats.parts):
        own = beats.parts == part
        others = ~own if not own.all() else own
        temperature = fit_temperature(logits_of(beats.probabilities[others]), beats.labels[others])
        result[own] = tempered(beats.probabilities[own], temperature)
    return result
