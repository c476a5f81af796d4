"""The simulated noise: wander, mains, muscle and movement."""

from itertools import pairwise

import numpy as np
from scipy import signal as sps

from ecg_lightning.arrays import Floats
from ecg_lightning.records.synthetic.leads import FS_HZ, LEADS
from ecg_lightning.records.synthetic.patients import Patient


def draw_noise(
    patient: Patient, samples: int, rng: np.random.Generator
) -> tuple[Floats, list[int]]:
    """Draw baseline wander, mains hum, muscle noise and movements of the electrodes.

    Args:
        patient: The patient, whose breathing moves the baseline.
        samples: The length of the record.
        rng: The source of randomness.

    Returns:
        The noise (samples, 2) in mV, and the samples at which the quality of the signal changes.
    """
    bursts = _bursts(samples, rng)
    loud = np.ones(samples)
    for start, stop in bursts:
        loud[start:stop] = 4.0
    lead_noise = [_lead_noise(patient, samples, loud, rng) for _ in LEADS]
    return np.stack(lead_noise, axis=1), [edge for burst in bursts for edge in burst]


def _bursts(samples: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Start and end of strong muscle noise: 4 to 12 seconds, about once in 90 seconds."""
    drawn = np.sort(rng.integers(0, samples, max(1, round(samples / FS_HZ / 90)))).tolist()
    starts = [a for a, b in pairwise([*drawn, samples]) if b - a > 15 * FS_HZ]
    return [(a, a + int(rng.uniform(4, 12) * FS_HZ)) for a in starts]


def _lead_noise(patient: Patient, samples: int, loud: Floats, rng: np.random.Generator) -> Floats:
    time_s = np.arange(samples) / FS_HZ
    breath = rng.uniform(0.02, 0.06) * np.sin(
        2 * np.pi * patient.breath_hz * time_s + patient.breath_phase
    )
    mains = rng.uniform(0.003, 0.010) * np.sin(2 * np.pi * 60 * time_s + rng.uniform(0, 2 * np.pi))
    band = sps.butter(2, (12, 110), "bandpass", fs=FS_HZ, output="sos")
    muscle = rng.uniform(0.010, 0.030) * loud * sps.sosfilt(band, rng.normal(0, 1, samples))
    return np.asarray(breath + mains + muscle + _wander(time_s, rng) + _movements(time_s, rng))


def _wander(time_s: Floats, rng: np.random.Generator) -> Floats:
    """A slow walk of the baseline that always returns to zero."""
    knots_s = np.arange(0, time_s[-1] + 3, 1.5)
    walk = np.interp(
        time_s, knots_s, sps.lfilter([1], [1, -0.8], rng.normal(0, 0.04, len(knots_s)))
    )
    return np.asarray(sps.sosfiltfilt(sps.butter(2, 0.6, fs=FS_HZ, output="sos"), walk))


def _movements(time_s: Floats, rng: np.random.Generator) -> Floats:
    """Bumps from a moving electrode, about twice a minute.

    They are up to half a millivolt high, and as wide as a beat or wider.
    """
    count = max(1, round(time_s[-1] / 30))
    drawn = zip(
        rng.uniform(0, time_s[-1], count),
        rng.uniform(0.06, 0.25, count),
        rng.normal(0, 0.25, count),
        strict=True,
    )
    bumps = np.zeros(len(time_s))
    for at_s, width_s, size in drawn:
        near = slice(*np.searchsorted(time_s, [at_s - 4 * width_s, at_s + 4 * width_s]))
        bumps[near] += size * np.exp(-0.5 * ((time_s[near] - at_s) / width_s) ** 2)
    return bumps
