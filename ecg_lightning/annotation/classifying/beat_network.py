"""A classifier of beats one by one, with what its weights ask of a beat."""

from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
import torch
from torch import nn

from ecg_lightning.annotation.classifying.known_beats import Known
from ecg_lightning.annotation.classifying.weights_file import (
    Description,
    check_probabilities,
    check_words,
    common_settings,
    known_of,
    read_weights,
    refused,
    weights_notes,
)
from ecg_lightning.arrays import AnyFloats, Floats32
from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.signals.view import View
from ecg_lightning.signals.views import ViewName, make_view

# What the data module takes where nobody says otherwise. Earlier versions, and Keras files, do not
# say all of it.
_DEFAULTS = {
    "fs_hz": 360.0,
    "normalization": "record",
    "segmentation": "peaks",
    "view": "signal",
    "classes": "original",
}
_WORDS = {
    "normalization": ("record", "window", "robust"),
    "segmentation": ("peaks", "annotations", "windows"),
    "view": get_args(ViewName),
    "classes": tuple(CLASS_MAPS),
}
_BATCH_NUMBERS = 1 << 18  # samples or pixels that the network sees at once
_PEAKS = (
    "the weights were trained on windows around the highest points of the signal; they see "
    "inverted beats at another place"
)


@dataclass(frozen=True, eq=False)
class BeatNetwork:
    """A network, and how beats are prepared for it.

    Attributes:
        name: The name or the path of the weights.
        network: Returns logits (B, 5) of a view.
        view: What the network sees of beats (B, 1, T).
        fs_hz: The sampling rate of the beats.
        window_samples: T.
        normalization: `record`, `window` or `robust`.
        segmentation: How the beats of the training were cut: `peaks`, `annotations`, `windows`.
        classes: The name of the class map of the training.
        leads: The names of the leads of the training; none where they are unknown.
        recorded_fs_hz: The sampling rates at which these were recorded.
        training_records: Such as `mitdb/208`; none where they are unknown.
        texts: What a user has to know about the weights.
        temperature: What logits are divided by, so that probabilities are calibrated.
        unsure_below: The probability below which a class is unsure; None: not known.

    Example:
        >>> network = BeatNetwork.load("DeepConv1d")
        >>> network.probabilities(np.zeros((3, 256), np.float32)).shape
        (3, 5)
    """

    name: str
    network: nn.Module
    view: View
    fs_hz: float
    window_samples: int
    normalization: str
    segmentation: str
    classes: str
    leads: tuple[str, ...] = ()
    recorded_fs_hz: tuple[float, ...] = ()
    training_records: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    temperature: float = 1.0
    unsure_below: float | None = None

    @classmethod
    def load(cls, name: str) -> Self:
        """Load shipped weights by name, or a checkpoint of this project by path.

        Args:
            name: One of `models.SHIPPED`, or a path. A file of such a name is preferred.

        Raises:
            InputError: There is no such file, it is no checkpoint of this package's networks, or
                its beats cannot be cut from a recording.
        """
        return cls.of(name, *read_weights(name))

    @classmethod
    def of(cls, name: str, network: nn.Module, description: Description) -> Self:
        """Return a network with the settings of its description.

        Raises:
            InputError: Its beats cannot be cut from a recording.
        """
        known = known_of(name, description)
        check_words(name, known, _WORDS)
        beats = {**_DEFAULTS, "window_samples": description["input_length"], **known}
        samples, fs_hz = beats["window_samples"], float(beats["fs_hz"])
        view = make_view(beats["view"], samples, fs_hz)
        if view.input_length != network.input_length:
            raise refused(
                name,
                f"weights for the view {beats['view']} of {samples} samples",
                f"those of a network with the input length {network.input_length}",
            )
        common = common_settings(name, description, known)
        return cls(
            name,
            network.eval().float(),  # those of a run with other numbers, such as bfloat16, too
            view,
            fs_hz,
            samples,
            beats["normalization"],
            beats["segmentation"],
            **{**common, "texts": (*_texts(known, beats), *common["texts"])},
        )

    def notes(self, recording: Recording, lead: int) -> tuple[RecordNote, ...]:
        """Return what a user has to know about the weights, and about a lead that they judge.

        Args:
            recording: The recording.
            lead: The index of the lead that is classified.
        """
        return weights_notes(recording, lead, self)

    def probabilities(self, windows: AnyFloats) -> Floats32:
        """Return class probabilities (B, 5) of scaled windows (B, T).

        The network sees a bounded number of them at once.

        Raises:
            InputError: A probability is not finite.
        """
        signals = torch.from_numpy(np.ascontiguousarray(windows, np.float32))[:, None]
        size = max(1, _BATCH_NUMBERS // int(np.prod(self.view.shape)))
        result = np.zeros((len(windows), len(CLASS_NAMES)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(windows), size):
                logits = self.network(self.view(signals[start : start + size])).float()
                result[start : start + size] = (logits / self.temperature).softmax(1).numpy()
        check_probabilities(self.name, result)
        return result


def _texts(known: Known, beats: dict[str, Any]) -> tuple[str, ...]:
    """What a user has to know about weights."""
    assumed = [f"{name} {beats[name]}" for name in _DEFAULTS if name not in known]
    texts = [f"the weights do not say how their beats were prepared; assumed: {', '.join(assumed)}"]
    return (*(texts if assumed else ()), *([_PEAKS] if beats["segmentation"] == "peaks" else ()))
