"""What one training says of the beats of its test side: kept as a file, and made to classes."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.evaluation.confusion import record_confusions
from ecg_lightning.models.prior_shift import PriorShift, shifted
from ecg_lightning.system.atomic_files import write_atomically

# In counts Q stands for "no beat": beats of class Q are not counted, so their row is free. A missed
# beat is in its column, and an extra one in its row. An extra one that is called Q is not counted.
NO_BEAT = CLASS_NAMES.index("Q")
EXTRA = -1  # the label of a beat that only the detector has


@dataclass(frozen=True, eq=False)
class Predicted:
    """The beats of a test side.

    Attributes:
        records: (N,) the record of each beat.
        samples: (N,) its position, in samples of the record.
        labels: (N,) true classes, indices into `CLASS_NAMES`; `EXTRA` for a beat that is none.
        probabilities: (N, 5); NaN for a beat that was not found.
        prior: (5,) the share of each class in the training.
    """

    records: Names
    samples: Integers
    labels: Integers
    probabilities: Floats
    prior: Floats

    def write(self, path: Path) -> None:
        """Write a npz file whole or not at all."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(content, **arrays)
        write_atomically(path, content.getvalue())

    @classmethod
    def read(cls, path: Path) -> "Predicted":
        """Read a file that `write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(*(file[field.name] for field in fields(cls)))

    @classmethod
    def concatenated(cls, parts: Sequence["Predicted"]) -> "Predicted":
        """Return the beats of several folds. Their priors have to be applied before."""
        names = ("records", "samples", "labels", "probabilities")
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in names
        }
        return cls(**arrays, prior=np.mean([part.prior for part in parts], axis=0))

    def with_own_shares(self, strength: float, least_mean_s: float) -> "Predicted":
        """Return it with the shares of N and S re-estimated in each record, see `PriorShift`."""
        settings = PriorShift(tuple(self.prior.tolist()), strength, least_mean_s)
        result = self.probabilities.copy()
        is_found = np.isfinite(result).all(1)
        for record in np.unique(self.records):
            rows = (self.records == record) & is_found
            if (own := shifted(result[rows], settings)) is not None:
                result[rows] = own
        return Predicted(self.records, self.samples, self.labels, result, self.prior)

    def confusions(self) -> tuple[Names, Integers]:
        """Return the records (M,), sorted, and their counts (M, 5, 5) without beats of class Q.

        Rows are true classes. Instead of Q, the last row has beats that are none, and the last
        column beats that were not found or are called Q.
        """
        is_found = np.isfinite(self.probabilities).all(1)
        classes = np.where(is_found, np.nan_to_num(self.probabilities).argmax(1), NO_BEAT)
        counted = self.labels != NO_BEAT
        labels = np.where(self.labels == EXTRA, NO_BEAT, self.labels)
        records, counts = record_confusions(
            labels[counted], classes[counted], self.records[counted]
        )
        counts[:, NO_BEAT, NO_BEAT] = 0  # beats that are none, and are called Q: neither
        return records, counts
