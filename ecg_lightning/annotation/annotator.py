"""The Annotator: a recording in, its annotations out."""

import os
from collections.abc import Callable
from typing import Self

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.beat_network import BeatNetwork
from ecg_lightning.annotation.stream import BeatStream
from ecg_lightning.arrays import AnyFloats
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.records.leads import WantedLead

Progress = Callable[[float], object]  # takes the share of the work that is done
DEFAULT_MODEL, DEFAULT_DETECTOR = "DeepConv1d-robust", "BeatDetector"


class Annotator:
    """Finds the beats of recordings and classifies them; keeps the networks for many recordings.

    Args:
        network: Classifies beats.
        detectors: Find beats; of several the mean of their probabilities counts.

    Example:
        >>> annotator = Annotator.from_pretrained()          # doctest: +SKIP
        >>> annotator.annotate("recording.edf").classes      # doctest: +SKIP
    """

    def __init__(self, network: BeatNetwork, detectors: tuple[BeatDetector, ...]) -> None:
        self.network, self.detectors = network, detectors

    @classmethod
    def from_pretrained(cls, name: str = DEFAULT_MODEL, detector: str = DEFAULT_DETECTOR) -> Self:
        """Return an annotator with shipped weights, or those of a checkpoint.

        Args:
            name: The name of shipped weights, or the path of a checkpoint of this project.
            detector: The name of shipped weights or the path of a file that
                `scripts/train_detector.py` wrote; or several, separated by commas.
        """
        raise NotImplementedError

    def annotate(
        self,
        recording: str | os.PathLike[str] | AnyFloats,
        fs_hz: float | None = None,
        *,
        lead: WantedLead | None = None,
        unit: str | None = None,
        column: int | str | None = None,
        beats: str | None = None,
        causal: bool = False,
        progress: Progress = lambda _share: None,
    ) -> Annotations:
        """Find and classify the beats of a recording, which is read in pieces.

        Args:
            recording: A file, the name of a WFDB record, or an array (T,) or (leads, T) in mV.
            fs_hz: The sampling rate of a file or an array that has none.
            lead: The lead to use, for both; default: the first that looks like an ECG is
                classified, and beats are found in it and one further ECG lead of its rate.
            unit: The unit of a file that has none.
            column: The columns of a table that are leads.
            beats: The annotator whose beats are taken instead of finding them, such as `atr`.
            causal: Whether to judge each beat without what comes more than 5 s after it.
            progress: Is called with the share of the work that is done.
        """
        raise NotImplementedError

    def stream(self, fs_hz: float, leads: int = 1) -> BeatStream:
        """Return a stream for samples as they come; it gives what `causal=True` gives.

        Args:
            fs_hz: The sampling rate.
            leads: The number of leads; the first is classified.
        """
        raise NotImplementedError


def annotate(
    recording: str | os.PathLike[str] | AnyFloats,
    fs_hz: float | None = None,
    *,
    lead: WantedLead | None = None,
    causal: bool = False,
) -> Annotations:
    """Find and classify the beats of a recording with the default weights; see `Annotator`."""
    raise NotImplementedError
