"""The scale of a lead from pieces, against NumPy's of the whole lead."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ecg_lightning.annotation.scales import LeadScale, LeadScan, RunningScale
from ecg_lightning.arrays import Floats
from ecg_lightning.signals.lead_quality import lead_qualities
from ecg_lightning.signals.resampling import resampled, resampled_validity
from tests.helpers.recordings import recording_of
from tests.helpers.records import record_of


def lead(samples: int, invalid: float = 0.0) -> Floats:
    """Return the samples of a converter around an offset."""
    random = np.random.default_rng(samples)
    signal: Floats = 3 + np.round(random.standard_normal(samples), 2)
    signal[10:-10][random.random(samples - 20) < invalid] = np.nan
    return signal


def scanned(
    signal: Floats, fs_hz: float, to_hz: float, normalization: str, size: int
) -> tuple[LeadScan, int]:
    """The scan of a lead, and its number of passes."""
    scan = LeadScan(fs_hz, len(signal), to_hz, normalization)
    for passes in range(1, 8):
        for start in range(0, len(signal), size):
            scan.add(signal[start : start + size])
        if scan.end_pass():
            return scan, passes
    raise AssertionError("too many passes")


def numbers(scale: LeadScale) -> list[float]:
    return [scale.low, scale.centre, scale.high]


@pytest.mark.parametrize("size", [1, 100, 10**6])
@pytest.mark.parametrize("invalid", [0.0, 0.1])
def test_a_lead_at_the_rate_of_the_weights_comes_once(size: int, invalid: float) -> None:
    signal = lead(2000, invalid)
    scan, passes = scanned(signal, 360.0, 360.0, "robust", size)
    assert passes == 1
    assert numbers(scan.scale) == np.nanquantile(signal, [0.01, 0.5, 0.99]).tolist()
    filled = np.nan_to_num(signal)  # invalid samples count as 0 in the scaling `record`
    assert (scan.scale.minimum, scan.scale.maximum) == (filled.min(), filled.max())


@pytest.mark.parametrize("size", [77, 10**6])
@pytest.mark.parametrize("fs_hz", [250.0, 1000.0])
@pytest.mark.parametrize("invalid", [0.0, 0.1])
def test_a_lead_at_another_rate_is_scaled_as_resampled(
    size: int, fs_hz: float, invalid: float
) -> None:
    record = record_of(lead(9000, invalid), fs_hz=fs_hz)
    other = resampled(record, 360.0)
    valid = resampled_validity(record, other)
    scan, passes = scanned(record.signal, fs_hz, 360.0, "robust", size)
    assert passes <= (5 if invalid else 3)
    expected = np.quantile(other.signal[valid], [0.01, 0.5, 0.99])
    assert_allclose(numbers(scan.scale), expected, rtol=0, atol=1e-12)
    scan, passes = scanned(record.signal, fs_hz, 360.0, "record", size)
    assert passes == (3 if invalid else 1)
    ends = other.signal.min(), other.signal.max()
    assert_allclose([scan.scale.minimum, scan.scale.maximum], ends, rtol=0, atol=1e-12)
    assert scan.scale.fill == (np.nanmedian(record.signal) if invalid else 0.0)


@pytest.mark.parametrize(("fs_hz", "passes"), [(360.0, 1), (250.0, 1)])
def test_windows_scaled_by_themselves_need_one_pass(fs_hz: float, passes: int) -> None:
    assert scanned(lead(1000), fs_hz, 360.0, "window", 50)[1] == passes


def test_the_passes_give_the_quality_of_the_lead_too() -> None:
    signal = lead(3000, invalid=0.02)
    signal[100:400] = 0.5
    signal[1000:1030] = signal[2000:2040] = 9.0
    recording = recording_of([("II", "mV", 250.0, signal)])
    scan, passes = scanned(signal, 250.0, 360.0, "window", 500)
    assert passes == 2  # the second counts what is clipped
    assert scan.quality == lead_qualities(recording)[0]
    assert scan.quality.clipped == 70
    assert scan.quality.flat >= 300


@pytest.mark.parametrize("normalization", ["record", "robust", "window"])
@pytest.mark.parametrize("fs_hz", [360.0, 250.0])
def test_a_lead_without_a_valid_sample_becomes_zero(normalization: str, fs_hz: float) -> None:
    signal = np.full(1000, np.nan)
    scan, _ = scanned(signal, fs_hz, 360.0, normalization, 300)
    values, valid = np.full(5, np.nan), np.zeros(5, np.bool_)
    assert scan.scale.scaled(values, valid, normalization).tolist() == [0.0] * 5
    assert scan.quality.invalid == 1000


def test_memory_does_not_grow_with_the_lead() -> None:
    random = np.random.default_rng(0)
    pieces = [random.standard_normal(50_000) for _ in range(4)]
    scan = LeadScan(250.0, 40 * 50_000, 360.0, "robust")
    tracemalloc.start()
    done = False
    while not done:
        for number in range(40):
            scan.add(pieces[number % 4])
        done = scan.end_pass()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20


def past(signal: Floats, end: int, samples: int) -> list[float]:
    """The quantiles and extremes of the samples before `end`."""
    known = signal[max(0, end - samples) : end]
    known = known[np.isfinite(known)]
    return [*np.quantile(known, [0.01, 0.5, 0.99]), known.min(), known.max()]


@pytest.mark.parametrize("size", [1, 37, 1000, 5000])
def test_a_stream_is_scaled_by_its_past_minute(size: int) -> None:
    signal = lead(9000, invalid=0.1)
    running = RunningScale(fs_hz=50.0)  # a minute has 3,000 samples
    for start in range(0, len(signal), size):
        running.add(signal[start : start + size])
        end = min(start + size, len(signal))
        if size > 1 or end % 500 == 0:
            scale = running.scale
            assert [*numbers(scale), scale.minimum, scale.maximum] == past(signal, end, 3000)
            assert scale.fill == scale.centre


def test_a_high_rate_is_thinned_whatever_the_chunks() -> None:
    fs_hz, signal = 5000.0, lead(400_000)
    scales = []
    for size in (1 << 17, 333, 400_000):
        running = RunningScale(fs_hz)
        for start in range(0, len(signal), size):
            running.add(signal[start : start + size])
        scales.append(running.scale)
    assert scales[0] == scales[1] == scales[2]
    expected = signal[-300_000:][2::3]  # of three samples one, those at multiples of 3
    assert numbers(scales[0]) == np.quantile(expected, [0.01, 0.5, 0.99]).tolist()


def test_a_stream_without_a_valid_sample_has_no_scale() -> None:
    running = RunningScale(360.0)
    assert running.scale == LeadScale()
    running.add(np.full(100, np.nan))
    running.add(np.zeros(0))
    assert running.scale == LeadScale()
