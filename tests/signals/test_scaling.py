"""`robust`, against scikit-learn and worked cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import RobustScaler

from ecg_lightning.signals.scaling import robust
from tests.helpers.records import Floats


def lead(samples: int, seed: int = 0, invalid: float = 0.0) -> Floats:
    """Return noise around an offset, with some invalid samples and many equal ones."""
    random = np.random.default_rng(seed)
    signal: Floats = 3 + np.round(random.standard_normal(samples), 1)
    signal[random.random(samples) < invalid] = np.nan
    return signal


@pytest.mark.parametrize("samples", [2, 99, 100, 5000])
def test_robust_is_scikit_learns_scaler(samples: int) -> None:
    signal = lead(samples, invalid=0.1 if samples > 2 else 0.0)
    scaler = RobustScaler(quantile_range=(1, 99))
    expected = scaler.fit_transform(signal.reshape(-1, 1)).reshape(-1)
    assert_allclose(robust(signal), np.nan_to_num(expected), rtol=1e-12, atol=1e-14)


def test_a_lead_scaled_by_hand() -> None:
    signal = np.arange(101.0)  # quantiles 1, 50 and 99
    assert_allclose(robust(signal), (signal - 50) / 98)


def test_constant_and_invalid_leads_become_zero() -> None:
    assert_array_equal(robust(np.full(5, -7.0)), np.zeros(5))
    assert_array_equal(robust(np.array([np.nan, np.inf, -np.inf])), np.zeros(3))


def test_one_spike_hardly_changes_the_others() -> None:
    signal = lead(3600)
    spiked = signal.copy()
    spiked[1000] = 500.0
    others = np.arange(3600) != 1000
    assert np.abs(robust(spiked) - robust(signal))[others].max() < 0.03
