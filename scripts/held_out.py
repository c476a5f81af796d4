"""Predictions of beats whose records the network has not seen, one file for each fold.

The files are those of `unseen_patients.py 5`, for the experts' beats. As in its tables, beats of
class Q are not counted.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from unseen_predictions import NO_BEAT, Predicted
from unseen_results import EM_LEAST_MEAN_S, EM_STRENGTH

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.temperature import fit_temperature, logits_of, tempered


@dataclass(frozen=True, eq=False)
class HeldOut:
    """N beats.

    Attributes:
        records: (N,) their records.
        labels: (N,) their true classes.
        probabilities: (N, 5).
        parts: (N,) the index of the file that each is from.
    """

    records: Names
    labels: Integers
    probabilities: Floats
    parts: Integers


def read_folds(paths: Sequence[Path], own_shares: bool = False) -> list[Predicted]:
    """Read a file for each fold, without beats of class Q; check that no record is in two of them.

    Args:
        paths: The files.
        own_shares: Whether the shares of N and S are estimated in each record, as `annotate` does
            it where the weights ask for it: before the temperature.

    Raises:
        SystemExit: A file cannot be used, or a record is in two files.
    """
    folds = [_read(path, own_shares) for path in paths]
    names = [{*fold.records.tolist()} for fold in folds]
    for index, path in enumerate(paths):
        for other in range(index):
            if twice := sorted(names[index] & names[other]):
                raise SystemExit(
                    f"{path}: expected other records than those of {paths[other]}, "
                    f"found {twice[0]} in both; state the files of one cross-validation"
                )
    return folds


def _read(path: Path, own_shares: bool) -> Predicted:
    try:
        fold = Predicted.read(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _refused(path, "a file of unseen_patients.py", error) from error
    is_class = (fold.labels >= 0) & (fold.labels < len(CLASS_NAMES))
    if not is_class.all():
        raise _refused(path, "the experts' beats, each with a class", "others")
    if own_shares:
        fold = fold.with_own_shares(EM_STRENGTH, EM_LEAST_MEAN_S)
    counted = fold.labels != NO_BEAT
    fold = replace(
        fold,
        records=fold.records[counted],
        samples=fold.samples[counted],
        labels=fold.labels[counted],
        probabilities=fold.probabilities[counted].astype(np.float64),
    )
    if not np.allclose(fold.probabilities.sum(axis=1), 1, atol=1e-3):
        raise _refused(path, "probabilities whose sum is 1", "others")
    return fold


def _refused(path: Path, expected: str, found: object) -> SystemExit:
    return SystemExit(f"{path}: expected {expected}, found {found}")


def as_one(folds: Sequence[Predicted]) -> HeldOut:
    """Return the beats of all folds."""
    parts = np.repeat(np.arange(len(folds)), [len(fold.labels) for fold in folds])
    all_beats = Predicted.concatenated(folds)
    return HeldOut(all_beats.records, all_beats.labels, all_beats.probabilities, parts)


def calibrated(folds: Sequence[Predicted]) -> list[Predicted]:
    """Return each fold with the temperature that fits the other folds best.

    So the temperature that is measured has not seen the beats it is measured on. With a single
    fold it has.
    """
    result = []
    for index, fold in enumerate(folds):
        others = as_one([other for n, other in enumerate(folds) if n != index or len(folds) == 1])
        temperature = fit_temperature(logits_of(others.probabilities), others.labels)
        result.append(replace(fold, probabilities=tempered(fold.probabilities, temperature)))
    return result
