"""Re-estimated shares of N and S: a case by hand, a plain loop, and what has to hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_lightning.arrays import Floats
from ecg_lightning.errors import InputError
from ecg_lightning.models.prior_shift import PriorShift, class_shares, own_shares, shifted
from tests.helpers.own_shares import with_own_shares

PRIOR = (0.80, 0.05, 0.10, 0.04, 0.01)


def _probabilities(seed: int, beats: int = 60, classes: int = 5) -> Floats:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.4), beats)


def _plain_loop(probabilities: Floats, prior: tuple[float, ...], strength: float) -> list[float]:
    """The shares of N and S by the formulas of Saerens 2002, beat by beat, to convergence."""
    n, s = prior[:2]
    for _ in range(100_000):
        sum_n = sum_s = 0.0
        for row in probabilities.tolist():
            own_n, own_s = row[0] * n / prior[0], row[1] * s / prior[1]
            total = own_n + own_s + sum(row[2:])
            sum_n, sum_s = sum_n + own_n / total, sum_s + own_s / total
        sum_n, sum_s = sum_n + strength * prior[0], sum_s + strength * prior[1]
        before, n = n, (prior[0] + prior[1]) * sum_n / (sum_n + sum_s)
        s = prior[0] + prior[1] - n
        if abs(before - n) < 1e-9:
            break
    return [n, s]


def test_two_beats_by_hand() -> None:
    """Equal shares in training: the estimate of S is the s in [0, 1] of the largest likelihood.

    Of two beats it is (0.2 + 0.6 s) (0.4 + 0.2 s), which grows until s = 1. A third beat has the
    factor 0.9 - 0.8 s, and 0.6 / (0.2 + 0.6 s) + 0.2 / (0.4 + 0.2 s) = 0.8 / (0.9 - 0.8 s) where
    s = 0.5: the training's shares, so that nothing changes.
    """
    two = np.array([[0.2, 0.8], [0.4, 0.6]])
    three = np.array([*two.tolist(), [0.9, 0.1]])
    equal = PriorShift((0.5, 0.5), strength=0)
    assert own_shares(two, equal) == pytest.approx([0, 1], abs=1e-3)
    assert own_shares(three, equal) == pytest.approx([0.5, 0.5])
    assert with_own_shares(three, equal) == pytest.approx(three)
    # Four beats of 0.8 and two of 0.2: the likelihood (0.2 + 0.6 s)^4 (0.8 - 0.6 s)^2 has its
    # maximum where 4 (0.8 - 0.6 s) = 2 (0.2 + 0.6 s), at s = 7/9.
    six = np.array([[0.2, 0.8]] * 4 + [[0.8, 0.2]] * 2)
    assert own_shares(six, equal) == pytest.approx([2 / 9, 7 / 9], abs=1e-4)
    assert with_own_shares(six, equal)[0, 1] == pytest.approx(
        0.8 * 7 / (0.8 * 7 + 0.2 * 2), abs=1e-4
    )


@pytest.mark.parametrize("strength", [0.0, 5.0, 200.0])
def test_shares_are_those_of_a_plain_loop(strength: float) -> None:
    for seed in range(5):
        probabilities = _probabilities(seed)
        shares = own_shares(probabilities, PriorShift(PRIOR, strength))
        assert shares == pytest.approx(_plain_loop(probabilities, PRIOR, strength), abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1000), st.integers(1, 80))
def test_what_holds_for_every_record(seed: int, strength: float, beats: int) -> None:
    probabilities = _probabilities(seed, beats)
    settings = PriorShift(PRIOR, strength)
    result = with_own_shares(probabilities, settings)
    assert result.dtype == np.float64
    assert result.sum(1) == pytest.approx(np.ones(beats))
    assert (result >= 0).all()
    assert own_shares(probabilities, settings).sum() == pytest.approx(PRIOR[0] + PRIOR[1])
    # Among V, F and Q nothing changes but their common factor.
    assert result[:, 2] * probabilities[:, 3] == pytest.approx(result[:, 3] * probabilities[:, 2])
    order = np.random.default_rng(seed).permutation(beats)
    assert with_own_shares(probabilities[order], settings) == pytest.approx(result[order])


def test_a_record_like_the_training_stays_as_it_is() -> None:
    """The mean over the record is the training's ratio of N and S: the fixed point is the prior."""
    probabilities = _probabilities(1)
    total = probabilities.mean(0)
    both = total[0] + total[1]
    prior = (*total[:2].tolist(), *PRIOR[2:])
    assert both > 0
    for strength in (0.0, 200.0):
        assert with_own_shares(probabilities, PriorShift(prior, strength)) == pytest.approx(
            probabilities
        )


def test_estimated_shares_are_a_fixed_point() -> None:
    probabilities = _probabilities(2, beats=2000)
    shares = own_shares(probabilities, PriorShift(PRIOR, 0))
    counts = with_own_shares(probabilities, PriorShift(PRIOR, 0))[:, :2].sum(0)
    assert counts / counts.sum() == pytest.approx(shares / shares.sum(), abs=1e-4)


def test_a_strong_prior_and_a_gate_change_nothing() -> None:
    probabilities = _probabilities(3)
    assert with_own_shares(probabilities, PriorShift(PRIOR, 1e12)) == pytest.approx(probabilities)
    mean_s = probabilities[:, 1].mean()
    above, below = (PriorShift(PRIOR, 0, mean_s + step) for step in (1e-6, -1e-6))
    assert shifted(probabilities, above) is None
    own = shifted(probabilities, below)
    assert own is not None
    assert not np.array_equal(own, probabilities)


def test_records_without_beats_and_with_certain_ones() -> None:
    settings = PriorShift(PRIOR, 0)
    assert shifted(np.zeros((0, 5)), settings) is None
    certain = np.eye(5)[[2, 2, 0, 1]]
    assert shifted(certain, settings) == pytest.approx(certain)
    assert shifted(certain[:2], settings) == pytest.approx(certain[:2])
    only_n = np.eye(5)[[0] * 9 + [1]]  # the first beats leave S a share of 1/10
    assert shifted(only_n, settings) == pytest.approx(only_n)


def test_what_is_refused() -> None:
    for prior in ((0.0, 1.0), (1.0, 0.0), (1.0,), (0.5, float("nan")), (0.5, 0.6, -0.1)):
        with pytest.raises(InputError, match="shares of the classes"):
            PriorShift(prior)
    for strength in (-1.0, float("inf")):
        with pytest.raises(InputError, match="number of beats"):
            PriorShift(PRIOR, strength)
    with pytest.raises(InputError, match="from 0 to 1"):
        PriorShift(PRIOR, least_mean_s=float("nan"))
    with pytest.raises(InputError, match="shares of 3 classes"):
        with_own_shares(np.full((1, 3), 1 / 3), PriorShift(PRIOR))


def test_class_shares_count_beats() -> None:
    assert class_shares([0, 0, 1, 4], 5) == (0.5, 0.25, 0, 0, 0.25)
