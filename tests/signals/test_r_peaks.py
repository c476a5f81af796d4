"""R peaks next to the positions of the detector."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.arrays import Floats
from ecg_lightning.classes import AAMI, NO_BEAT
from ecg_lightning.records.wfdb.reader import read_record
from ecg_lightning.signals.r_peaks import AROUND_S, SEARCH_S, refined

FS = 500.0


def beat(sign: float = 1.0, offset: float = 0.0) -> Floats:
    """A QRS at sample 1000, a T wave of half its size 0.2 s later, on a slope."""
    time_s = (np.arange(2000) - 1000) / FS
    qrs = np.exp(-0.5 * (time_s / 0.015) ** 2)
    t_wave = 0.5 * np.exp(-0.5 * ((time_s - 0.2) / 0.04) ** 2)
    return sign * (qrs + t_wave) + offset + 0.2 * time_s


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("offset", [0.0, -40.0])
def test_r_peak_is_the_largest_deflection_of_either_sign(sign: float, offset: float) -> None:
    reach = SEARCH_S * FS - 1
    positions = np.array([1000 - reach, 990.4, 1000, 1000 + reach])
    peaks = refined(positions, beat(sign, offset), FS)
    assert peaks.dtype == np.int64
    np.testing.assert_allclose(peaks, 1000, atol=1)


def test_noise_hardly_moves_r_peaks() -> None:
    rng = np.random.default_rng(0)
    noisy = [beat() + rng.normal(0, 0.1, 2000) for _ in range(50)]
    moved = [abs(int(refined(np.array([1005]), lead, FS)[0]) - 1000) for lead in noisy]
    assert max(moved) <= 0.012 * FS


def test_piece_with_its_surroundings_gives_what_the_whole_gives() -> None:
    lead = np.random.default_rng(1).standard_normal(5000)
    around = round(AROUND_S * FS) + round(0.02 * FS)
    positions = np.array([1500.0, 1999.5])
    piece = lead[1500 - around : 2000 + around + 1]
    peaks = refined(positions - (1500 - around), piece, FS) + (1500 - around)
    np.testing.assert_array_equal(peaks, refined(positions, lead, FS))


def test_invalid_samples_and_ends() -> None:
    lead = beat()
    lead[900:985] = np.nan
    assert refined(np.array([1000]), lead, FS).tolist() == [1000]
    lead[:] = np.nan
    assert refined(np.array([1000.6]), lead, FS).tolist() == [1001]
    short = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    assert 0 <= refined(np.array([4]), short, 100.0)[0] < 5
    assert refined(np.array([], np.int64), lead, FS).tolist() == []


def test_r_peaks_of_real_records_are_where_experts_put_them(mitdb: Path) -> None:
    record = read_record(mitdb, "100")
    beats = record.annotation_samples[AAMI.labels(record.annotation_symbols) != NO_BEAT]
    jitter = np.random.default_rng(0).normal(0, 4, len(beats))
    apart = np.abs(refined(beats + jitter, record.signal, record.fs_hz) - beats)
    assert np.median(apart) <= 1
    assert np.percentile(apart, 99) <= 4
