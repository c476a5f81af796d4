"""The state of a loss in a checkpoint, apart from the weights of the network.

Whoever reads the weights, such as `test` and `export`, needs no loss.
"""

from typing import Any

from torch import Tensor, nn

LOSS = "ecg_lightning_loss"  # a checkpoint's entry


def take_loss(checkpoint: dict[str, Any], name: str) -> None:
    """Move the state of a loss from the weights of a checkpoint to an entry of its own.

    Args:
        checkpoint: The checkpoint of a classifier.
        name: The classifier's attribute that is the loss.
    """
    weights: dict[str, Tensor] = checkpoint["state_dict"]
    state = {key: weights.pop(key) for key in list(weights) if key.startswith(f"{name}.")}
    if state:
        checkpoint[LOSS] = state


def put_loss(checkpoint: dict[str, Any], name: str, loss: nn.Module | None) -> None:
    """Put the state of a loss back among the weights, where Lightning expects it.

    Args:
        checkpoint: The checkpoint that is loaded.
        name: The classifier's attribute that is the loss.
        loss: The classifier's loss. What the checkpoint does not hold of it stays as it is.
    """
    if loss is None:
        return
    own = {f"{name}.{key}": value for key, value in loss.state_dict().items()}
    saved = checkpoint.get(LOSS, {})
    state = {key: saved.get(key, value) for key, value in own.items()}
    checkpoint["state_dict"] = {**checkpoint["state_dict"], **state}
