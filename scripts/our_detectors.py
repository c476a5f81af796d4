"""Our detector of beats, through the same code that `annotate` uses."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn

from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.weights_file import read_weights
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.dechazal import DS1, DS2
from ecg_lightning.data.parts import trained_records
from ecg_lightning.models.detector_weights import describe_detector, load_detectors
from ecg_lightning.records.mitdb import MITDB_PATIENTS
from ecg_lightning.text import listed

OF_DS1, OF_DS2 = "BeatDetector-ds1", "BeatDetector-ds2"


class NoClasses(nn.Module):
    """Calls every beat N, in no time: only positions are measured."""

    def forward(self, view: Tensor) -> Tensor:
        """Return logits (B, 5)."""
        return torch.tensor([1.0, 0, 0, 0, 0]).expand(len(view), len(CLASS_NAMES))


def crosswise(record: str) -> str:
    """Return the weights that have not seen the patient of a record of MIT-BIH."""
    if record in DS2:
        return OF_DS1
    if record in DS1:
        return OF_DS2
    return f"{OF_DS1},{OF_DS2}"  # a paced record trains neither


def check_unseen(weights: str, database: str, record: str) -> None:
    """Stop if weights were trained on a patient that they are tested on.

    Args:
        weights: Names or files, separated by commas.
        database: `mitdb` or `svdb`. No record of SVDB may have trained what is tested on SVDB,
            because the database does not say whose its records are.
        record: A record of it.
    """
    for name in weights.split(","):
        check_patient(name, describe_detector(name).records, database, record)


def check_classifier_unseen(weights: str, database: str, record: str) -> None:
    """Stop if a classifier was trained on a patient that it is tested on, see `check_unseen`.

    Args:
        weights: The name of shipped weights, or a path.
        database: `mitdb` or `svdb`.
        record: A record of it.
    """
    check_patient(weights, _records_of(weights), database, record)


@cache
def _records_of(weights: str) -> tuple[str, ...]:
    """The records that trained a classifier, as its file says it."""
    description = read_weights(weights)[1]
    return tuple(description.get("training_records") or trained_records(description["config"]))


def check_patient(name: str, trained: Iterable[str], database: str, record: str) -> None:
    """Stop if one of the records that trained weights is of the patient of a record."""
    seen = {one for one in trained if one.startswith(f"{database}/")}
    if database == "mitdb":
        patient = MITDB_PATIENTS[record]
        seen = {one for one in seen if MITDB_PATIENTS[one.partition("/")[2]] == patient}
    if seen:
        shown = listed(sorted(seen))
        raise SystemExit(f"{name} has seen {shown}: not tested on {database}/{record}")


@cache
def finder_of(weights: str) -> Annotator:
    """Return an annotator that finds beats with these detectors and classifies none."""
    network = replace(BeatNetwork.load("DeepConv1d-robust"), network=NoClasses())
    return Annotator(network, load_detectors(weights), weights)


@cache
def annotator_of(weights: str, model: str | None = None) -> Annotator:
    """Return the annotator with these detectors and a classifier; default: that of `annotate`."""
    return Annotator.from_pretrained(model, detector=weights)


def find_beats(weights: str, leads: Floats, fs_hz: float) -> Integers:
    """Return the positions of the beats of leads (leads, T)."""
    annotations = finder_of(weights).annotate(leads, fs_hz)
    assert len(annotations.detection_leads) == len(leads), annotations.detection_leads
    return annotations.samples
