"""Re-estimation of how frequent N and S are in one record, from class probabilities alone.

A network learns how frequent each class is in its training, and carries that into every record. In
a record in which S is much more or much less frequent, its probabilities are off by a factor that
can be estimated without labels: M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs
of a classifier to new a priori probabilities: a simple procedure", Neural Computation
14(1):21-41, 2002. Here the shares of V, F and Q stay as they are, and beats of the training count
as well, so that a short record changes little.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import AnyFloats, Floats
from ecg_lightning.errors import InputError

N, S = 0, 1  # the classes whose shares are estimated
ROUNDS, CLOSE = 100, 1e-6


@dataclass(frozen=True)
class PriorShift:
    """The settings of a re-estimation.

    Attributes:
        prior: (K,) the share of each class in the training, above 0 for N and S.
        strength: As many beats with the shares of the training count in addition to the record's.
        least_mean_s: A record whose mean probability of S is lower stays as it is; 0: none does.

    Raises:
        InputError: A number is not finite or is out of its range.
    """

    prior: tuple[float, ...]
    strength: float = 200.0
    least_mean_s: float = 0.0

    def __post_init__(self) -> None:
        prior = np.asarray(self.prior, np.float64)
        sound = prior.ndim == 1 and len(prior) > S and np.isfinite(prior).all()
        if not (sound and (prior >= 0).all() and prior[N] > 0 and prior[S] > 0):
            raise _refused("prior", "shares of the classes, above 0 for N and S", self.prior)
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise _refused("strength", "a number of beats from 0", self.strength)
        if not 0 <= self.least_mean_s <= 1:
            raise _refused("least_mean_s", "a number from 0 to 1", self.least_mean_s)


def shifted(probabilities: AnyFloats, settings: PriorShift) -> Floats | None:
    """Return the class probabilities of the beats of one record with its own shares of N and S.

    This is the one place that decides whether shares are estimated.

    Args:
        probabilities: (B, K) of all beats of one record or of one stretch; each row has the sum 1.
        settings: The shares of the training, and when the record's own are used.

    Returns:
        (B, K) float64; None where the probabilities stay as they are, because S is rare or there
        is no beat. The order of the beats does not matter.

    Example:
        >>> settings = PriorShift((0.9, 0.1), strength=0)
        >>> shifted(np.array([[0.6, 0.4], [0.6, 0.4]]), settings).round(3).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """
    original = np.asarray(probabilities, np.float64)
    _check_classes(settings, original)
    if not (len(original) and original[:, S].mean() >= settings.least_mean_s):
        return None
    return _reweighted(original, own_shares(original, settings), settings)


def own_shares(probabilities: AnyFloats, settings: PriorShift) -> Floats:
    """Return the estimated shares (2,) of N and S in one record.

    Together they keep their share of the training, and so does each other class.

    Args:
        probabilities: (B, K) of the beats of the record.
        settings: The shares of the training, and how strongly they count.
    """
    original = np.asarray(probabilities, np.float64)
    _check_classes(settings, original)
    prior = np.asarray(settings.prior, np.float64)[[N, S]]
    shares = prior
    for _ in range(ROUNDS):
        counts = _reweighted(original, shares, settings)[:, [N, S]].sum(0)
        counts += settings.strength * prior
        if not (total := counts.sum()):  # V, F and Q are certain for all beats
            break
        previous, shares = shares, prior.sum() * counts / total
        if np.abs(shares - previous).max() < CLOSE:
            break
    return shares


def _reweighted(probabilities: Floats, shares: Floats, settings: PriorShift) -> Floats:
    """The probabilities for these shares (2,) of N and S; a row without any left stays."""
    factors = np.ones(probabilities.shape[1])
    factors[[N, S]] = shares / np.asarray(settings.prior, np.float64)[[N, S]]
    weighted = probabilities * factors
    total = weighted.sum(1, keepdims=True)
    return np.divide(weighted, total, out=probabilities.copy(), where=total > 0)


def _check_classes(settings: PriorShift, probabilities: Floats) -> None:
    n_classes, n_shares = probabilities.shape[1], len(settings.prior)
    if n_shares != n_classes:
        raise _refused("prior", f"shares of {n_classes} classes", f"{n_shares} shares")


def _refused(setting: str, expected: str, found: object) -> InputError:
    return InputError(
        setting, expected=expected, found=str(found), hint="correct it", setting=setting
    )


def class_shares(labels: npt.ArrayLike, n_classes: int) -> tuple[float, ...]:
    """Return the share of each class among labels (N,): the prior of a training without weights.

    Example:
        >>> class_shares([0, 0, 0, 1], 3)
        (0.75, 0.25, 0.0)
    """
    counts = np.bincount(np.asarray(labels, np.int64), minlength=n_classes)
    return tuple((counts / max(1, counts.sum())).tolist())
