"""The weights of a classifier, and what their file says about them."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from torch import nn

from ecg_lightning import models
from ecg_lightning.annotation.classifying.known_beats import Known, checked, known_beats
from ecg_lightning.annotation.found_beats import check_limit
from ecg_lightning.arrays import Floats32
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import network_arguments, read_network
from ecg_lightning.models.names import LIMITS
from ecg_lightning.models.pretrained import shipped_network
from ecg_lightning.models.prior_shift import PriorShift
from ecg_lightning.records.leads import choose_lead, has_name
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, Recording
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import escaped, listed

Description = Mapping[str, Any]

ONLY_SYNTHETIC = (
    "the weights were trained on the synthetic database alone: the classes of a real recording "
    "mean nothing"
)
UNTESTED = (
    "the file of the weights does not say how good they are: test them on patients that they have "
    "not seen before you trust the classes"
)


class Trained(Protocol):
    """What weights say about their training.

    Each of these is empty where it is unknown.
    """

    @property
    def leads(self) -> tuple[str, ...]:
        """The names of the leads."""

    @property
    def recorded_fs_hz(self) -> tuple[float, ...]:
        """The sampling rates at which these were recorded."""

    @property
    def training_records(self) -> tuple[str, ...]:
        """The records, such as `mitdb/208`."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a user has to know about the weights."""


def read_weights(name: str) -> tuple[nn.Module, Description]:
    """Read shipped weights by name, or a checkpoint of this project by path.

    Args:
        name: One of `models.SHIPPED`, or a path. A file of such a name is preferred.

    Returns:
        The network with its weights, and what the file says about itself.

    Raises:
        InputError: There is no such file, it is no checkpoint of this package's networks, or it
            has other classes.
    """
    path = expanded(name)
    if is_shipped(name):
        network, description = shipped_network(name)
    elif not os.path.lexists(path):
        expected = f"one of {', '.join(models.SHIPPED)}, or the file of a checkpoint"
        raise refused(name, expected, "no such file", "correct the name")
    else:
        network, description = read_network(path)
    if tuple(description["classes"]) != CLASS_NAMES:
        expected = f"weights for the classes {', '.join(CLASS_NAMES)}"
        raise refused(name, expected, listed([str(one) for one in description["classes"]]))
    return network, description


def is_shipped(name: str) -> bool:
    """Return whether a name is that of shipped weights, and of no file."""
    return name in models.SHIPPED and not expanded(name).exists()


def known_of(name: str, description: Description) -> Known:
    """Return how the beats of the training were prepared, as far as the weights say.

    Raises:
        InputError: No recording has such beats, or a value is one that nobody writes.
    """
    known = checked(known_beats(description["config"]), name)
    if known.get("source") == "kaggle":
        raise refused(name, "weights that were trained on recordings", "those of Kaggle's tables")
    return known


def check_words(name: str, known: Known, words: Mapping[str, Sequence[str]]) -> None:
    """Refuse a setting of beats whose value is none of its words.

    Raises:
        InputError: It is.
    """
    for setting, allowed in words.items():
        if setting in known and known[setting] not in allowed:
            found = f"{known[setting]!r:.60}"
            raise refused(name, f"the {setting} {', '.join(allowed)}", found)


def temperature_of(name: str, description: Description) -> float:
    """Return the number by which logits are divided; 1 where the weights do not say one.

    Raises:
        InputError: It is no positive number.
    """
    value = description.get("temperature", 1.0)
    if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
        expected = "a temperature above 0"
        raise refused(name, expected, f"{value!r:.60}", "the file is damaged: take another one")
    return float(value)


def unsure_below_of(name: str, description: Description) -> float | None:
    """Return the probability below which a class is unsure; None where the weights say none.

    Raises:
        InputError: It is no probability.
    """
    value = description.get("unsure_below")
    if value is None:
        return None
    try:
        check_limit(value)
    except InputError as error:
        found, hint = f"{value!r:.60}", "the file is damaged: take another one"
        raise refused(name, "a limit of unsure beats from 0 to 1", found, hint) from error
    return float(value) or None  # 0 marks none


def is_causal(description: Description) -> bool:
    """Return whether the weights see no later beat, or only one beat."""
    return bool(network_arguments(description).get("causal", False))


