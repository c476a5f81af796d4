"""`robust` and its form for a stream, against scikit-learn, plain quantiles and worked cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import RobustScaler

from ecg_lightning.errors import InputError
from ecg_lightning.signals.running_scaling import RunningRobust
from ecg_lightning.signals.scaling import robust
from tests.helpers.records import Floats


def lead(samples: int, seed: int = 0, invalid: float = 0.0) -> Floats:
    """Return noise around an offset, with some invalid samples and many equal ones."""
    random = np.random.default_rng(seed)
    signal: Floats = 3 + np.round(random.standard_normal(samples), 1)
    signal[random.random(samples) < invalid] = np.nan
    return signal


def plain(signal: Floats, window: int) -> Floats:
    """Each sample scaled by `numpy.quantile` over the samples before it and itself."""
    result = np.zeros(len(signal))
    for i, value in enumerate(signal):
        past = signal[max(0, i - window + 1) : i + 1]
        past = past[np.isfinite(past)]
        if np.isfinite(value):
            low, middle, high = np.quantile(past, [0.01, 0.5, 0.99])
            result[i] = (value - middle) / (high - low if high > low else 1.0)
    return result


@pytest.mark.parametrize("samples", [2, 99, 100, 5000])
def test_robust_is_scikit_learns_scaler(samples: int) -> None:
    signal = lead(samples, invalid=0.1 if samples > 2 else 0.0)
    scaler = RobustScaler(quantile_range=(1, 99))
    expected = scaler.fit_transform(signal.reshape(-1, 1)).reshape(-1)
    assert_allclose(robust(signal), np.nan_to_num(expected), rtol=1e-12, atol=1e-14)


def test_a_lead_scaled_by_hand() -> None:
    signal = np.arange(101.0)  # quantiles 1, 50 and 99
    assert_allclose(robust(signal), (signal - 50) / 98)


@pytest.mark.parametrize("scaling", [robust, RunningRobust(1.0).update])
def test_constant_and_invalid_leads_become_zero(scaling: object) -> None:
    assert callable(scaling)
    assert_array_equal(scaling(np.full(5, -7.0)), np.zeros(5))
    assert_array_equal(scaling(np.array([np.nan, np.inf, -np.inf])), np.zeros(3))


def test_one_spike_hardly_changes_the_others() -> None:
    signal = lead(3600)
    spiked = signal.copy()
    spiked[1000] = 500.0
    others = np.arange(3600) != 1000
    for scaling in (robust, lambda part: RunningRobust(360.0, 10.0).update(part)):
        assert np.abs(scaling(spiked) - scaling(signal))[others].max() < 0.03


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 120),
    st.integers(0, 250),
    st.sampled_from([0.0, 0.2, 0.9]),
    st.integers(0, 2**32 - 1),
)
def test_a_stream_is_scaled_by_quantiles_of_its_past(
    window: int, samples: int, invalid: float, seed: int
) -> None:
    signal = lead(samples, seed, invalid)
    result = RunningRobust(fs_hz=10.0, window_s=window / 10).update(signal)
    assert result.dtype == np.float64
    assert_allclose(result, plain(signal, window), rtol=1e-12, atol=1e-14)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 2**32 - 1))
def test_the_sizes_of_the_chunks_do_not_matter(sizes: list[int], seed: int) -> None:
    signal = lead(sum(sizes), seed, invalid=0.1)
    stream = RunningRobust(fs_hz=10.0, window_s=3.0)
    chunks = np.split(signal, np.cumsum(sizes)[:-1]) if sizes else []
    parts = [stream.update(chunk) for chunk in chunks]
    assert [len(part) for part in parts] == [len(chunk) for chunk in chunks]
    whole = RunningRobust(fs_hz=10.0, window_s=3.0).update(signal)
    assert_array_equal(np.concatenate([*parts, np.empty(0)]), whole)


def test_a_later_sample_changes_nothing_before_it() -> None:
    signal = lead(500)
    other = signal.copy()
    other[300:] = 1e6
    one, two = (RunningRobust(10.0, 20.0).update(part) for part in (signal, other))
    assert_array_equal(one[:300], two[:300])
    assert not np.array_equal(one[300:], two[300:])


def test_a_stream_forgets_what_is_older_than_its_window() -> None:
    start, rest = np.full(400, 1e9), lead(600)
    after = RunningRobust(100.0, 2.0).update(np.concatenate([start, rest]))[400:]
    alone = RunningRobust(100.0, 2.0).update(rest)
    assert_array_equal(after[200:], alone[200:])  # from where the window holds the rest alone
    assert not np.array_equal(after[:200], alone[:200])


def test_memory_is_bounded_by_the_window() -> None:
    stream = RunningRobust(10.0, 5.0)
    for _ in range(20):
        stream.update(lead(100, invalid=0.2))
    assert len(stream._window) == 50
    assert len(stream._ordered) <= 50


@pytest.mark.parametrize(
    ("fs_hz", "window_s"),
    [(360.0, 0.0), (360.0, 0.002), (-1.0, -9.0), (np.nan, 1.0), (360.0, np.inf)],
)
def test_a_window_without_a_sample_is_refused(fs_hz: float, window_s: float) -> None:
    with pytest.raises(InputError, match=r"^window_s: expected a window of at least one sample"):
        RunningRobust(fs_hz, window_s)
