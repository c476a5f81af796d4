"""A classifier of the beats of a sequence, with what its weights ask of them."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ecg_lightning.annotation.classifying.weights_file import (
    Description,
    check_probabilities,
    check_words,
    common_settings,
    is_causal,
    known_of,
    prior_shift_of,
    read_weights,
    refused,
    weights_notes,
)
from ecg_lightning.arrays import Flags, Floats32
from ecg_lightning.classes import CLASS_MAPS
from ecg_lightning.models.checkpoint import CAUSAL_SEGMENTATION
from ecg_lightning.models.prior_shift import PriorShift, shifted
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording

NETWORK = "PatientContext"
SEGMENTATIONS = {False: "context", True: CAUSAL_SEGMENTATION}  # by whether weights are causal
_LENGTHS = ((16, 128), (512, math.inf))  # of sequences: multiples of a number, up to another
_WORDS = {"segmentation": tuple(SEGMENTATIONS.values()), "classes": tuple(CLASS_MAPS)}


@dataclass(frozen=True, eq=False)
class ContextNetwork:
    """A network that sees beats with their patient's template, rhythm and neighbours.

    Attributes:
        name: The name or the path of the weights.
        network: Returns logits (S, K, 5) of the rows (S, K, 5, 128) of consecutive beats.
        causal: Whether no beat sees the beats after it.
        beats_around: How many earlier beats decide about a beat, if causal.
        classes: The name of the class map of the training.
        leads: The names of the leads of the training; none where they are unknown.
        recorded_fs_hz: The sampling rates at which these were recorded.
        training_records: Such as `mitdb/208`; none where they are unknown.
        texts: What a user has to know about the weights.
        temperature: What logits are divided by, so that probabilities are calibrated.
        prior_shift: How the shares of N and S are estimated again in each stretch; None: not.
        unsure_below: The probability below which a class is unsure; None: not known.
    """

    name: str
    network: nn.Module
    causal: bool
    beats_around: int
    classes: str
    leads: tuple[str, ...] = ()
    recorded_fs_hz: tuple[float, ...] = ()
    training_records: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    temperature: float = 1.0
    prior_shift: PriorShift | None = None
    unsure_below: float | None = None

    @classmethod
    def load(cls, name: str) -> Self:
        """Load shipped weights by name, or a checkpoint of this project by path.

        Args:
            name: One of `models.SHIPPED`, or a path. A file of such a name is preferred.

        Raises:
            InputError: There is no such file, or it is no checkpoint of such a network.
        """
        return cls.of(name, *read_weights(name))

    @classmethod
    def of(cls, name: str, network: nn.Module, description: Description) -> Self:
        """Return a network with the settings of its description.

        Raises:
            InputError: It is another network, or a setting is one that nobody writes.
        """
        if description["network"] != NETWORK:
            raise refused(name, f"weights of {NETWORK}", f"those of {description['network']}")
        known = known_of(name, description)
        check_words(name, known, _WORDS)
        causal = is_causal(description)
        if known.get("segmentation", SEGMENTATIONS[causal]) != SEGMENTATIONS[causal]:
            expected = f"weights that were trained on beats cut as {SEGMENTATIONS[causal]}"
            raise refused(name, expected, str(known["segmentation"]))
        network = _in_float32(network.eval())
        around: Any = network.beats_around
        return cls(
            name,
            network,
            causal,
            int(around),
            prior_shift=prior_shift_of(name, description),
            **common_settings(name, description, known),
        )

    def notes(self, recording: Recording, lead: int) -> tuple[RecordNote, ...]:
        """Return what a user has to know about the weights, and about a lead that they judge.

        Args:
            recording: The recording.
            lead: The index of the lead that is classified.
        """
        return weights_notes(recording, lead, self)

    def probabilities(self, rows: Floats32, counted: Flags | None = None) -> Floats32:
        """Return class probabilities (K, 5) of the rows (K, 5, 128) of K consecutive beats.

        Args:
            rows: The beats.
            counted: As for `judged`.

        Raises:
            InputError: A probability is not finite.
        """
        return self.judged(rows, counted)[0]

    def judged(self, rows: Floats32, counted: Flags | None = None) -> tuple[Floats32, bool]:
        """Return class probabilities (K, 5), and whether shares were estimated from these beats.

        Shares of N and S are estimated from the probabilities as the network gives them. The
        temperature comes after it, so that it changes no class.

        Args:
            rows: (K, 5, 128) K consecutive beats.
            counted: (K,) the beats that shares are estimated from and for; default: all.

        Raises:
            InputError: A probability is not finite.
        """
        if not len(rows):
            return np.zeros((0, 5), np.float32), False
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(_padded(rows))[None])[0, : len(rows)].float()
            own = (
                logits if self.prior_shift is None else _shifted(logits, self.prior_shift, counted)
            )
            result: Floats32 = (own / self.temperature).softmax(1).numpy()
        check_probabilities(self.name, result)
        return result, own is not logits


def _shifted(logits: Tensor, shift: PriorShift, counted: Flags | None) -> Tensor:
    """The logits (K, 5) of the probabilities with the shares of these beats; or the same ones."""
    rows = slice(None) if counted is None else torch.from_numpy(counted)
    own = shifted(logits[rows].double().softmax(1).numpy(), shift)
    if own is None:
        return logits
    result, least = logits.clone(), np.finfo(np.float64).tiny
    result[rows] = torch.from_numpy(np.log(own.clip(least))).float()
    return result


def _padded(rows: Floats32) -> Floats32:
    """Rows of beats, with rows of no beats up to one of a few lengths.

    Torch keeps what it prepares for each length: a megabyte each.
    """
    step = next(size for size, most in _LENGTHS if len(rows) <= most)
    return np.pad(rows, ((0, -len(rows) % step), (0, 0), (0, 0)))


def _in_float32(network: nn.Module) -> nn.Module:
    """The network with weights of this type; those of a run may be of another, as bfloat16.

    Its buffers keep their type: sums are counted in float64.
    """
    for parameter in network.parameters():
        parameter.data = parameter.data.float()
    return network
