"""A classifier of beats, with what its weights ask of a beat."""

from dataclasses import dataclass
from typing import Self

from torch import nn

from ecg_lightning.arrays import AnyFloats, Floats32
from ecg_lightning.signals.view import View


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
    """

    name: str
    network: nn.Module
    view: View
    fs_hz: float
    window_samples: int
    normalization: str
    segmentation: str
    classes: str

    @classmethod
    def load(cls, name: str) -> Self:
        """Load shipped weights by name, or a checkpoint of this project by path."""
        raise NotImplementedError

    def probabilities(self, windows: AnyFloats) -> Floats32:
        """Return class probabilities (B, 5) of scaled windows (B, T)."""
        raise NotImplementedError
