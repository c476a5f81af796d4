"""Refuses an input that a network's pools would use up, and says how."""

from collections.abc import Sequence

from torch import Tensor

from ecg_lightning.errors import InputError


def check_signals(network: str, x: Tensor) -> None:
    """Refuses pictures where a network takes signals (B, 1, T).

    Raises:
        InputError: x has another number of dimensions.
    """
    if x.dim() != 3:
        raise InputError(
            f"{network}: expected signals (B, 1, T), found the shape {tuple(x.shape)}; take Conv2d for pictures (--data.view)"
        )


def check_length(network: str, input_length: int, steps: Sequence[tuple[str, int, int]]) -> int:
    """The length that is left after the steps of a network.

    Args:
        network: Its name, for the message.
        input_length: Samples, or pixels of one side.
        steps: (padding, size, stride) of each convolution or pool that changes the length.

    Raises:
        InputError: nothing would be left.
    """
    lengths = [input_length]
    for padding, size, stride in steps:
        lengths.append(_after(lengths[-1], padding, size, stride))
        if lengths[-1] < 1:
            break
    if lengths[-1] >= 1:
        return lengths[-1]
    shortest = next(n for n in range(1, 1 << 20) if _left(n, steps) >= 1)
    raise InputError(
        f"{network}: input_length {input_length} is too short: after each layer {' -> '.join(map(str, lengths))} samples are left; "
        f"expected at least {shortest}; take a longer window (--data.window_samples)"
    )


def _after(length: int, padding: str, size: int, stride: int) -> int:
    return (
        -(-length // stride)
        if padding == "same"
        else (length - size) // stride + 1
        if length >= size
        else 0
    )


def _left(length: int, steps: Sequence[tuple[str, int, int]]) -> int:
    for step in steps:
        length = _after(length, *step)
    return length
