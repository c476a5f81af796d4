"""The states of random generators, so that a resumed run draws the same numbers."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

RANDOM = "ecg_lightning_random"  # a checkpoint's entry


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the state of the host, and that of a CUDA device.

    Ranks are seeded alike and draw as many numbers, so the state of one is that of all.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: Any, device: torch.device) -> None:
    """Continue with a state; one that is missing or damaged changes nothing.

    Args:
        states: From `random_state`; a file may hold anything.
        device: Of the training.
    """
    known = states if isinstance(states, dict) else {}
    # Torch raises for another size or type, and for numbers that are no state.
    with contextlib.suppress(RuntimeError, TypeError, AttributeError):
        if "cpu" in known:
            torch.set_rng_state(known["cpu"])
        if device.type == "cuda" and "cuda" in known:
            torch.cuda.set_rng_state(known["cuda"], device)


@contextlib.contextmanager
def unchanged_generators(device: torch.device) -> Iterator[None]:
    """Put the random generators back to where they were: those of Python, NumPy and torch.

    Args:
        device: That draws too.
    """
    states = random.getstate(), np.random.get_state(), random_state(device)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        set_random_state(states[2], device)
