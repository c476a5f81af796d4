"""The signal-to-noise ratio of noisy records, against hand-worked cases."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ecg_lightning.arrays import Floats
from ecg_lightning.data.noises import noise_rms
from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from noisy_records import qrs_amplitude, repeated, second_half, with_noise

FS_HZ = 100.0


def _beats(n_beats: int) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """A signal of one beat a second, whose range is 1 mV; that of beat k is 1 + k in the test."""
    samples = 50 + 100 * np.arange(n_beats)
    signal = np.zeros(100 * n_beats)
    signal[samples], signal[samples + 3] = 0.75, -0.25
    return signal, samples


def test_the_amplitude_is_the_range_around_normal_beats() -> None:
    signal, samples = _beats(40)
    symbols = np.full(40, "N")
    assert qrs_amplitude(signal, samples, symbols, FS_HZ) == 1.0
    signal[samples[3]] += 40  # a ventricular beat, ten times as large
    symbols[3] = "V"
    signal[samples[5] + 20] = 50  # between the beats
    assert qrs_amplitude(signal, samples, symbols, FS_HZ) == 1.0


def test_the_largest_and_the_smallest_twentieth_are_dropped() -> None:
    signal, samples = _beats(40)
    signal[samples[:2]] += 100  # the two largest of 40
    signal[samples[2:4]] = signal[samples[2:4] + 3] = 0  # the two smallest
    signal[samples[4]] += 36  # the one that counts: 37 mV
    symbols = np.full(40, "N")
    assert_allclose(qrs_amplitude(signal, samples, symbols, FS_HZ), (35 * 1 + 37) / 36)


def test_no_more_than_300_beats_count() -> None:
    signal, samples = _beats(400)
    signal[samples[300:]] += 7
    assert qrs_amplitude(signal, samples, np.full(400, "N"), FS_HZ) == 1.0


def test_noise_is_measured_second_by_second_around_its_mean() -> None:
    seconds = np.repeat(np.arange(40) * 5.0, 100)  # steps between seconds are no noise
    noise = seconds + np.where(np.arange(4000) % 2, 0.5, -0.5)
    assert_allclose(noise_rms(noise, FS_HZ), 0.5)


def test_repeated_noise_has_no_step() -> None:
    noise = np.array([1.0, 2.0, 5.0])
    assert repeated(noise, 8).tolist() == [1, 2, 5, 5, 6, 9, 9, 10]


@pytest.mark.parametrize("snr_db", [24, 6, 0, -6])
def test_powers_have_the_ratio_that_is_asked_for(snr_db: float) -> None:
    signal, samples = _beats(400)
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, 15_000)) * np.array([[1.0], [3.0]])
    leads = np.stack([signal, 2 * signal])
    symbols = np.full(400, "N")
    noisy = with_noise(leads, samples, symbols, noise, FS_HZ, snr_db)
    for lead, result, amplitude in zip(leads, noisy, (1.0, 2.0), strict=True):
        power = np.mean([(result - lead)[i : i + 100].var() for i in range(0, 30_000, 100)])
        assert_allclose(10 * np.log10(amplitude**2 / 8 / power), snr_db, atol=0.1)
    assert leads[1].max() == 1.5  # the record itself is as it was


def test_only_the_second_half_of_a_noise_record_is_added(tmp_path: Path) -> None:
    from recording_files import write_wfdb

    steps = np.arange(2000, dtype=np.int16)
    write_wfdb(tmp_path / "em", [np.stack([steps, -steps])], ["noise1", "noise2"], 360)
    noise = second_half(tmp_path, "em")
    assert noise.shape == (2, 1000)
    assert_allclose(noise[:, 0], [5.0, -5.0])


def test_real_noise_has_two_signals_of_a_quarter_of_an_hour(noise: Path) -> None:
    assert second_half(noise, "ma").shape == (2, 325_000)
