"""The predictions of a file, in a strip of a recording."""

import dataclasses
from pathlib import Path

import numpy as np

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.record_predictions import read_record_predictions
from ecg_lightning.figures.strip_marks import PredictedBeats
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.strips import Strip, samples_between


def with_predictions(
    recording: Recording, strip: Strip, predictions: Path
) -> tuple[Strip, PredictedBeats]:
    """Return a strip with its reference, and what a file predicts of it.

    The reference is the annotations of the recording; where it has none, the classes of the file. A
    prediction differs where the file says so: its classes are what the network was tested with.

    Args:
        recording: The recording.
        strip: A strip of it.
        predictions: A predictions.csv; see `read_record_predictions`.

    Raises:
        InputError: The file is missing, has other content, or has no row of this recording.
    """
    path = (recording.path or Path()).absolute().parent / recording.name
    beats = read_record_predictions(predictions, path, recording.samples)
    limits = samples_between(strip.limits_s, recording.fs_hz)
    rows = slice(*np.searchsorted(beats.samples, limits))
    times_s = beats.samples[rows] / recording.fs_hz
    labels, predicted = beats.labels[rows], beats.predicted[rows]
    if recording.annotations is None:
        symbols = np.array(CLASS_NAMES)[labels]  # each letter is a symbol of its class
        strip = dataclasses.replace(strip, annotation_times_s=times_s, annotation_symbols=symbols)
    names = tuple(CLASS_NAMES[label] for label in predicted.tolist())
    return strip, PredictedBeats(times_s, names, tuple((labels != predicted).tolist()))
