"""What all transforms of training batches promise, and the layout that they know."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.errors import InputError
from ecg_lightning.signals import context, rhythm, templates
from ecg_lightning.training.callbacks import (
    RandomAmplitude,
    RandomInversion,
    RandomLeadDropout,
    RandomNoise,
    RandomRate,
    RandomShift,
    RandomWander,
    batch_beats,
)
from ecg_lightning.training.callbacks.batch_transform import BatchTransform
from tests.helpers.batches import DataModule, changed, plain_beats, sequences, trainer_at
from tests.helpers.operations import REFUSED_ON_GPUS, Operations

DATA = DataModule(np.random.default_rng(0).standard_normal((3, 2, 20_000)))
MAKE: dict[str, Callable[[int], BatchTransform]] = {
    "noise": lambda seed: RandomNoise((0.0, 10.0), 0.7, seed=seed),
    "wander": lambda seed: RandomWander((0.0, 10.0), 0.7, seed=seed),
    "amplitude": lambda seed: RandomAmplitude(0.2, seed=seed),
    "inversion": lambda seed: RandomInversion(0.5, seed=seed),
    "shift": lambda seed: RandomShift(3, seed=seed),
    "rate": lambda seed: RandomRate(1.3, seed=seed),
    "dropout": lambda seed: RandomLeadDropout(0.4, 0.3, seed=seed),
}
BATCHES = {"sequences": sequences(12, 20), "plain": plain_beats(40, 2)}
every_transform = pytest.mark.parametrize("name", MAKE)
both_kinds = pytest.mark.parametrize("kind", BATCHES)


def result(
    name: str, signals: Tensor, step: int = 5, rank: int = 0, accumulate: int = 1, batch: int = 0
) -> Tensor:
    """What a new transform with the seed 0 makes of signals at a step."""
    trainer = trainer_at(step, rank, accumulate, DATA)
    after: Tensor = changed(MAKE[name](0), signals, trainer, batch)
    return after


def test_the_layout_is_that_of_the_context() -> None:
    assert (batch_beats.LEADS, batch_beats.ROWS) == (context.LEADS, context.ROWS)
    assert batch_beats.WINDOW_SAMPLES == templates.WINDOW_SAMPLES
    assert batch_beats.QRS == templates.QRS
    assert context.CONTEXT_FEATURES[0] == "is_beat"
    shortest, longest = math.log(rhythm.SHORTEST_S), math.log(rhythm.LONGEST_S)
    assert (shortest, longest) == batch_beats.LOG_RANGE


@pytest.mark.parametrize(
    "rows_of",
    [context.context_rows, lambda *args: context.CausalContext().push(*args)],
    ids=["offline", "causal"],
)
def test_the_absolute_numbers_are_those_that_a_faster_heart_changes(
    rows_of: Callable[[Floats, Floats], Floats32],
) -> None:
    times_s = np.cumsum(np.random.default_rng(3).uniform(0.7, 1.1, 200))
    windows = np.random.default_rng(4).standard_normal((200, 2, 140))
    slow, fast = (rows_of(windows, scale * times_s)[1:] for scale in (1.0, 0.8))
    differs = np.abs(slow - fast).max((0, 1)) > 1e-4
    assert np.flatnonzero(differs).tolist() == list(batch_beats.ABSOLUTE)
    change = (fast - slow)[:, -1, batch_beats.ABSOLUTE]
    np.testing.assert_allclose(change, math.log(0.8), atol=1e-5)


@both_kinds
@every_transform
def test_a_step_draws_the_same_again(name: str, kind: str) -> None:
    before = BATCHES[kind]
    after = result(name, before)
    assert not torch.equal(after, before)
    assert torch.equal(after, result(name, before))


@both_kinds
@every_transform
def test_another_step_rank_seed_and_batch_of_a_step_draw_others(name: str, kind: str) -> None:
    before = BATCHES[kind]
    after = result(name, before)
    others = [
        result(name, before, step=6),
        result(name, before, rank=1),
        result(name, before, accumulate=2, batch=1),
        changed(MAKE[name](1), before, trainer_at(5, data=DATA)),
    ]
    assert not any(torch.equal(after, other) for other in others)


@every_transform
def test_the_batch_of_an_epoch_does_not_matter_without_accumulation(name: str) -> None:
    before = BATCHES["sequences"]
    assert torch.equal(result(name, before, batch=0), result(name, before, batch=7))


def test_two_transforms_with_one_seed_draw_independently() -> None:
    """Else the inverted sequences would be the noisy ones."""
    clean = sequences(300, 4, padding=0, one_lead=0)
    trainer = trainer_at(data=DATA)
    noisy = (changed(RandomNoise((0.0, 0.0), 0.5), clean, trainer) != clean)[:, 0, 0].any(-1)
    moved = (changed(RandomWander((0.0, 0.0), 0.5), clean, trainer) != clean)[:, 0, 0].any(-1)
    assert float((noisy == moved).double().mean()) == pytest.approx(0.5, abs=0.1)


@every_transform
def test_padding_and_missing_leads_stay_0(name: str) -> None:
    after = result(name, BATCHES["sequences"])
    assert not after[:, -7:].any()
    assert not after[-3:, :, [1, 3]].any()
    assert torch.equal(after[:, :, -1, 0], BATCHES["sequences"][:, :, -1, 0])


@both_kinds
@every_transform
def test_float32_equals_the_float64_reference(name: str, kind: str) -> None:
    single, double = result(name, BATCHES[kind]), result(name, BATCHES[kind].double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-5)


@both_kinds
@every_transform
def test_everything_is_moved_to_the_device_of_the_batch(name: str, kind: str) -> None:
    """The device `meta` refuses tensors of the CPU, as a GPU does; it holds no values."""
    trainer = trainer_at(data=DATA, device="meta")
    assert changed(MAKE[name](0), BATCHES[kind].to("meta"), trainer).device.type == "meta"


@both_kinds
@every_transform
def test_bfloat16_is_close_to_float32(name: str, kind: str) -> None:
    half = BATCHES[kind].bfloat16()
    after, expected = result(name, half), result(name, half.float())
    assert after.dtype == torch.bfloat16
    torch.testing.assert_close(after.float(), expected, rtol=0.03, atol=0.03)


@every_transform
def test_only_what_a_transform_is_about_changes(name: str) -> None:
    before = BATCHES["sequences"]
    differs = (result(name, before) != before).any(-1).any(1).any(0)  # of each of five rows
    leads, lead_templates = [True, True], [True, True]
    expected = {
        "inversion": [*leads, *lead_templates, False],
        "dropout": [*leads, *lead_templates, False],
        "rate": [False] * 4 + [True],
    }
    assert differs.tolist() == expected.get(name, [*leads, False, False, False])


@every_transform
def test_pictures_are_refused_in_one_line(name: str) -> None:
    transform = MAKE[name](0)
    line = (
        rf"{transform.name}: expected beats \(B, L, T\) or sequences of beats \(S, K, 5, 128\), "
        r"found \(2, 1, 32, 32\); remove it from the callbacks"
    )
    with pytest.raises(InputError, match=line):
        changed(transform, torch.zeros(2, 1, 32, 32), trainer_at(data=DATA))


@every_transform
def test_a_negative_seed_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="seed: expected 0 or more, found -1"):
        MAKE[name](-1)


@both_kinds
@every_transform
def test_can_be_repeated_on_a_gpu(name: str, kind: str) -> None:
    with Operations() as operations:
        result(name, BATCHES[kind])
    assert operations.names
    assert not operations.names & REFUSED_ON_GPUS
