"""Invalid, flat and clipped samples, and spikes: worked cases, and the real records."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.arrays import Flags
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.quality import (
    changes,
    clipped_samples,
    flat_samples,
    may_hold_run,
    shares_between,
    spike_factor,
    stretches,
    valid_samples,
)
from tests.helpers.records import Floats

FS_HZ = 100.0


def noise(samples: int = 1000) -> Floats:
    return np.random.default_rng(0).standard_normal(samples)


def set_at(*ranges: tuple[int, int], samples: int = 1000) -> Flags:
    flags = np.zeros(samples, np.bool_)
    for start, end in ranges:
        flags[start:end] = True
    return flags


@given(st.lists(st.booleans(), max_size=30))
def test_stretches_cover_the_flags_and_nothing_else(values: list[bool]) -> None:
    flags = np.array(values, np.bool_)
    starts, ends = stretches(flags)
    assert_array_equal(set_at(*zip(starts, ends, strict=True), samples=len(flags)), flags)
    assert np.all(starts[1:] > ends[:-1])  # a set sample is between two that are not


def test_infinite_samples_are_invalid_and_make_no_change() -> None:
    signal = np.array([1.0, 1.0, 2.0, np.nan, 2.0, np.inf, -np.inf, 3.0])
    assert valid_samples(signal).tolist() == [True] * 3 + [False, True, False, False, True]
    assert changes(signal).tolist() == [False, False, True] + [False] * 5


@pytest.mark.parametrize("function", [valid_samples, changes])
def test_no_samples_have_no_flags(function: Callable[[Floats], Flags]) -> None:
    assert function(np.empty(0)).tolist() == []


def test_half_a_second_of_equal_samples_is_flat() -> None:
    signal = noise()
    signal[100:149] = 0.3  # 0.49 s
    signal[300:350] = 0.3  # 0.5 s
    signal[600:700] = np.nan
    signal[900:] = -2.0
    assert_array_equal(flat_samples(signal, FS_HZ), set_at((300, 350), (900, 1000)))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_runs_at_an_extreme_are_clipped(sign: float) -> None:
    signal = np.clip(noise(), -5, 5)
    signal[[50, 60]] = 6.0  # lone extremes
    signal[100:102] = 6.0  # two samples are no run
    signal[200:203] = 6.0  # three samples, 30 ms
    signal[400:440] = 6.0
    signal[500:540] = 2.0  # not the extreme
    signal[700:] = np.nan
    assert_array_equal(clipped_samples(sign * signal, FS_HZ), set_at((200, 203), (400, 440)))


def test_at_a_high_rate_a_run_has_to_last_20_ms() -> None:
    signal = np.clip(noise(), -5, 5)
    signal[200:219], signal[400:420] = 6.0, 6.0
    assert_array_equal(clipped_samples(signal, 1000.0), set_at((400, 420)))


def test_a_baseline_without_noise_is_not_clipped() -> None:
    signal = np.zeros(1000)
    signal[100:110] = np.hanning(10)
    assert not clipped_samples(signal, FS_HZ).any()
    assert not clipped_samples(np.zeros(1000), FS_HZ).any()
    assert not clipped_samples(np.full(1000, np.nan), FS_HZ).any()


def test_a_spike_of_one_sample_is_measured() -> None:
    signal = np.linspace(0, 1, 1001)
    assert spike_factor(signal, FS_HZ) == pytest.approx(1 / 0.996)  # two samples at each end
    signal[500] = 10.0
    assert spike_factor(signal, FS_HZ) == pytest.approx(10 / 0.997, rel=1e-3)
    signal[600] = np.nan
    assert spike_factor(signal, FS_HZ) == pytest.approx(10 / 0.997, rel=1e-3)


@given(st.integers(15, 3000), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 6]))
def test_a_spike_factor_is_that_of_the_sorted_lead(samples: int, seed: int, digits: int) -> None:
    signal = np.round(np.random.default_rng(seed).standard_normal(samples), digits)
    ordered = np.sort(signal)  # at 360 Hz seven samples are set aside at each end
    wide, narrow = ordered[-1] - ordered[0], ordered[-8] - ordered[7]
    expected = wide / narrow if narrow > 0 else math.inf if wide > 0 else 1.0
    assert spike_factor(signal, 360.0) == pytest.approx(expected)


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 12))
def test_no_run_is_overlooked(values: list[bool], length: int) -> None:
    flags = np.array(values, np.bool_)
    starts, ends = stretches(flags)
    if np.any(ends - starts >= length):
        assert may_hold_run(flags, length)
    if not flags.any():
        assert not may_hold_run(flags, length)


def test_a_spike_on_a_constant_lead() -> None:
    signal = np.zeros(1000)
    assert spike_factor(signal, FS_HZ) == 1.0
    signal[500] = 1.0
    assert spike_factor(signal, FS_HZ) == math.inf
    assert spike_factor(np.array([1.0, np.nan, 5.0]), FS_HZ) == 1.0  # too few samples


def test_shares_of_windows_also_between_samples() -> None:
    flags = np.array([True, True, False, True])
    starts, ends = np.array([0.0, -3.0, 0.5, 2.0, 3.0]), np.array([4.0, 1.0, 2.5, 2.5, 9.0])
    expected = [3 / 4, 1 / 4, 1.5 / 4, 0, 1 / 4]
    assert_allclose(shares_between(flags, starts, ends, 4.0), expected, atol=1e-12)


def test_clipped_real_records(mitdb: Path) -> None:
    """Only 116 of the first leads is clipped, at both ends of the converter."""
    marked = {}
    for header in sorted(mitdb.glob("*.hea")):
        record = read_record(mitdb, header.stem)
        clipped = clipped_samples(record.signal, record.fs_hz)
        if clipped.any() or spike_factor(record.signal, record.fs_hz) >= 2:
            marked[header.stem] = int(clipped.sum())
    assert marked == {"116": 921}
