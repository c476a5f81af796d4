"""Where the probabilities of a test are not those that `annotate` gives with the same weights."""

from collections.abc import Mapping
from typing import Any

from ecg_lightning.annotation.classifying.weights_file import prior_shift_of, temperature_of


def raw_probabilities_text(name: str, description: Mapping[str, Any]) -> str:
    """Return a note where `annotate` changes what the network gives; "" where it does not.

    Args:
        name: What the weights are called in a refusal.
        description: What their file says of them.

    Raises:
        InputError: It says something that is not possible.
    """
    temperature, shift = temperature_of(name, description), prior_shift_of(name, description)
    changes = [
        *([f"divides logits by {temperature:g}"] if temperature != 1 else []),
        *(["estimates the shares of N and S"] if shift is not None else []),
    ]
    if not changes:
        return ""
    return (
        "the probabilities are those of the network itself; with these weights `annotate` "
        f"{' and '.join(changes)}, so that it can give other ones, and other classes"
    )
