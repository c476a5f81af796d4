"""Training beats are shifted, each by its own number of samples, the same in a resumed run."""

import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.random_shift import RandomShift, shifted
from tests.helpers.batches import changed, trainer_at


def batch_at(step: int, callback: RandomShift, n_beats: int = 500) -> torch.Tensor:
    """Beats whose sample t is t, after the start of a training step."""
    signals = torch.arange(64.0).repeat(n_beats, 1, 1)
    shifted_signals: torch.Tensor = changed(callback, signals, trainer_at(step))
    return shifted_signals


def test_what_a_shift_uncovers_repeats_the_edge() -> None:
    signals = torch.arange(8.0).reshape(2, 1, 4)
    moved = shifted(signals, torch.tensor([2, -1]))
    assert moved.tolist() == [[[0.0, 0.0, 0.0, 1.0]], [[5.0, 6.0, 7.0, 7.0]]]


def test_every_shift_is_drawn_and_no_larger_one() -> None:
    signals = batch_at(3, RandomShift(4))
    assert set((32 - signals[:, 0, 32]).tolist()) == set(range(-4, 5))


def test_a_step_draws_the_same_shifts_again_and_another_step_others() -> None:
    first = batch_at(3, RandomShift(4, seed=1))
    assert torch.equal(first, batch_at(3, RandomShift(4, seed=1)))
    assert not torch.equal(first, batch_at(4, RandomShift(4, seed=1)))
    assert not torch.equal(first, batch_at(3, RandomShift(4, seed=2)))


def test_no_shift_is_refused() -> None:
    with pytest.raises(InputError, match="most_samples: expected 1 or more, found 0"):
        RandomShift(0)
