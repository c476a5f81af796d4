"""Noise for training beats: only first halves, at the rate of the beats, of a known size."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.testing import assert_allclose
from scipy.signal import resample_poly, welch

from ecg_lightning.data.beats import BeatSettings
from ecg_lightning.data.noises import NOISES, noises_for_beats, recorded_noises, synthetic_noises
from ecg_lightning.errors import InputError
from ecg_lightning.signals.context import band_taps

FS_HZ = 360
MINUTE = 60 * FS_HZ


def write(
    folder: Path, name: str, signals: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    """Write a record (T, leads) in mV."""
    n_leads = signals.shape[1]
    wfdb.wrsamp(
        name,
        FS_HZ,
        ["mV"] * n_leads,
        [f"noise{lead + 1}" for lead in range(n_leads)],
        signals,
        fmt=["16"] * n_leads,
        adc_gain=[1000.0] * n_leads,
        baseline=[0] * n_leads,
        write_dir=str(folder),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Records of two minutes: half a mV in the first, ten times as much in the second."""
    rng = np.random.default_rng(1)
    for name in NOISES:
        signal = 0.5 * rng.standard_normal((2 * MINUTE, 2))
        signal[MINUTE:] *= 10
        write(tmp_path, name, signal + np.array([2.0, -1.0]))
    return tmp_path


def test_the_first_half_has_the_size_1_and_no_mean(folder: Path) -> None:
    noises = recorded_noises(folder, FS_HZ)
    assert noises.shape == (3, 2, MINUTE)
    first = wfdb.rdrecord(str(folder / "em")).p_signal[:MINUTE].T
    assert_allclose(noises[1], (first - first.mean(1, keepdims=True)) / 0.5, atol=0.03)
    assert_allclose(noises.mean(-1), 0, atol=1e-6)


def test_noise_comes_at_the_rate_of_the_beats(folder: Path) -> None:
    noises, at_360 = recorded_noises(folder, 128.0), recorded_noises(folder, FS_HZ)
    assert noises.shape == (3, 2, 60 * 128)
    expected = resample_poly(at_360[2, 1].astype(np.float64), 16, 45)
    assert_allclose(noises[2, 1, 100:-100], expected[100:-100], atol=1e-5)


def test_noise_goes_through_the_filter_of_the_context(folder: Path) -> None:
    noises = noises_for_beats(folder, BeatSettings("context", fs_hz=128.0), 0)  # type: ignore[arg-type]
    plain = noises_for_beats(folder, BeatSettings("annotations", fs_hz=128.0), 0)
    expected = np.convolve(plain[0, 0], band_taps(), mode="same")
    assert_allclose(noises[0, 0, 200:-200], expected[200:-200], atol=1e-5)


def test_a_noise_of_one_lead_serves_both(tmp_path: Path) -> None:
    for name in NOISES:
        write(tmp_path, name, np.random.default_rng(2).standard_normal((MINUTE, 1)))
    noises = recorded_noises(tmp_path, FS_HZ)
    assert_allclose(noises[:, 0], noises[:, 1])


def test_a_missing_flat_or_short_record_is_refused(folder: Path) -> None:
    write(folder, "bw", np.zeros((MINUTE, 2)))
    with pytest.raises(InputError, match="bw: expected a noise, found a flat lead"):
        recorded_noises(folder, FS_HZ)
    write(folder, "bw", np.ones((FS_HZ, 2)))
    with pytest.raises(InputError, match="expected a record of noise of 4 s or more, found 1 s"):
        recorded_noises(folder, FS_HZ)
    (folder / "bw.hea").unlink()
    with pytest.raises(InputError, match="bw"):
        recorded_noises(folder, FS_HZ)


def test_synthetic_noise_has_three_colours_of_size_1_within_the_band() -> None:
    noises = synthetic_noises(128.0, seed=0)
    assert noises.shape == (3, 2, 300 * 128)
    assert_allclose(noises.std(-1), 1, atol=1e-5)
    hz, power = welch(noises.astype(np.float64), 128.0, nperseg=1024)
    inside = (hz > 2) & (hz < 35)
    slopes = [np.polyfit(np.log(hz[inside]), np.log(kind[0][inside]), 1)[0] for kind in power]
    assert_allclose(slopes, [0, -1, -2], atol=0.1)
    assert power[:, :, hz > 42].max() < 1e-6 * power.max()


def test_synthetic_noise_depends_on_its_seed() -> None:
    settings = BeatSettings(fs_hz=100.0)
    first = noises_for_beats(None, settings, 3)
    assert np.array_equal(first, noises_for_beats(None, settings, 3))
    assert not np.array_equal(first, noises_for_beats(None, settings, 4))


def test_the_records_of_nstdb(noise: Path) -> None:
    noises = recorded_noises(noise, 128.0, filtered=True)
    assert noises.shape == (3, 2, -(-325_000 * 16 // 45))
    assert np.isfinite(noises).all()
    assert ((noises.std(-1) > 0.4) & (noises.std(-1) < 2)).all()  # bursts of `em` weigh more
    assert (noises[0].std(-1) < 0.6).all()  # most of `bw` lies below 0.5 Hz
