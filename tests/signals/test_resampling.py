"""Resampling in pieces, against SciPy's resampling of the whole lead."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.signal import resample_poly

from ecg_lightning.arrays import Floats
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.resampling import Resampler, resampled, sample_step

# fs_hz, to_hz, and the ratio of both.
RATES = [
    (360.0, 120.0, 1, 3),
    (128.0, 360.0, 45, 16),
    (250.0, 360.0, 36, 25),
    (1000.0, 120.0, 3, 25),
    (257.0, 120.0, 120, 257),
]


def wander(samples: int) -> Floats:
    random = np.random.default_rng(samples)
    return random.standard_normal(samples) - 5 + np.linspace(0, 3, samples)


def grid(length: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, size):
        yield start, min(start + size, length)


def in_pieces(resampler: Resampler, signal: Floats, size: int) -> Floats:
    n_samples = signal.shape[-1]
    pieces = []
    for start, stop in grid(resampler.length(n_samples), size):
        first, end = resampler.source_range(start, stop)
        known = signal[..., max(0, first) : end]
        pieces.append(resampler(known, start, stop, n_samples))
    return np.concatenate(pieces, -1)


@pytest.mark.parametrize(("fs_hz", "to_hz", "up", "down"), RATES)
@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_pieces_equal_the_whole_lead(
    fs_hz: float, to_hz: float, up: int, down: int, size: int
) -> None:
    signal = wander(1201)
    whole = resample_poly(signal, up, down, padtype="line")
    result = in_pieces(Resampler(fs_hz, to_hz), signal, size)
    assert result.shape == whole.shape
    inside = slice(round(10 * max(1, up / down)) + 1, -round(10 * max(1, up / down)) - 1)
    assert len(whole[inside]) > 100
    np.testing.assert_allclose(result[inside], whole[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("fs_hz", "to_hz", "up", "down"), RATES)
@pytest.mark.parametrize("level", [1e3, 2.0**23, -1e9])
@pytest.mark.parametrize("gain", [2.0**-24, 1.0, 100.0])
def test_a_level_far_above_the_signal_makes_no_waves(
    fs_hz: float, to_hz: float, up: int, down: int, level: float, gain: float
) -> None:
    """A converter that counts from 0, or an electrode's offset."""
    signal = wander(1201)
    expected = resample_poly(signal, up, down, padtype="line")
    result = in_pieces(Resampler(fs_hz, to_hz), gain * (signal + level), 300) / gain - level
    inside = slice(round(10 * max(1, up / down)) + 1, -round(10 * max(1, up / down)) - 1)
    np.testing.assert_allclose(result[inside], expected[inside], rtol=0, atol=0.01)


@pytest.mark.parametrize(("fs_hz", "to_hz", "up", "down"), RATES)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_lead_continues_with_the_value_at_its_end(
    fs_hz: float, to_hz: float, up: int, down: int, size: int
) -> None:
    signal = wander(700)
    longer = np.pad(signal, down * 100, "edge")
    whole = resample_poly(longer, up, down)[up * 100 :]
    result = in_pieces(Resampler(fs_hz, to_hz), signal, size)
    np.testing.assert_allclose(result, whole[: len(result)], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("fs_hz", "to_hz", "up", "down"), RATES)
def test_a_sample_does_not_depend_on_its_piece(
    fs_hz: float, to_hz: float, up: int, down: int
) -> None:
    signal = wander(900)
    results = [in_pieces(Resampler(fs_hz, to_hz), signal, size) for size in (1, 13, 500)]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("fs_hz", "to_hz", "up", "down"), [*RATES, (360.0, 360.0, 1, 1)])
def test_what_is_ready_needs_no_later_sample(
    fs_hz: float, to_hz: float, up: int, down: int
) -> None:
    resampler = Resampler(fs_hz, to_hz)
    for available in range(200):
        ready = resampler.ready(available)
        assert ready == 0 or resampler.source_range(ready - 1, ready)[1] <= available
        assert resampler.source_range(ready, ready + 1)[1] > available
        assert resampler.ready(available, 150) == (
            -(-150 * up // down) if available >= 150 else ready
        )


def test_several_leads_are_resampled_as_each_alone() -> None:
    leads = np.stack([wander(500), wander(500)[::-1]])
    resampler = Resampler(250.0, 120.0)
    both = in_pieces(resampler, leads, 40)
    for lead, result in zip(leads, both, strict=True):
        assert np.array_equal(in_pieces(resampler, lead, 40), result)


def test_equal_rates_return_the_samples_themselves() -> None:
    resampler, signal = Resampler(360.0, 360.0), wander(50)
    assert resampler.is_copy
    assert resampler.source_range(3, 9) == (3, 9)
    assert resampler(signal, 0, 50, 50) is signal
    with pytest.raises(ValueError, match="expected samples 0 to 50 of the lead"):
        resampler(signal[:49], 0, 50, 50)


def test_samples_of_another_range_are_refused() -> None:
    resampler = Resampler(360.0, 120.0)
    with pytest.raises(ValueError, match="expected samples 270 to 331 of the lead"):
        resampler(np.ones(60), 100, 101)
    with pytest.raises(ValueError, match="expected samples 0 to 31 of the lead"):
        resampler(np.ones(61), 0, 1)


@pytest.mark.parametrize(("fs_hz", "to_hz"), [(360.01, 360.0), (120.005, 120.0)])
def test_positions_follow_the_signal_at_rates_without_a_ratio_of_small_numbers(
    fs_hz: float, to_hz: float
) -> None:
    """One pulse after two hours: the quotient of both rates gives another place."""
    place = round(2 * 3600 * fs_hz)
    signal = np.zeros(place + 1000)
    signal[place - 2 : place + 3] = 1.0
    record = Record("r", fs_hz, "II", signal, np.array([place]), np.array(["N"]))
    other = resampled(record, to_hz)
    assert abs(np.argmax(other.signal) - other.annotation_samples[0]) <= 2
    assert abs(place / fs_hz - other.annotation_samples[0] / to_hz) > 0.05
    resampler = Resampler(fs_hz, to_hz)
    assert resampler.nearest(np.array([place]))[0] == other.annotation_samples[0]
    assert abs(other.annotation_samples[0] * sample_step(fs_hz, to_hz) - place) <= 1
    position = resampler.position(int(other.annotation_samples[0]))
    assert abs(position - place) <= 1
