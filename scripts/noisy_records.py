"""Add the noise of NSTDB to a record, at a signal-to-noise ratio as WFDB's nst defines it.

nst(1) and sigamp(1) of the WFDB Applications Guide, version 10.7, define it so:

- The signal's power is A² / 8, that of a sine of the peak-to-peak amplitude A. A is the mean range
  of the signal from 50 ms before to 50 ms after the marks of the first 300 normal beats, without
  the largest and the smallest 5 % of the ranges. Beats that are neither ventricular nor fusions
  count as normal.
- The noise's power is R². R is the mean root mean square of the first 300 seconds, each around its
  own mean, without the largest and the smallest 5 % of them.
- The noise is multiplied by (A / sqrt(8) / R) / 10^(SNR / 20). Lead 0 gets noise signal 0, lead 1
  gets noise signal 1, each with a factor of its own.
- A noise that ends is repeated. It continues at the level at which it ended, so there is no step.

Two things differ from nst's standard test. The noise is added to the whole record; nst alternates
two minutes with noise and two without, after five without. The noise is the second half of each
record of NSTDB, because the first halves train the detector. R is measured on this half.
"""

from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.data.noises import MEASUREMENTS, TRIMMED, noise_rms

SNRS_DB = (24, 18, 12, 6, 0, -6)
AROUND_S = 0.05  # sigamp's
NORMAL = tuple("NLRAaJSejnB/fQ")  # wfdb/ecgmap.h, map1: what it calls NORMAL
STEPS_PER_MV = 200  # WFDB's value for a header that states no gain


def second_half(folder: Path, name: str) -> Floats:
    """Read the second half of a noise record (2, T)."""
    import wfdb

    steps = wfdb.rdrecord(str(folder / name), physical=False).d_signal.T
    return steps[:, steps.shape[1] // 2 :].astype(np.float64) / STEPS_PER_MV


def qrs_amplitude(signal: Floats, samples: Integers, symbols: Names, fs_hz: float) -> float:
    """Return the peak-to-peak amplitude A of the normal beats of a lead (T,)."""
    around = round(AROUND_S * fs_hz)
    normal = samples[np.isin(symbols, NORMAL)]
    normal = normal[(normal >= around) & (normal < len(signal) - around)][:MEASUREMENTS]
    windows = signal[normal[:, None] + np.arange(-around, around + 1)]
    return _trimmed_mean(np.ptp(windows, axis=1))


def _trimmed_mean(values: Floats) -> float:
    dropped = len(values) // TRIMMED
    return float(np.sort(values)[dropped : len(values) - dropped].mean())


def repeated(noise: Floats, length: int) -> Floats:
    """Repeat a noise (T,) without steps until it has a length."""
    turns = -(-length // len(noise))
    step = noise[-1] - noise[0]
    return np.concatenate([noise + turn * step for turn in range(turns)])[:length]


def with_noise(
    signal: Floats, samples: Integers, symbols: Names, noise: Floats, fs_hz: float, snr_db: float
) -> Floats:
    """Return the signal (leads, T) with noise on every lead.

    Args:
        signal: (leads, T) in mV.
        samples: (A,) the reference's marks.
        symbols: (A,) their codes.
        noise: (2, T') of the signal's rate.
        fs_hz: The rate.
        snr_db: The ratio of the powers, in decibels.
    """
    result = signal.copy()
    for index, lead in enumerate(signal):
        own = noise[index % len(noise)]
        amplitude = qrs_amplitude(lead, samples, symbols, fs_hz)
        factor = amplitude / np.sqrt(8) / noise_rms(own, fs_hz) / 10 ** (snr_db / 20)
        result[index] += factor * repeated(own, len(lead))
    return result
