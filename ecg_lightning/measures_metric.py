"""`measures.summary` as a torchmetrics metric: collects batches, computes once at the end."""

import numpy as np
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from ecg_lightning.measures import Summary, summary


class BeatMeasures(Metric):
    """All figures of the beats seen since the last reset.

    Args:
        seed: Draws the resamples of the intervals.
    """

    full_state_update = False
    labels: list[Tensor]
    probabilities: list[Tensor]
    records: list[Tensor]

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        for name in ("labels", "probabilities", "records"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, labels: Tensor, records: Tensor) -> None:
        """Adds a batch: probabilities (B, 5), labels (B,) and the records' numbers (B,)."""
        self.labels.append(labels)
        self.probabilities.append(probabilities.double())
        self.records.append(records)

    def compute(self) -> Summary:
        """The figures; records go by their numbers."""
        labels, probabilities, records = (dim_zero_cat(getattr(self, n)).cpu().numpy() for n in ("labels", "probabilities", "records"))
        return summary(labels, probabilities.argmax(1), probabilities, records.astype(np.str_), np.random.default_rng(self.seed))
