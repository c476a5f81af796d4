"""Temperature scaling: one number that makes the probabilities of a network honest.

The logits are divided by the temperature T before the softmax. Above 1 the probabilities become
less certain, below 1 more. The most probable class of a beat stays the same.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
"""

import numpy as np

from ecg_lightning.arrays import AnyFloats, Floats, Integers
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.predictions import check_finite
from ecg_lightning.evaluation.probabilities import LEAST

_PRECISION = 1e-12  # of 1 / T, relative


def logits_of(probabilities: AnyFloats) -> Floats:
    """Return logits (N, K) whose softmax are the probabilities (N, K); the sum of a row is free."""
    return np.log(np.maximum(probabilities.astype(np.float64), LEAST))


def tempered(probabilities: AnyFloats, temperature: float) -> Floats:
    """Return the probabilities (N, K) that logits divided by a temperature give.

    Args:
        probabilities: (N, K), of a temperature of 1.
        temperature: Above 0.

    Example:
        >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3)  # the odds 4 become their root, 2
        array([[0.667, 0.333]])
    """
    return np.exp(_log_softmax(logits_of(probabilities) / temperature))


def fit_temperature(logits: AnyFloats, labels: Integers) -> float:
    """Return the temperature of the highest likelihood.

    The log loss is convex in 1 / T. Its derivative is the mean over beats of (the mean logit under
    the scaled probabilities - the true class's logit), and its only root is found.

    Args:
        logits: (N, K), of beats that the network was not trained on; for probabilities
            `logits_of`.
        labels: (N,) true classes.

    Raises:
        InputError: A logit is not finite, or no temperature is the best: there are no beats, the
            most probable class is right for every beat (then T would be 0), or the logits say
            nothing of the classes (then it would be infinite).
    """
    check_finite(logits, "logits")
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True, initial=-np.inf)
    true = values[np.arange(len(labels)), labels]
    if not len(labels) or not true.any() or true.mean() <= values.mean():
        raise InputError(
            "temperature",
            expected="beats of which most are classified right, and one or more wrong",
            found=f"{np.count_nonzero(true)} of {len(labels)} beats wrong",
            hint="fit it to more held-out predictions",
        )
    from scipy.optimize import brentq

    def slope(inverse: float) -> float:
        scaled = np.exp(_log_softmax(values * inverse))
        return float((scaled * values).sum(axis=1).mean() - true.mean())

    low = high = 1 / float(np.abs(values).max())  # where the slope is about that of 1 / T = 0
    while slope(low) > 0:
        low /= 2
    while slope(high) < 0:
        high *= 2
    inverse = low if low == high else brentq(slope, low, high, xtol=low * _PRECISION)
    return 1 / float(inverse)


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
