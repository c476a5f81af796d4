"""Blocks against the whole: buffer, filter, probabilities, positions and windows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.annotation.classifying.windows import ScaledCutter, WindowCutter
from ecg_lightning.annotation.engine import Batch, Engine
from ecg_lightning.annotation.finding.beat_finder import BeatFinder
from ecg_lightning.annotation.finding.detector_input import (
    DetectorInput,
    DetectorScales,
    FirstPass,
    Grid,
)
from ecg_lightning.annotation.finding.signal_buffer import SignalBuffer
from ecg_lightning.annotation.finding.stated_beats import StatedFinder
from ecg_lightning.annotation.scales import LeadScale
from ecg_lightning.arrays import Floats
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.models.detector_weights import load_detector
from ecg_lightning.signals.beat_picker import BeatPicker
from ecg_lightning.signals.detection import (
    BAND_SAMPLES,
    band_passed,
    lead_scale,
    window_maxima,
)
from ecg_lightning.signals.r_peaks import refined
from ecg_lightning.signals.resampling import Resampler
from tests.helpers.heartbeats import heartbeats, small_network

FAR = 10_000_000  # samples: one block holds everything


@pytest.fixture(scope="module")
def detector() -> BeatDetector:
    return load_detector("BeatDetector")


def batches_of(engine: Engine, leads: Floats, size: int = 5000) -> Batch:
    """The batches of leads that come in pieces, joined."""
    parts = []
    for start in range(0, leads.shape[1], size):
        parts += engine.push(leads[:, start : start + size])
    parts += engine.finish()
    names = ("samples", "p_beat", "windows", "quality", "unusable")
    return Batch(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def engine_of(
    detectors: list[BeatDetector], fs_hz: float, n_leads: int, block: int, scales: Floats
) -> Engine:
    finder = BeatFinder(detectors, fs_hz, block, scales)
    cutter = WindowCutter(fs_hz, small_network())
    return Engine(finder, ScaledCutter(cutter, LeadScale(low=-1, high=1)), n_leads)


def filtered_whole(leads: Floats, fs_hz: float) -> Floats:
    """What the detector sees of leads (L, T), before it is scaled; 3 s are added at both ends."""
    added = 3 * round(fs_hz)
    resampler = Resampler(fs_hz, 120.0)
    padded = np.pad(leads, ((0, 0), (added, added)), "edge")
    before = resampler.length(added)
    low = resampler(padded, 0, resampler.length(padded.shape[1]), padded.shape[1])
    stop = before + resampler.length(leads.shape[1])
    return band_passed(low[:, before - BAND_SAMPLES : stop + BAND_SAMPLES])


class TestSignalBuffer:
    @settings(max_examples=100, deadline=None)
    @given(
        sizes=st.lists(st.integers(0, 9), max_size=12),
        forgotten=st.integers(0, 60),
        bounds=st.tuples(st.integers(-20, 120), st.integers(0, 60)),
    )
    def test_it_reads_what_came_and_nan_elsewhere(
        self, sizes: list[int], forgotten: int, bounds: tuple[int, int]
    ) -> None:
        buffer, whole = SignalBuffer(2), np.random.default_rng(0).random((2, sum(sizes)))
        start = 0
        for size in sizes:
            buffer.append(whole[:, start : start + size])
            start += size
        buffer.forget(forgotten)
        assert buffer.start <= forgotten
        first, end = bounds[0], sum(bounds)
        padded = np.pad(whole, ((0, 0), (20, 200)), constant_values=np.nan)
        if first >= forgotten or (first < 0 and not forgotten):
            assert_array_equal(buffer.read(first, end), padded[:, first + 20 : end + 20])
            assert_array_equal(
                buffer.read(first, end, slice(1, 2)), padded[1:, first + 20 : end + 20]
            )

    def test_it_holds_the_last_chunks_only(self) -> None:
        buffer = SignalBuffer(1)
        for _ in range(100):
            buffer.append(np.zeros((1, 10)))
            buffer.forget(buffer.stop - 25)
        assert (buffer.start, buffer.stop) == (970, 1000)


@pytest.mark.parametrize("fs_hz", [100.0, 120.0, 128.0, 250.0, 360.0, 1000.0])
def test_the_positions_are_those_of_the_whole(detector: BeatDetector, fs_hz: float) -> None:
    """Each step on the whole signal at once, by the functions of `signals`."""
    leads, times = heartbeats(47.7, fs_hz, n_leads=2, seed=1)
    filtered = filtered_whole(leads, fs_hz)
    scales = np.array([lead_scale(maxima) for maxima in window_maxima(filtered)])
    seen = (filtered / scales[:, None]).astype(np.float32)
    seen = np.pad(seen, ((0, 0), (0, seen.shape[1] % 2)), "edge")
    with torch.inference_mode():
        p_beat = torch.sigmoid(detector(torch.from_numpy(seen)[None]))[0].numpy()
    picker = BeatPicker(detector.threshold)
    parts = picker.push(p_beat[: filtered.shape[1]]), picker.finish()
    places = np.concatenate([part[0] for part in parts])
    expected = refined(places * (fs_hz / 120), leads[0], fs_hz)

    engine = engine_of([detector], fs_hz, 2, 960, scales)
    result = batches_of(engine, leads)
    assert_array_equal(result.samples, expected)
    assert_allclose(result.p_beat, np.concatenate([part[1] for part in parts]), atol=2e-3)
    assert len(times) == len(expected)
    assert np.abs(expected / fs_hz - times).max() < 0.02


@pytest.mark.parametrize("fs_hz", [90.0, 128.0, 360.0])
@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.0, 60.0, 91.0])
def test_the_first_pass_measures_the_scales_of_the_whole(fs_hz: float, seconds: float) -> None:
    leads, _ = heartbeats(seconds, fs_hz, n_leads=2, seed=2)
    leads[1] *= 3
    first = FirstPass(Grid(DetectorInput(fs_hz), 1200, 0, 0), ("mV", "mV"))
    for start in range(0, leads.shape[1], 700):
        first.push(leads[:, start : start + 700])
    filtered = filtered_whole(leads, fs_hz)
    if filtered.shape[1] < 240:
        expected = np.abs(filtered).max(1).clip(0.02)
    else:
        expected = np.array([lead_scale(maxima) for maxima in window_maxima(filtered)])
    assert_allclose(first.finish(), expected, rtol=1e-9)


def test_the_running_scale_is_that_of_the_past_minute() -> None:
    scales, random = DetectorScales(("mV",)), np.random.default_rng(0)
    maxima = random.uniform(0.5, 2, 100)
    for count, largest in enumerate(maxima, 1):
        window = np.zeros((1, 240))
        window[0, random.integers(240)] = largest * random.choice([-1, 1])
        for part in np.split(window, [7, 100], axis=1):
            scales.push(part)
        assert_allclose(scales.values, np.median(maxima[max(0, count - 30) : count]))


def test_a_dead_lead_is_not_used_in_that_time(detector: BeatDetector) -> None:
    leads, times = heartbeats(60.0, n_leads=2, seed=4)
    leads[0, 20 * 360 : 40 * 360] = 0.3
    result = batches_of(engine_of([detector], 360.0, 2, 1200, np.array([1.2, 0.7])), leads)
    assert len(result.samples) == len(times)
    assert np.abs(result.samples / 360 - times).max() < 0.02
    assert not len(result.unusable)
    alone = engine_of([detector], 360.0, 1, 1200, np.array([0.7]))
    other = batches_of(alone, leads[1:])
    inside = (other.samples > 24 * 360) & (other.samples < 36 * 360)  # the context is dead as well
    rows = np.searchsorted(result.samples, other.samples[inside])
    assert_array_equal(result.samples[rows], other.samples[inside])
    assert_allclose(result.p_beat[rows], other.p_beat[inside], atol=1e-6)


def test_no_beat_lies_where_all_leads_are_dead(detector: BeatDetector) -> None:
    leads, times = heartbeats(60.0, n_leads=2, seed=4)
    leads[0, 20 * 360 : 40 * 360] = 5.0  # a step of 5 mV at both ends
    leads[1, 25 * 360 : 45 * 360] = np.nan
    result = batches_of(engine_of([detector], 360.0, 2, 1200, np.array([1.2, 0.7])), leads)
    assert result.unusable.tolist() == [[25 * 360, 40 * 360]]
    kept = times[(times < 25) | (times >= 40)]
    assert len(kept) - 2 <= len(result.samples) <= len(kept)
    assert not ((result.samples >= 25 * 360) & (result.samples < 40 * 360)).any()


def test_the_mean_of_detectors_counts(detector: BeatDetector) -> None:
    leads, _ = heartbeats(20.0, seed=4)
    never = load_detector("BeatDetector")
    assert never.out.bias is not None
    with torch.no_grad():
        never.out.bias.fill_(-1000.0)
    never.threshold = 0.2
    detector_p = batches_of(engine_of([detector], 360.0, 1, 1200, np.ones(1)), leads).p_beat
    both = engine_of([detector, never], 360.0, 1, 1200, np.ones(1))
    assert_allclose(batches_of(both, leads).p_beat, detector_p / 2, atol=1e-6)


def test_each_beat_is_later_than_the_one_before() -> None:
    detector = load_detector("BeatDetector")
    detector.threshold = 0.0001
    noise = np.random.default_rng(1).standard_normal((1, 60 * 360))
    samples = batches_of(engine_of([detector], 360.0, 1, 1200, np.ones(1)), noise).samples
    assert len(samples) > 100
    assert (np.diff(samples) > 0).all()


@pytest.mark.parametrize("size", [1, 77, 5000, FAR])
def test_stated_positions_come_unchanged(size: int) -> None:
    leads, _ = heartbeats(12.0, 250.0)
    leads[0, 1000:1500] = np.nan
    samples = np.array([0, 1, 5, 999, 1000, 1250, 1499, 2000, 2998, 2999])
    cutter = WindowCutter(250.0, small_network())
    engine = Engine(StatedFinder(samples, 250.0, 1.3), ScaledCutter(cutter, LeadScale()), 1)
    result = batches_of(engine, leads, size)
    assert_array_equal(result.samples, samples)
    assert_array_equal(result.p_beat, 1)
    assert result.unusable.tolist() == [[1000, 1500]]
    assert result.quality[5] < 0.5 < result.quality[7]
