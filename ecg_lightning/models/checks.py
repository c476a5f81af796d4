"""Checks of a network's input and of its sizes, each with an error that says what to do."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ecg_lightning.errors import InputError


def check_tensor(subject: str, x: Any) -> None:
    """Refuse what is not a tensor, such as a NumPy array.

    Args:
        subject: What the message is about.
        x: The input.

    Raises:
        InputError: x is not a tensor.
    """
    if not isinstance(x, Tensor):
        raise InputError(
            subject,
            expected="a torch tensor",
            found=f"{type(x).__module__}.{type(x).__qualname__}",
            hint="convert it with torch.as_tensor(x, dtype=torch.float32)",
        )


def check_signals(network: str, x: Tensor, samples: int) -> None:
    """Refuse everything but signals (B, 1, T) of the network's own length.

    A longer or shorter signal can pass through the layers unnoticed, because they pad.

    Args:
        network: Its name, for the message.
        x: The input.
        samples: T.

    Raises:
        InputError: x is not a tensor of that shape.
    """
    if isinstance(x, Tensor) and x.shape[1:] == (1, samples):
        return
    check_tensor(network, x)
    pictures = x.dim() == 4
    other = "take Conv2d for pictures, or choose another view"
    raise InputError(
        network,
        expected=f"signals (B, 1, {samples})",
        found=f"the shape {tuple(x.shape)}",
        hint=other if pictures else f"cut beats of {samples} samples",
        setting="view" if pictures else "window_samples",
    )


def check_pictures(network: str, x: Tensor, pixels: int) -> None:
    """Refuse everything but pictures (B, 1, H, W) of the network's own size.

    Args:
        network: Its name, for the message.
        x: The input.
        pixels: H and W.

    Raises:
        InputError: x is not a tensor of that shape.
    """
    if isinstance(x, Tensor) and x.shape[1:] == (1, pixels, pixels):
        return
    check_tensor(network, x)
    signals = "take DeepConv1d or TimeDepends for signals, or choose another view"
    raise InputError(
        network,
        expected=f"pictures (B, 1, {pixels}, {pixels})",
        found=f"the shape {tuple(x.shape)}",
        hint=signals if x.dim() == 3 else f"draw pictures of {pixels} x {pixels} pixels",
        setting="view",
    )


def check_length(network: str, input_length: int, steps: Sequence[tuple[str, int, int]]) -> int:
    """Return the length that is left after the steps of a network.

    Args:
        network: Its name, for the message.
        input_length: Samples, or pixels of one side.
        steps: (padding, size, stride) of each convolution or pool that changes the length.

    Raises:
        InputError: Nothing would be left.
    """
    lengths = [input_length]
    for padding, size, stride in steps:
        lengths.append(_after(lengths[-1], padding, size, stride))
        if lengths[-1] < 1:
            break
    if lengths[-1] >= 1:
        return lengths[-1]
    shortest = next(n for n in range(1, 1 << 20) if _left(n, steps) >= 1)
    sizes = " -> ".join(map(str, lengths))
    raise InputError(
        f"{network}: input_length",
        expected=f"at least {shortest}",
        found=f"{input_length} (the lengths after each layer: {sizes})",
        hint="take a longer window",
        setting="window_samples",
    )


def _after(length: int, padding: str, size: int, stride: int) -> int:
    """The length after one step."""
    if padding == "same":
        return -(-length // stride)
    return (length - size) // stride + 1 if length >= size else 0


def _left(length: int, steps: Sequence[tuple[str, int, int]]) -> int:
    """The length after all steps."""
    for step in steps:
        length = _after(length, *step)
    return length
