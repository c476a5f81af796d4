"""Scaling of a lead: by its extremes, as the original does, or by its median and quantiles."""

import numpy as np

from ecg_lightning.arrays import Floats

LOW, HIGH = 0.01, 0.99  # the quantiles whose distance is the unit of `robust`
SMALLEST_SPREAD = float(
    10 * np.finfo(np.float64).eps
)  # a smaller one counts as none, as in scikit-learn


def scale(signals: Floats) -> Floats:
    """Scale the last axis to [0, 1], with the arithmetic of scikit-learn's MinMaxScaler.

    A constant signal becomes 0.
    """
    return scaled_between(signals, signals.min(-1, keepdims=True), signals.max(-1, keepdims=True))


def scaled_between(signals: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """Scale signals so that `low` becomes 0 and `high` becomes 1; equal ones are only shifted."""
    spread = np.subtract(high, low)
    factor = 1.0 / np.where(spread < SMALLEST_SPREAD, 1.0, spread)
    return signals * factor + (0.0 - low * factor)


def robust(signal: Floats) -> Floats:
    """Scale a lead so that its median is 0 and its central 98 % have the width 1.

    A single spike, which decides the scale of `scale`, hardly changes anything here. Ten seconds of
    a lead have about the scale of half an hour.

    Args:
        signal: (T,); invalid samples are NaN and are not counted.

    Returns:
        (T,), 0 where the signal is invalid. A lead whose quantiles are equal is only shifted.
    """
    valid = signal[np.isfinite(signal)]
    if not len(valid):
        return np.zeros_like(signal)
    low, centre, high = np.quantile(valid, [LOW, 0.5, HIGH])
    return scaled_around(signal, low, centre, high)


def scaled_around(signal: Floats, low: float, centre: float, high: float) -> Floats:
    """Scale a signal so that `centre` becomes 0 and the distance of `low` and `high` 1.

    Invalid samples become 0. A signal with equal `low` and `high` is only shifted.
    """
    spread = high - low
    unit = spread if spread > SMALLEST_SPREAD else 1.0
    return np.nan_to_num((signal - centre) / unit, nan=0.0, posinf=0.0, neginf=0.0)
