"""A trained network on the beats that our detector finds, matched with those of the experts."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from our_detectors import check_unseen, crosswise
from unseen_made_of import digest
from unseen_plan import Databases
from unseen_predictions import EXTRA, Predicted

from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.beat_comparison import TOLERANCE_S
from ecg_lightning.evaluation.beat_matching import match_beats
from ecg_lightning.evaluation.beat_stretches import Stretches, without_flutter
from ecg_lightning.models.names import DEFAULT_DETECTOR, SHIPPED_DETECTORS
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import FileAnnotations


def predicted_on_found_beats(
    checkpoint: Path, experts: Predicted, databases: Databases, causal: bool
) -> Predicted:
    """Annotate the records of a test side; each beat gets the class of its partner.

    A partner is at most 150 ms away, by the comparison of EC57. Beats in ventricular flutter have
    no class and count as neither.

    Args:
        checkpoint: The weights.
        experts: The predictions on the experts' beats, for the records and the prior.
        databases: Where the records are.
        causal: Whether to annotate as a stream does.
    """
    names = list(dict.fromkeys(experts.records.tolist()))
    parts = [_of_record(checkpoint, name, databases, causal, experts.prior) for name in names]
    return Predicted.concatenated(parts)


def detector_of(record: str) -> str:
    """Return the name of the detector that has not seen the patient of a record.

    Raises:
        SystemExit: There is none.
    """
    database, _, name = record.partition("/")
    weights = crosswise(name) if database == "mitdb" else DEFAULT_DETECTOR
    if database in ("mitdb", "svdb"):
        check_unseen(weights, database, name)
    return weights


def settings_of() -> dict[str, dict[str, str]]:
    """Return what predictions on found beats are made of: a digest of each detector's weights."""
    folder = files("ecg_lightning").joinpath("weights")
    paths = {name: folder.joinpath(file) for name, file in SHIPPED_DETECTORS.items()}
    return {"detectors": {name: digest(path.read_bytes()) for name, path in paths.items()}}


@cache
def _annotator(checkpoint: Path, detector: str) -> Annotator:
    return Annotator.from_pretrained(checkpoint, detector)


def _of_record(
    checkpoint: Path, record: str, databases: Databases, causal: bool, prior: Floats
) -> Predicted:
    path = databases.path(record)
    annotations = _annotator(checkpoint, detector_of(record)).annotate(path, causal=causal)
    reference = read_recording(path).annotations
    if reference is None:
        raise InputError(record, expected="annotations", found="none")
    samples, labels, rows = matched(reference, annotations.samples, annotations.fs_hz)
    probabilities = np.full((len(rows), len(CLASS_NAMES)), np.nan)
    probabilities[rows >= 0] = annotations.probabilities[rows[rows >= 0]]
    return Predicted(np.full(len(rows), record), samples, labels, probabilities, prior)


def matched(
    reference: FileAnnotations, found: Integers, fs_hz: float
) -> tuple[Integers, Integers, Integers]:
    """Match found beats with annotated ones.

    Args:
        reference: The annotations that are right.
        found: (F,) positions of found beats, ascending.
        fs_hz: The sampling rate of both.

    Returns:
        (N,) positions, (N,) classes, `EXTRA` for a beat that is not annotated, and (N,) rows of
        the found beats, -1 for a beat that was not found.
    """
    outside, flutter = without_flutter(reference)
    labels = AAMI.labels(outside.symbols)
    beats, labels = outside.samples[labels != NO_BEAT], labels[labels != NO_BEAT]
    window = round(TOLERANCE_S * fs_hz)
    pairs = match_beats(beats.tolist(), found.tolist(), window)
    return _without_flutter(flutter, beats, labels, found, *pairs)


def _without_flutter(
    flutter: Stretches,
    beats: Integers,
    labels: Integers,
    found: Integers,
    of_beats: Integers,
    of_found: Integers,
) -> tuple[Integers, Integers, Integers]:
    is_extra = of_beats < 0
    samples = np.where(is_extra, _at(found, of_found), _at(beats, of_beats))
    kept = ~(is_extra & flutter.hold(samples))
    return samples[kept], np.where(is_extra, EXTRA, _at(labels, of_beats))[kept], of_found[kept]


def _at(values: Integers, rows: Integers) -> Integers:
    """The values at rows; anything for -1."""
    return np.append(values, 0)[rows]
