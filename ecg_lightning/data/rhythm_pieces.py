"""Training sequences as recordings of their own: the rhythm of their beats alone."""

import numpy as np
import torch
from torch import Tensor

from ecg_lightning.data.sequences import PADDING, places_of
from ecg_lightning.signals.context import CONTEXT_FEATURES
from ecg_lightning.signals.rhythm import RR_FEATURES, rr_features

WHOLE = 3  # every so many sequences keep the rhythm numbers of their whole stretch
_LOG_RR = CONTEXT_FEATURES.index("log_rr")
_RR = slice(_LOG_RR, _LOG_RR + len(RR_FEATURES))


def with_own_rhythm(signals: Tensor, rows: Tensor) -> Tensor:
    """Return sequences whose rhythm numbers are made of their own beats, two of three times.

    Mean and median of a record say how often its beats are early. So a network takes them for those
    of the few patients that it was trained with. Pieces of a record have other means.

    Which sequences keep the numbers of their stretch depends on their first beat alone.

    Args:
        signals: (S, K, ROWS, T) of the offline form.
        rows: (S, K) the row numbers of their beats, see `sequences`.
    """
    signals = signals.clone()
    first = places_of(rows[:, 0])
    for sequence in torch.nonzero(first % WHOLE).flatten().tolist():
        n_beats = int((rows[sequence] != PADDING).sum())
        own = signals[sequence, :n_beats, -1]
        intervals_s = own[:, _LOG_RR].double().exp().cpu().numpy()
        own[:, _RR] = torch.from_numpy(rr_features(np.cumsum(intervals_s))).to(own)
    return signals
