"""The predictions of a file, in a strip of a recording."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.record_predictions import read_record_predictions
from ecg_lightning.figures.strip_marks import PredictedBeats
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.strips import Strip, samples_between


class PredictedStrip(NamedTuple):
    """A strip with its reference, what a file predicts, and whether it has true classes."""

    strip: Strip
    predicted: PredictedBeats
    labelled: bool


def with_predictions(recording: Recording, strip: Strip, predictions: Path) -> PredictedStrip:
    """Return a strip with its reference, and what a file predicts of it.

    The reference is the annotations of the recording; where it has none, the classes of the file. A
    prediction differs where the file says so: its classes are what the network was tested with. A
    file without true classes has no differences.

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
    predicted = beats.predicted[rows]
    labels = predicted if beats.labels is None else beats.labels[rows]
    if recording.annotations is None and beats.labels is not None:
        symbols = np.array(CLASS_NAMES)[labels]  # each letter is a symbol of its class
        strip = dataclasses.replace(strip, annotation_times_s=times_s, annotation_symbols=symbols)
    names = tuple(CLASS_NAMES[label] for label in predicted.tolist())
    marks = PredictedBeats(times_s, names, tuple((labels != predicted).tolist()))
    return PredictedStrip(strip, marks, beats.labels is not None)
