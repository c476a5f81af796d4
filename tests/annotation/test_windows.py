"""Windows in pieces, against those that the data module cuts from the whole record."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ecg_lightning.annotation.classifying.beat_network import BeatNetwork
from ecg_lightning.annotation.classifying.windows import BeatWindows, WindowCutter
from ecg_lightning.annotation.scales import LeadScan
from ecg_lightning.arrays import Floats32
from ecg_lightning.classes import CLASS_MAPS, NO_BEAT
from ecg_lightning.data.signal_notes import judge_windows
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.resampling import resampled, resampled_validity
from ecg_lightning.signals.segmentation import annotation_windows
from tests.helpers.records import record_of

NORMALIZATIONS = ["record", "window", "robust"]
BLOCK_S = 7.0


@pytest.fixture(scope="module")
def shipped() -> BeatNetwork:
    return BeatNetwork.load("DeepConv1d-robust")


def beats_of(record: Record) -> np.ndarray:
    is_beat = CLASS_MAPS["aami"].labels(record.annotation_symbols) != NO_BEAT
    return record.annotation_samples[is_beat]


def in_blocks(record: Record, network: BeatNetwork) -> BeatWindows:
    """Cut the windows of a record block by block, from the samples that each block needs."""
    length, positions = len(record.signal), beats_of(record)
    scan, done = LeadScan(record.fs_hz, length, network.fs_hz, network.normalization), False
    while not done:
        for start in range(0, length, 1000):
            scan.add(record.signal[start : start + 1000])
        done = scan.end_pass()
    cutter, block = WindowCutter(record.fs_hz, network), round(BLOCK_S * record.fs_hz)
    parts = []
    for start in range(0, length, block):
        inside = positions[(positions >= start) & (positions < start + block)]
        first, end = cutter.source_range(inside, length)
        assert end - first <= block + 3 * network.window_samples * record.fs_hz / network.fs_hz
        piece = record.signal[first:end]
        parts.append(cutter(piece, first, inside, scan.scale, length))
    return BeatWindows(*map(np.concatenate, zip(*parts, strict=True)))


def whole(record: Record, network: BeatNetwork) -> tuple[Floats32, Floats32]:
    """The windows of the data module, and their quality."""
    other = resampled(record, network.fs_hz)
    windows = annotation_windows(
        other,
        CLASS_MAPS["aami"],
        network.window_samples,
        network.normalization,
        resampled_validity(record, other),
    )
    size = len(other.signal), network.fs_hz, network.window_samples
    quality, _, _ = judge_windows(record, windows.samples, *size, peaks=False)
    return windows.signals.astype(np.float32), quality.astype(np.float32)


def made_record(fs_hz: float, seconds: float = 60.0, invalid: bool = False) -> Record:
    """Noise with a wandering baseline, beats everywhere and, if wanted, invalid samples."""
    random = np.random.default_rng(round(fs_hz))
    samples = round(seconds * fs_hz)
    signal = random.standard_normal(samples) + 2 * np.sin(np.arange(samples) / fs_hz) + 3
    if invalid:
        signal[round(0.2 * samples) : round(0.23 * samples)] = np.nan
        signal[random.random(samples) < 0.01] = np.nan
        signal[[0, -1]] = np.nan
    places = np.sort(random.choice(samples, 80, replace=False))
    places = np.unique([0, 1, *places, samples // 2, samples - 2, samples - 1])
    return record_of(signal, [(int(place), "N") for place in places], fs_hz)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("invalid", [False, True])
@pytest.mark.parametrize("window_samples", [256, 255, 3600])
def test_windows_equal_those_of_the_data_module(
    shipped: BeatNetwork, normalization: str, invalid: bool, window_samples: int
) -> None:
    network = replace(shipped, normalization=normalization, window_samples=window_samples)
    record = made_record(360.0, invalid=invalid)
    signals, quality = whole(record, network)
    result = in_blocks(record, network)
    assert_array_equal(result.signals, signals)
    assert_allclose(result.quality, quality, rtol=0, atol=1e-7)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 1000.0])
@pytest.mark.parametrize("invalid", [False, True])
def test_windows_of_a_resampled_lead(
    shipped: BeatNetwork, normalization: str, fs_hz: float, invalid: bool
) -> None:
    network = replace(shipped, normalization=normalization)
    record = made_record(fs_hz, invalid=invalid)
    # Within 10 samples of its ends, the lead continues by another rule. The ends do not hold its
    # extremes.
    signal = record.signal.copy()
    margin = round(0.1 * fs_hz)
    signal[:margin] = signal[-margin:] = 3.0
    record = replace(record, signal=signal)
    signals, quality = whole(record, network)
    result = in_blocks(record, network)
    assert_allclose(result.signals, signals, rtol=3e-7, atol=3e-7)
    assert_allclose(result.quality, quality, rtol=0, atol=1e-7)


def test_a_window_without_a_length_waits_for_its_end(shipped: BeatNetwork) -> None:
    record = made_record(360.0)
    cutter, positions = WindowCutter(360.0, shipped), np.array([1000, 21590])
    scale = LeadScan(360.0, 21600, 360.0, "robust")
    scale.add(record.signal)
    assert scale.end_pass()
    first, end = cutter.source_range(positions)
    assert (first, end) == (872, 21718)
    with pytest.raises(ValueError, match="expected samples 872 to 21718 of the lead"):
        cutter(record.signal, 0, positions, scale.scale)
    # While the length is unknown, windows away from the end are the same.
    known = cutter(record.signal, 0, positions[:1], scale.scale, 21600)
    unknown = cutter(record.signal[872:1128], 872, positions[:1], scale.scale)
    assert_array_equal(known.signals, unknown.signals)
    assert_array_equal(known.quality, unknown.quality)


def test_a_block_without_beats_needs_nothing(shipped: BeatNetwork) -> None:
    cutter, none = WindowCutter(360.0, shipped), np.zeros(0, np.int64)
    assert cutter.source_range(none) == (0, 0)
    result = cutter(np.zeros(0), 0, none, LeadScan(360.0, 9, 360.0, "window").scale)
    assert result.signals.shape == (0, 256)
    assert result.quality.shape == (0,)


def test_a_lead_shorter_than_a_window_is_refused(shipped: BeatNetwork) -> None:
    cutter = WindowCutter(250.0, replace(shipped, window_samples=3600))
    cutter.check_length("strip", 2500)
    with pytest.raises(
        InputError,
        match=r"^recording strip: expected at least a window of the weights, 10 s, found 9.99 s; ",
    ):
        cutter.check_length("strip", 2498)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("name", ["102", "114", "207"])
def test_real_records(shipped: BeatNetwork, mitdb: Path, name: str, normalization: str) -> None:
    network = replace(shipped, normalization=normalization)
    record = read_record(mitdb, name)
    signals, quality = whole(record, network)
    result = in_blocks(record, network)
    assert_array_equal(result.signals, signals)
    assert_array_equal(result.quality, quality)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_real_records_at_another_rate(shipped: BeatNetwork, svdb: Path, normalization: str) -> None:
    network = replace(shipped, normalization=normalization)
    record = read_record(svdb, "859")
    signals, quality = whole(record, network)
    result = in_blocks(record, network)
    assert_allclose(result.signals[1:-1], signals[1:-1], rtol=3e-7, atol=3e-7)
    assert_allclose(result.quality, quality, rtol=0, atol=1e-7)
