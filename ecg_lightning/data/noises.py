"""Noise for training beats: the first halves of NSTDB's records, or a synthetic one.

A noise has the root mean square 1 as sigamp(1) of the WFDB Applications Guide, version 10.7,
measures it: the mean root mean square of its first 300 seconds, each around its own mean, without
the largest and the smallest 5 % of them.
"""

import os
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats, Floats32
from ecg_lightning.data.beats import BeatSettings
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.signals.context import band_passed, with_edges
from ecg_lightning.signals.resampling import Resampler
from ecg_lightning.system.paths import expanded

NOISES = ("bw", "em", "ma")  # baseline wander, electrode motion, muscle
TRAINING_SHARE = 0.5  # of each record, from its start; the rest is for tests
MEASUREMENTS, TRIMMED = 300, 20  # sigamp's; 1 of 20 at each end is dropped
COLOURS = (0.0, 1.0, 2.0)  # the power of a synthetic noise falls with this power of frequency
SYNTHETIC_HZ, SYNTHETIC_S = (0.5, 40.0), 300.0
CHANNELS = 2


def noises_for_beats(
    folder: str | os.PathLike[str] | None, settings: BeatSettings, seed: int
) -> Floats32:
    """Return noise at the rate of beats, through the filter of beats.

    Args:
        folder: With the records of `NOISES`; None for synthetic noise.
        settings: Of the beats.
        seed: Of synthetic noise.

    Returns:
        (kinds, CHANNELS, T).

    Raises:
        InputError: As `recorded_noises`.
    """
    if folder is None:
        return synthetic_noises(settings.fs_hz, seed)
    return recorded_noises(expanded(folder), settings.fs_hz, settings.in_context)


def recorded_noises(folder: Path, fs_hz: float, filtered: bool = False) -> Floats32:
    """Return the first half of each record of noise.

    Args:
        folder: With the records of `NOISES`.
        fs_hz: The rate of the result.
        filtered: Whether it goes through the band-pass of `signals.context`; `fs_hz` is then its
            rate.

    Returns:
        (len(NOISES), CHANNELS, T), of a root mean square of 1 before the filter.

    Raises:
        InputError: A record is missing, damaged, or shorter than 4 s.
    """
    noises = [_recorded(folder / name, fs_hz, filtered) for name in NOISES]
    shortest = min(noise.shape[1] for noise in noises)
    return np.stack([noise[:, :shortest] for noise in noises]).astype(np.float32)


def synthetic_noises(fs_hz: float, seed: int) -> Floats32:
    """Return noise of three colours: white as that of muscles, pink, and brown as that of motion.

    Args:
        fs_hz: The rate of the result.
        seed: Of the noise.

    Returns:
        (len(COLOURS), CHANNELS, T), of a root mean square of 1 within `SYNTHETIC_HZ`.
    """
    samples = round(SYNTHETIC_S * fs_hz)
    white = np.random.default_rng(seed).standard_normal((len(COLOURS), CHANNELS, samples))
    hz, (low, high) = np.fft.rfftfreq(samples, 1 / fs_hz), SYNTHETIC_HZ
    inside = (hz >= low) & (hz <= high)
    shapes = np.array([np.where(inside, np.maximum(hz, low) ** (-c / 2), 0.0) for c in COLOURS])
    noises = np.fft.irfft(np.fft.rfft(white) * shapes[:, None], samples)
    return (noises / noises.std(-1, keepdims=True)).astype(np.float32)


def noise_rms(noise: Floats, fs_hz: float) -> float:
    """Return the root mean square of a noise (T,) as sigamp(1) measures it."""
    second = round(fs_hz)
    whole = min(len(noise) // second, MEASUREMENTS)
    values = np.sort(noise[: whole * second].reshape(whole, second).std(axis=1))
    dropped = whole // TRIMMED
    return float(values[dropped : whole - dropped].mean())


def _recorded(path: Path, fs_hz: float, filtered: bool) -> Floats:
    """(CHANNELS, T) the first half of a record; that of one lead is used twice."""
    recording = read_recording(path)
    stop = int(recording.samples * TRAINING_SHARE)
    if stop < 2 * recording.fs_hz:
        found = f"{recording.samples / recording.fs_hz:g} s"
        raise InputError(str(path), expected="a record of noise of 4 s or more", found=found)
    count = min(CHANNELS, len(recording.leads))
    leads = recording.read_exactly(0, stop, range(count))
    own = np.stack([_prepared(lead, recording.fs_hz, fs_hz, path) for lead in leads])
    noise = own[np.arange(CHANNELS) % count]
    return band_passed(with_edges(noise)) if filtered else noise


def _prepared(lead: Floats, from_hz: float, to_hz: float, path: Path) -> Floats:
    """(T,) a lead at another rate, without its mean and of the size 1."""
    valid = np.isfinite(lead)
    filled = np.where(valid, lead, np.median(lead[valid]) if valid.any() else 0.0)
    size = noise_rms(filled, from_hz)
    if not size > 0:
        raise InputError(str(path), expected="a noise", found="a flat lead", hint="name NSTDB")
    resampler, level = Resampler(from_hz, to_hz), (filled - filled.mean()) / size
    return resampler(level, 0, resampler.length(len(level)), len(level))
