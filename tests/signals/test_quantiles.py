"""Exact quantiles in pieces, against `numpy.quantile` of the whole."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.quantiles import ExactQuantiles

SHARES = [0.0, 0.01, 0.3, 0.5, 0.99, 1.0]


def quantiles(numbers: Floats, size: int) -> tuple[list[float], int]:
    """The quantiles, and the number of passes."""
    result = ExactQuantiles(SHARES)
    for passes in range(1, 5):
        for start in range(0, len(numbers), size):
            result.add(numbers[start : start + size])
        if result.end_pass():
            return result.values, passes
    raise AssertionError("a fifth pass")


def steps(random: np.random.Generator) -> Floats:
    """The samples of a converter."""
    return random.normal(0, 300, 200_000).round() * 0.005


def noise(random: np.random.Generator) -> Floats:
    return random.standard_normal(200_000)


def narrow(random: np.random.Generator) -> Floats:
    """Numbers that differ in their last bits only, so that each pass is needed."""
    return 5.0 + np.spacing(5.0) * random.integers(0, 1 << 31, 200_000)


def spread(random: np.random.Generator) -> Floats:
    """Numbers of all sizes and both signs, and zeros of both signs."""
    sizes = 10.0 ** random.uniform(-300, 300, 200_000) * random.choice([-1.0, 1.0], 200_000)
    return np.concatenate([sizes, np.zeros(5000), -np.zeros(5000)])


@pytest.mark.parametrize(("make", "passes"), [(steps, 1), (noise, 3), (narrow, 4), (spread, 3)])
def test_quantiles_equal_those_of_numpy(
    make: Callable[[np.random.Generator], Floats], passes: int
) -> None:
    numbers = make(np.random.default_rng(1))
    for size in (30_001, len(numbers)):
        result, needed = quantiles(numbers, size)
        assert result == np.quantile(numbers, SHARES).tolist()
        assert needed <= passes


@pytest.mark.parametrize("count", range(1, 8))
def test_a_few_numbers(count: int) -> None:
    numbers = np.random.default_rng(count).standard_normal(count)
    assert quantiles(numbers, 2) == (np.quantile(numbers, SHARES).tolist(), 1)


def test_no_numbers_have_no_quantiles() -> None:
    assert quantiles(np.zeros(0), 1) == ([], 1)


def test_memory_does_not_grow_with_the_numbers() -> None:
    random = np.random.default_rng(2)
    result = ExactQuantiles([0.01, 0.5, 0.99])
    tracemalloc.start()
    for _ in range(40):
        result.add(random.standard_normal(50_000))
    result.end_pass()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20
