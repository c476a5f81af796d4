"""The simulated signal without noise: the waves of each beat at their times."""

import numpy as np

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.records.synthetic.heart import Beat, Heart
from ecg_lightning.records.synthetic.leads import FS_HZ, LEAD_DIRECTIONS
from ecg_lightning.records.synthetic.patients import Patient
from ecg_lightning.records.synthetic.shapes import blend

_PULSE_HALF_SAMPLES = 108  # 0.3 s: more than four widths of the widest wave


def draw_signal(
    patient: Patient, heart: Heart, samples: int, rng: np.random.Generator
) -> tuple[Floats, Integers]:
    """Draw the leads of a record.

    Args:
        patient: The patient.
        heart: The beats of the record.
        samples: The length of the record.
        rng: The source of small differences between beats.

    Returns:
        The leads (samples, 2) in mV without noise, and the sample (beats,) of each R peak: the
        extreme of the QRS on the first lead.
    """
    tables = [_beat_waves(patient, beat, rng) for beat in heart.beats]
    qrs = _render(np.concatenate([qrs for qrs, _ in tables]), samples)
    lone = [_placed(patient.shapes["N"].p, at, rng) for at in heart.lone_p_s]
    rest = _render(np.concatenate([rest for _, rest in tables] + lone), samples)
    r_samples = _extremes(qrs[:, 0], np.array([beat.r_s for beat in heart.beats]))
    return (qrs + rest) * _breathing(patient, samples), r_samples


def _beat_waves(patient: Patient, beat: Beat, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The waves of a beat in the time of the record: the QRS, and all others."""
    shape = patient.shapes[beat.shape]
    if beat.share < 1:
        shape = blend(patient.shapes["N"], shape, beat.share)
    # Beats through the conduction system are more alike than those of a ventricular focus.
    qrs = _placed(shape.qrs, beat.r_s, rng, 0.03 if beat.shape in "NAJa" else 0.10)
    # QT follows the rate, but less than in Bazett's formula: one early beat changes it little.
    stretch = (np.clip(beat.rr_s, 0.4, 1.4) / 0.85) ** 0.4
    t = _placed(shape.t * [stretch, 1, 1, 1, 1, 1], beat.r_s, rng)
    p = _placed(shape.p, beat.p_s, rng, 0.10) if not np.isnan(beat.p_s) else shape.p[:0]
    return qrs, np.concatenate([p, t, _spike(beat.r_s + shape.spike_s, patient.spike)])


def _spike(at_s: float, size: float) -> Floats:
    """The pacemaker's impulse of about 4 ms and the small discharge of its electrode.

    There are no waves if the time is NaN.
    """
    if np.isnan(at_s):
        return np.empty((0, 6))
    impulse, discharge = size * np.array([[0.55, -1.2, -0.5], [-0.05, 0.10, 0.05]])
    return np.array([[at_s, 0.0012, 0.0018, *impulse], [at_s + 0.004, 0.002, 0.012, *discharge]])


def _placed(waves: Floats, at_s: float, rng: np.random.Generator, spread: float = 0.05) -> Floats:
    """A wave table moved to a time, with small random differences of the relative size `spread`."""
    times = (
        waves[:, :1] * rng.lognormal(0, spread / 2) + at_s + rng.normal(0, 0.0015, (len(waves), 1))
    )
    widths = (
        waves[:, 1:3] * rng.lognormal(0, spread / 2, (len(waves), 1)) * rng.lognormal(0, spread / 2)
    )
    size = rng.lognormal(0, spread) * rng.lognormal(0, spread, (len(waves), 1))
    return np.hstack([times, widths, waves[:, 3:] * size])


def _render(waves: Floats, samples: int) -> Floats:
    """Add up Gaussian pulses: a wave table (W, 6) in the time of the record to (samples, 2) mV."""
    centre = np.round(waves[:, 0] * FS_HZ).astype(np.int64)
    index = centre[:, None] + np.arange(-_PULSE_HALF_SAMPLES, _PULSE_HALF_SAMPLES + 1)  # (W, K)
    away_s = index / FS_HZ - waves[:, :1]
    pulses = np.exp(-0.5 * (away_s / np.where(away_s < 0, waves[:, 1:2], waves[:, 2:3])) ** 2)
    inside = (index >= 0) & (index < samples)
    leads = [
        np.bincount(index[inside], (pulses * amplitude[:, None])[inside], samples)
        for amplitude in (waves[:, 3:] @ LEAD_DIRECTIONS.T).T
    ]
    return np.stack(leads, axis=1)


def _extremes(lead: Floats, near_s: Floats) -> Integers:
    """The sample (beats,) of the largest deflection within 0.1 s, which holds the widest QRS."""
    reach = np.arange(-36, 37)
    index = np.clip(np.round(near_s * FS_HZ).astype(np.int64)[:, None] + reach, 0, len(lead) - 1)
    best = np.abs(lead[index]).argmax(axis=1)
    return np.asarray(index[np.arange(len(index)), best], dtype=np.int64)


def _breathing(patient: Patient, samples: int) -> Floats:
    """A factor (samples, 2): breathing turns the heart under the electrodes."""
    angle = 2 * np.pi * patient.breath_hz * np.arange(samples) / FS_HZ + patient.breath_phase
    return 1 + np.stack([0.05 * np.sin(angle), 0.08 * np.sin(angle + 1.0)], axis=1)
