"""The state of random numbers in checkpoints; damaged ones change nothing."""

from typing import Any

import pytest
import torch

from ecg_lightning.training.random_state import random_state, set_random_state

CPU = torch.device("cpu")


def test_the_same_numbers_are_drawn() -> None:
    torch.rand(3)
    state = random_state(CPU)
    drawn = torch.rand(5)
    torch.manual_seed(9)
    set_random_state(state, CPU)
    assert torch.equal(torch.rand(5), drawn)


@pytest.mark.parametrize(
    "states",
    [
        None,
        "text",
        {},
        {"cpu": 3},
        {"cpu": torch.zeros(3)},
        {"cpu": torch.zeros(3, dtype=torch.uint8)},
        {"cpu": torch.full((5056,), 255, dtype=torch.uint8)},
    ],
    ids=["none", "text", "empty", "number", "floats", "short", "wrong"],
)
def test_what_is_no_state_changes_nothing(states: Any) -> None:
    torch.manual_seed(4)
    expected = torch.rand(5)
    torch.manual_seed(4)
    set_random_state(states, CPU)
    assert torch.equal(torch.rand(5), expected)
