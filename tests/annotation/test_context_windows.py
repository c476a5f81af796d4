"""Windows of two leads in pieces, against those of the whole leads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ecg_lightning
from ecg_lightning.annotation.classifying.context_windows import ContextCutter
from ecg_lightning.annotation.classifying.windows import BeatWindows
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.errors import InputError
from ecg_lightning.signals.context import band_passed, beat_windows, with_edges
from ecg_lightning.signals.resampling import resampled, sample_step
from tests.helpers.heartbeats import heartbeats
from tests.helpers.records import record_of

BLOCK_S = 7.0


def whole(leads: Floats, fs_hz: float, positions: Integers) -> Floats:
    """The windows (B, L, 140) from leads that are resampled and filtered as a whole."""
    record = record_of(leads[0], [(0, "N")], fs_hz)
    at_128 = [resampled(replace(record, signal=lead), 128.0).signal for lead in leads]
    passed = band_passed(with_edges(np.stack(at_128)))
    return np.asarray(beat_windows(passed, positions / sample_step(fs_hz, 128.0)), np.float64)


def in_blocks(
    leads: Floats, fs_hz: float, positions: Integers, block_s: float = BLOCK_S
) -> BeatWindows:
    """The same, block by block, from the samples that each block needs."""
    length, cutter = leads.shape[1], ContextCutter(fs_hz, len(leads))
    block, parts = round(block_s * fs_hz), []
    for start in range(0, length, block):
        inside = positions[(positions >= start) & (positions < start + block)]
        first, end = cutter.source_range(inside, length)
        assert end - first <= block + 3.3 * fs_hz
        parts.append(cutter(leads[:, first:end], first, inside, length))
    return BeatWindows(*map(np.concatenate, zip(*parts, strict=True)))


def made_leads(fs_hz: float, n_leads: int = 2, seconds: float = 60.0) -> tuple[Floats, Integers]:
    """Heartbeats with a baseline that wanders and is not 0, and beats everywhere."""
    leads, _ = heartbeats(seconds, fs_hz, n_leads, seed=round(fs_hz))
    leads += 3 + np.sin(np.arange(leads.shape[1]) / fs_hz)
    random, samples = np.random.default_rng(round(fs_hz)), leads.shape[1]
    places = random.choice(samples, 80, replace=False)
    return leads, np.unique([0, 1, *places, samples // 2, samples - 2, samples - 1])


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 256.0, 360.0, 1000.0])
@pytest.mark.parametrize("n_leads", [1, 2])
def test_pieces_equal_the_whole(fs_hz: float, n_leads: int) -> None:
    leads, positions = made_leads(fs_hz, n_leads)
    # Within 10 samples of its ends, a whole lead continues by another rule.
    margin = round(0.1 * fs_hz)
    leads[:, :margin] = leads[:, -margin:] = 3.0
    result = in_blocks(leads, fs_hz, positions)
    assert result.signals.dtype == np.float32
    expected = whole(leads, fs_hz, positions)
    assert_allclose(result.signals[:, :n_leads], expected, rtol=0, atol=2e-6)
    assert not result.signals[:, n_leads:].any()
    assert np.abs(expected).max() > 0.5


def test_the_blocks_do_not_matter() -> None:
    leads, positions = made_leads(360.0)
    one, two = (in_blocks(leads, 360.0, positions, block_s) for block_s in (1.0, 60.0))
    assert_allclose(one.signals, two.signals, rtol=0, atol=2e-6)
    assert_array_equal(one.quality, two.quality)


def test_beats_near_the_ends_have_windows_of_repeated_samples() -> None:
    leads, _ = made_leads(128.0)
    ends = np.array([0, leads.shape[1] - 1])
    signals = in_blocks(leads, 128.0, ends).signals
    assert (signals[0, :, :61] == signals[0, :, :1]).all()
    assert (signals[1, :, 60:] == signals[1, :, -1:]).all()


def test_a_line_takes_the_place_of_invalid_samples() -> None:
    leads, positions = made_leads(360.0)
    ramp = np.linspace(2.0, 3.0, 360)
    leads[1, 7200:7560] = ramp
    expected = in_blocks(leads, 360.0, positions, 60.0)
    leads[1, 7201:7559] = np.nan
    result = in_blocks(leads, 360.0, positions, 60.0)
    assert_allclose(result.signals, expected.signals, rtol=0, atol=2e-6)
    assert_array_equal(result.quality, expected.quality)  # it is that of the first lead


def test_the_quality_is_that_of_the_beat_in_the_first_lead() -> None:
    leads, _ = made_leads(128.0)
    leads[0, 1000:1100] = np.nan
    positions = np.array([0, 500, 1020, 1054, 1100, 1400, 1153])
    quality = in_blocks(leads, 128.0, np.sort(positions), 60.0).quality * 128
    expected = {0: 74, 500: 128, 1020: 34, 1054: 28, 1100: 74, 1153: 127, 1400: 128}
    assert_allclose(quality, [expected[place] for place in sorted(positions)], atol=1e-4)


def test_a_flat_lead_gives_zeros() -> None:
    leads, _ = made_leads(250.0)
    leads[:, 5000:6000] = 2.5
    signals = in_blocks(leads, 250.0, np.array([4900, 5500])).signals
    assert signals[0].any(1).all()
    assert not signals[1].any()


def test_a_window_without_a_length_waits_for_its_end() -> None:
    leads, _ = made_leads(128.0)
    cutter, positions = ContextCutter(128.0, 2), np.array([1000, 7600])
    assert cutter.source_range(positions) == (1000 - 60 - 128, 7600 + 80 + 128)
    with pytest.raises(ValueError, match="expected samples 812 to 7808 of the leads"):
        cutter(leads, 0, positions)
    known = cutter(leads, 0, positions[:1], leads.shape[1])
    unknown = cutter(leads[:, 812:1208], 812, positions[:1])
    assert_allclose(known.signals, unknown.signals, rtol=0, atol=2e-6)


def test_a_block_without_beats_needs_nothing() -> None:
    cutter, none = ContextCutter(360.0, 2), np.zeros(0, np.int64)
    assert cutter.source_range(none) == (0, 0)
    assert cutter(np.zeros((2, 0)), 0, none).signals.shape == (0, 2, 140)


def test_a_lead_shorter_than_a_beat_is_refused() -> None:
    cutter = ContextCutter(360.0, 1)
    cutter.check_length("strip", 360)
    with pytest.raises(InputError, match=r"at least a window of the weights, 1 s, found 0.992 s"):
        cutter.check_length("strip", 357)


@pytest.mark.parametrize("name", ["114", "208"])
def test_real_records(mitdb: Path, name: str) -> None:
    recording = ecg_lightning.read_recording(mitdb / name)
    leads = recording.read_exactly(0, 360 * 300, [0, 1])
    assert recording.annotations is not None
    positions = recording.annotations.samples
    positions = positions[positions < leads.shape[1]]
    result = in_blocks(leads, 360.0, positions).signals[1:-1]
    assert_allclose(result, whole(leads, 360.0, positions)[1:-1], rtol=0, atol=2e-6)
