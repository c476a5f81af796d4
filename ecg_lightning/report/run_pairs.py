"""A paired comparison of two run folders, from their evaluation.json and predictions.csv."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.evaluation import EVALUATION
from ecg_lightning.evaluation.paired import PairedSummary, compare_pairs, paired_beats
from ecg_lightning.evaluation.predictions import PREDICTIONS, Predictions
from ecg_lightning.report.verdict import Json

_AGAIN = "test the run again"


def compare_runs(runs: Sequence[Path], evaluations: Sequence[Json], seed: int = 0) -> PairedSummary:
    """Compare two tested runs, beat by beat.

    Args:
        runs: Their folders.
        evaluations: The contents of their `evaluation.json`.
        seed: Draws the intervals' resamples.

    Raises:
        InputError: There are not two different runs; a file is missing or broken; or the runs have
            other classes, beats or true classes.
    """
    if len(runs) != 2 or runs[0].resolve() == runs[1].resolve():
        found = f"{len(runs)}" if len(runs) != 2 else "the same run twice"
        raise InputError(
            "paired", expected="two different runs", found=found, hint="name two", setting="paired"
        )
    _check_classes(evaluations)
    first, second = (_predictions(*pair) for pair in zip(runs, evaluations, strict=True))
    names = str(evaluations[0]["run"]), str(evaluations[1]["run"])
    beats = paired_beats(first, second, names)
    return compare_pairs(beats, np.random.default_rng(seed))


def _check_classes(evaluations: Sequence[Json]) -> None:
    first, second = (list(map(str, one["measures"]["classes"])) for one in evaluations)
    if first != second:
        raise InputError(
            f"{evaluations[0]['run']} and {evaluations[1]['run']}",
            expected=f"the same classes, such as {' '.join(first)}",
            found=" ".join(second),
            hint="compare runs with the same classes",
        )


def _predictions(run: Path, evaluation: Json) -> Predictions:
    """The beats of a run, which have to be those of its evaluation."""
    folder = run if run.is_dir() else run.parent
    path = folder / PREDICTIONS
    predictions = Predictions.read(path, "the predictions of a tested run", _AGAIN)
    if predictions.confusion.tolist() != evaluation["measures"]["confusion_matrix"]:
        raise InputError(
            str(path),
            expected=f"the {evaluation['measures']['beats']:,} beats of {EVALUATION}",
            found=f"{len(predictions.labels):,} beats with another confusion matrix",
            hint=_AGAIN,
        )
    return predictions
