"""Probabilities with the shares of their own record, or as they are where these do not count."""

import numpy as np

from ecg_lightning.arrays import AnyFloats, Floats
from ecg_lightning.models.prior_shift import PriorShift, shifted


def with_own_shares(probabilities: AnyFloats, settings: PriorShift) -> Floats:
    """Return what `annotate` makes of the probabilities (B, K) of one record."""
    result = shifted(probabilities, settings)
    return np.asarray(probabilities, np.float64) if result is None else result
