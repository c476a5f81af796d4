"""The beats that were found in a piece of a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from ecg_lightning.arrays import Floats32, Integers, Names


@dataclass(frozen=True, eq=False)
class FoundBeats:
    """B beats, ascending, and the stretches without usable signal.

    Attributes:
        samples: (B,) int64 positions of the R peaks, in samples of the classified lead.
        p_beat: (B,) float32 the detector's probability of a beat; 1 where positions were stated.
        probabilities: (B, 5) float32, in the order of `CLASS_NAMES`.
        quality: (B,) float32, the share of the beat's window that holds valid samples.
        unusable: (U, 2) int64 the stretches without usable signal, [start, stop), ascending.
        symbols: (B,) `<U1` the annotations' own symbols where positions were stated; else (0,).
    """

    samples: Integers
    p_beat: Floats32
    probabilities: Floats32
    quality: Floats32
    unusable: Integers
    symbols: Names = field(default_factory=lambda: np.zeros(0, "<U1"))

    def __len__(self) -> int:
        """The number of beats, B."""
        return len(self.samples)

    @property
    def labels(self) -> Integers:
        """(B,) the most probable class, indices into `CLASS_NAMES`."""
        return self.probabilities.argmax(1).astype(np.int64)

    @classmethod
    def concatenate(cls, parts: Sequence["FoundBeats"]) -> "FoundBeats":
        """Return the beats of consecutive pieces as one."""
        if not parts:
            return cls(
                np.zeros(0, np.int64),
                np.zeros(0, np.float32),
                np.zeros((0, 5), np.float32),
                np.zeros(0, np.float32),
                np.zeros((0, 2), np.int64),
            )
        names = [one.name for one in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
