"""Both kinds of classifiers: of beats one by one, and of the beats of a sequence."""

from ecg_lightning.annotation.beat_network import BeatNetwork
from ecg_lightning.annotation.context_network import NETWORK, ContextNetwork
from ecg_lightning.annotation.weights_file import read_weights

Classifier = BeatNetwork | ContextNetwork


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
