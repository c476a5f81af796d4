"""A classifier of beats, with what its weights ask of a beat."""

import os
from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
import torch
from torch import nn

from ecg_lightning import models
from ecg_lightning.annotation.known_beats import Known, checked, known_beats
from ecg_lightning.arrays import AnyFloats, Floats32
from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.models.names import LIMITS
from ecg_lightning.models.pretrained import shipped_network
from ecg_lightning.records.leads import choose_lead
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.signals.view import View
from ecg_lightning.signals.views import ViewName, make_view
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import escaped, listed

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
        texts: What a user has to know about the weights.

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
    texts: tuple[str, ...] = ()

    @classmethod
    def load(cls, name: str) -> Self:
        """Load shipped weights by name, or a checkpoint of this project by path.

        Args:
            name: One of `models.SHIPPED`, or a path. A file of such a name is preferred.

        Raises:
            InputError: There is no such file, it is no checkpoint of this package's networks, or
                its beats cannot be cut from a recording.
        """
        path = expanded(name)
        if name in models.SHIPPED and not path.exists():
            network, description = shipped_network(name)
        elif not os.path.lexists(path):
            expected = f"one of {', '.join(models.SHIPPED)}, or the file of a checkpoint"
            raise _refused(name, expected, "no such file", "correct the name")
        else:
            network, description = read_network(path)
        return cls._of(name, network, description)

    @classmethod
    def _of(cls, name: str, network: nn.Module, description: dict[str, Any]) -> Self:
        """The network with the settings of its description."""
        _check_classes(name, description["classes"])
        known = checked(known_beats(description["config"]), name)
        _check_known(name, known)
        beats = {**_DEFAULTS, "window_samples": description["input_length"], **known}
        samples, fs_hz = beats["window_samples"], float(beats["fs_hz"])
        view = make_view(beats["view"], samples, fs_hz)
        if view.input_length != network.input_length:
            raise _refused(
                name,
                f"weights for the view {beats['view']} of {samples} samples",
                f"those of a network with the input length {network.input_length}",
            )
        return cls(
            name,
            network.eval().float(),  # those of a run with other numbers, such as bfloat16, too
            view,
            fs_hz,
            samples,
            beats["normalization"],
            beats["segmentation"],
            beats["classes"],
            tuple(known.get("leads", ())),
            tuple(known.get("recorded_fs_hz", ())),
            (*_texts(known, beats), *_limits(name)),
        )

    def notes(self, recording: Recording, lead: int) -> tuple[RecordNote, ...]:
        """Return what a user has to know about the weights, and about a lead that they judge.

        Args:
            recording: The recording.
            lead: The index of the lead that is classified.
        """
        one, texts = recording.leads[lead], [*self.texts]
        if self.leads and choose_lead([one.name], [one.unit], self.leads) is None:
            names = escaped(listed(self.leads), 60)
            texts.append(
                f"the lead {escaped(one.name, 40)} is classified by weights that were trained on "
                f"the leads {names}"
            )
        if self.recorded_fs_hz and one.fs_hz < min(self.recorded_fs_hz):
            texts.append(
                f"the lead was recorded at {one.fs_hz:g} Hz, and the weights were trained on "
                f"recordings of {min(self.recorded_fs_hz):g} Hz and more"
            )
        return tuple(RecordNote(recording.name, "signal", text) for text in texts)

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
                logits = self.network(self.view(signals[start : start + size]))
                result[start : start + size] = logits.float().softmax(1).numpy()
        if broken := np.count_nonzero(~np.isfinite(result).all(1)):
            raise InputError(
                f"weights {self.name}",
                expected="finite probabilities",
                found=f"others for {broken} of {len(result)} beats",
                hint="take other weights, or check that the lead holds an ECG",
                setting="model",
            )
        return result


def _check_classes(name: str, classes: Any) -> None:
    if tuple(classes) != CLASS_NAMES:
        expected = f"weights for the classes {', '.join(CLASS_NAMES)}"
        raise _refused(name, expected, listed([str(one) for one in classes]))


def _check_known(name: str, known: Known) -> None:
    """Refuse beats that no recording has, and words that this version does not know."""
    if known.get("source") == "kaggle":
        raise _refused(name, "weights that were trained on recordings", "those of Kaggle's tables")
    for setting, words in _WORDS.items():
        if setting in known and known[setting] not in words:
            found = f"{known[setting]!r:.60}"
            raise _refused(name, f"the {setting} {', '.join(words)}", found)


def _texts(known: Known, beats: dict[str, Any]) -> tuple[str, ...]:
    """What a user has to know about weights."""
    assumed = [f"{name} {beats[name]}" for name in _DEFAULTS if name not in known]
    texts = [f"the weights do not say how their beats were prepared; assumed: {', '.join(assumed)}"]
    return (*(texts if assumed else ()), *([_PEAKS] if beats["segmentation"] == "peaks" else ()))


def _limits(name: str) -> tuple[str, ...]:
    """What is known of weights that are shipped, as `load` finds them."""
    return (LIMITS[name],) if name in LIMITS and not expanded(name).exists() else ()


def _refused(name: str, expected: str, found: str, hint: str = "take other weights") -> InputError:
    return InputError(
        f"weights {name}",
        expected=expected,
        found=found,
        hint=hint,
        setting="model",
    )
