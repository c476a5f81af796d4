"""The temperature: against a search over a grid, by hand, and what a change of scale does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.temperature import fit_temperature, logits_of, tempered


def _beats(n_beats: int, temperature: float, seed: int = 0) -> tuple[Floats, Integers]:
    """Logits, and labels drawn from the probabilities that they have at a temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n_beats, 5)) * 3
    draws = random.random((n_beats, 1))
    labels = (softmax(logits / temperature, axis=1).cumsum(axis=1) < draws).sum(axis=1)
    return logits, labels


def _loss(logits: Floats, labels: Integers, temperature: float) -> float:
    return -float(log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean())


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_no_temperature_of_a_grid_has_a_lower_log_loss(true: float) -> None:
    logits, labels = _beats(2_000, true)
    result = fit_temperature(logits, labels)
    grid = np.geomspace(0.1, 10, 2_001)
    losses = [_loss(logits, labels, temperature) for temperature in grid]
    best = int(np.argmin(losses))
    assert grid[best - 1] < result < grid[best + 1]
    assert _loss(logits, labels, result) <= losses[best]
    assert result == pytest.approx(true, rel=0.1)


def test_by_hand() -> None:
    """Odds of 9 for a class that is right in 3 of 4 beats: odds of 3 are honest, 9 ** (1 / 2)."""
    logits = np.tile([np.log(9.0), 0.0], (4, 1))
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(2.0, rel=1e-9)


@settings(deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 50), shift=st.floats(-50, 50))
def test_it_follows_the_scale_of_the_logits_and_ignores_their_sum(
    scale: float, seed: int, shift: float
) -> None:
    logits, labels = _beats(60, 1.5, seed)
    expected = scale * fit_temperature(logits, labels)
    assert fit_temperature(scale * logits + shift, labels) == pytest.approx(expected, rel=1e-6)


def test_probabilities_give_what_their_logits_give() -> None:
    logits, labels = _beats(500, 2.0)
    probabilities = softmax(logits, axis=1)
    expected = fit_temperature(logits, labels)
    assert fit_temperature(logits_of(probabilities), labels) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(tempered(probabilities, 2.0), softmax(logits / 2, axis=1), rtol=1e-9)


def test_a_temperature_of_1_changes_nothing_and_others_keep_the_class() -> None:
    probabilities = softmax(_beats(300, 1.0)[0], axis=1)
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities, rtol=1e-12)
    for temperature in (0.3, 4.0):
        result = tempered(probabilities, temperature)
        assert (result.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-12)


def test_a_probability_of_0_is_very_small() -> None:
    """A softmax in float32 gives it. Log 0 would make every sum infinite."""
    certain = np.eye(5, dtype=np.float32)[[0, 0, 1, 1]]
    result = fit_temperature(logits_of(certain), np.array([0, 0, 1, 0]))
    assert np.isfinite(result)
    assert np.isfinite(tempered(certain, result)).all()


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 5)), [], "found 0 of 0 beats wrong"),
        (np.eye(5), range(5), "found 0 of 5 beats wrong"),
        (np.eye(5), [1, 2, 3, 4, 0], "found 5 of 5 beats wrong"),
        (np.full((2, 5), np.nan), [0, 1], "expected finite numbers"),
    ],
)
def test_where_no_temperature_is_the_best_none_is_given(
    logits: Floats, labels: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_temperature(logits, np.array(labels, np.int64))
