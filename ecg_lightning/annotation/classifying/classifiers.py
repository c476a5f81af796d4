"""Both kinds of classifiers: of beats one by one, and of the beats of a sequence."""

from typing import TypeAlias

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.classification import Classification, OneByOne
from ecg_lightning.annotation.classifying.context_classification import OfPast, OfStretches
from ecg_lightning.annotation.classifying.context_network import NETWORK, ContextNetwork
from ecg_lightning.annotation.classifying.context_windows import ContextCutter
from ecg_lightning.annotation.classifying.weights_file import read_weights
from ecg_lightning.annotation.classifying.windows import Cutter, ScaledCutter, WindowCutter
from ecg_lightning.annotation.scales import LeadScale, RunningScale

Classifier: TypeAlias = BeatNetwork | ContextNetwork


def load_classifier(name: str) -> Classifier:
    """Load shipped weights by name, or a checkpoint of this project by path.

    Args:
        name: One of `models.SHIPPED`, or a path. A file of such a name is preferred.

    Raises:
        InputError: There is no such file, it is no checkpoint of this package's networks, or its
            beats cannot be cut from a recording.
    """
    network, description = read_weights(name)
    kind = ContextNetwork if description["network"] == NETWORK else BeatNetwork
    return kind.of(name, network, description)


def classification_of(network: Classifier, fs_hz: float) -> Classification:
    """Return what classifies the beats of one recording, block by block.

    Args:
        network: The classifier; weights that are causal classify beats as they come.
        fs_hz: The sampling rate of the positions.
    """
    if isinstance(network, BeatNetwork):
        return OneByOne(network)
    return OfPast(network, fs_hz) if network.causal else OfStretches(network, fs_hz)


def cutter_of(
    network: Classifier, fs_hz: float, n_leads: int, scale: LeadScale | RunningScale | None
) -> Cutter:
    """Return what cuts the windows of beats as a classifier wants them.

    Args:
        network: The classifier.
        fs_hz: The sampling rate of the leads.
        n_leads: How many leads there are, the classified one first.
        scale: That of the first lead, or what measures it; default: the scale of the past. A
            network that sees templates needs none.
    """
    if isinstance(network, ContextNetwork):
        return ContextCutter(fs_hz, n_leads)
    return ScaledCutter(WindowCutter(fs_hz, network), scale or RunningScale(fs_hz))