def prior_shift_of(name: str, description: Description) -> PriorShift | None:
    """Return how the weights say that shares of N and S are estimated; None: they are not.

    Causal weights see no whole stretch, so that nothing is estimated for them.

    Raises:
        InputError: Their file says something else.
    """
    settings = description.get("prior_shift")
    if settings is None or is_causal(description):
        return None
    try:
        values: Description = {**settings, "prior": tuple(settings["prior"])}
        return PriorShift(**values)
    except (InputError, TypeError, KeyError, ValueError) as error:
        found = " ".join(str(error).split())[:80]
        hint = "the file is damaged: take another one"
        raise refused(name, "settings of a re-estimation of shares", found, hint) from error


def common_settings(name: str, description: Description, known: Known) -> dict[str, Any]:
    """Return the settings of a classifier that both kinds have, by the names of its attributes.

    Args:
        name: The name or the path of the weights.
        description: What their file says about itself.
        known: How the beats of the training were prepared, from `known_of`.

    Raises:
        InputError: A value is one that nobody writes.
    """
    return {
        "classes": known.get("classes", "original"),
        "leads": tuple(known.get("leads", ())),
        "recorded_fs_hz": tuple(known.get("recorded_fs_hz", ())),
        "training_records": tuple(map(str, description.get("training_records", ()))),
        "texts": (text_of(name, known),),
        "temperature": temperature_of(name, description),
        "unsure_below": unsure_below_of(name, description),
    }


def text_of(name: str, known: Known) -> str:
    """Return what a user has to know about weights: how far their classes can be trusted.

    Args:
        name: The name or the path of the weights.
        known: How the beats of the training were prepared, from `known_of`.
    """
    if name in LIMITS and is_shipped(name):
        return LIMITS[name]
    return ONLY_SYNTHETIC if known.get("source") == "synthetic" else UNTESTED


def weights_notes(recording: Recording, lead: int, weights: Trained) -> tuple[RecordNote, ...]:
    """Return what a user has to know about weights, and about a lead that they judge.

    Args:
        recording: The recording.
        lead: The index of the lead that is classified.
        weights: What is known of the weights.
    """
    judged = recording.leads[lead]
    texts = (
        *weights.texts,
        *lead_texts(judged, weights.leads, weights.recorded_fs_hz),
        *_of_training(recording, judged.fs_hz, weights),
    )
    return tuple(RecordNote(recording.name, "signal", text) for text in texts)


def _of_training(recording: Recording, fs_hz: float, weights: Trained) -> Iterator[str]:
    """What to say where the recording seems to be one of the training's own."""
    if recording.format != "WFDB" or fs_hz not in weights.recorded_fs_hz:
        return
    for record in weights.training_records:
        if record.rpartition("/")[2] == recording.name:
            yield (
                f"if this is the record {escaped(record, 40)}, the weights were trained on it, and "
                "its classes are better than those of a new patient"
            )


def lead_texts(lead: Lead, names: Sequence[str], recorded_fs_hz: Sequence[float]) -> list[str]:
    """Return what a lead has that the leads of the training did not have.

    Nothing is said of a lead without a name: nobody knows then whether it is another one.

    Args:
        lead: The lead that is classified.
        names: Those of the leads of the training; none where they are unknown.
        recorded_fs_hz: The sampling rates at which these were recorded.
    """
    texts = []
    if names and has_name(lead.name) and choose_lead([lead.name], [lead.unit], names) is None:
        trained = escaped(listed(names), 60)
        texts.append(
            f"the lead {escaped(lead.name, 40)} is classified, but the weights were trained on "
            f"{trained}: classes may be less reliable"
        )
    if recorded_fs_hz and lead.fs_hz < min(recorded_fs_hz):
        texts.append(
            f"the lead was recorded at {lead.fs_hz:g} Hz, and the weights were trained on "
            f"recordings of {min(recorded_fs_hz):g} Hz and more"
        )
    return texts


def check_probabilities(name: str, probabilities: Floats32) -> None:
    """Refuse probabilities (B, 5) of which some are not finite.

    Args:
        name: Of the weights.
        probabilities: What they gave.

    Raises:
        InputError: Some are not.
    """
    if broken := np.count_nonzero(~np.isfinite(probabilities).all(1)):
        raise InputError(
            f"weights {name}",
            expected="finite probabilities",
            found=f"others for {broken} of {len(probabilities)} beats",
            hint="take other weights, or check that the lead holds an ECG",
            setting="model",
        )


def refused(name: str, expected: str, found: str, hint: str = "take other weights") -> InputError:
    """The error for weights that cannot be used."""
    return InputError(
        f"weights {name}",
        expected=expected,
        found=found,
        hint=hint,
        setting="model",
    )
