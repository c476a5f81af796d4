"""The beats that were found in a piece of a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from numbers import Real

import numpy as np

from ecg_lightning.arrays import Flags, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped

# The class probabilities of a beat without a signal in its window.
UNCLASSIFIABLE = np.eye(len(CLASS_NAMES), dtype=np.float32)[CLASS_NAMES.index("Q")]


def check_limit(limit: float) -> None:
    """Refuse a limit of `FoundBeats.unsure` that is no probability.

    Raises:
        InputError: It is not a number from 0 to 1.
    """
    is_number = isinstance(limit, Real) and not isinstance(limit, bool)
    if not is_number or not 0 <= float(limit) <= 1:
        raise InputError(
            "limit of unsure beats",
            expected="a probability from 0 to 1",
            found=escaped(repr(limit) if not is_number else f"{limit:g}"),
            hint="correct it",
            setting="unsure_below",
        )


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

    @property
    def unusable_samples(self) -> int:
        """How many samples lie in the stretches without usable signal."""
        return int(np.diff(self.unusable, axis=1).sum())

    def unsure(self, limit: float) -> Flags:
        """Return which beats (B,) a person should look at, because their class is unsure.

        Those are the beats whose most probable class has a probability below the limit. Beats
        without a signal in their window belong to them too: they are Q with probability 1, and
        nothing is known of their class. A network that is very sure of Q leaves other classes
        more than 0.

        Args:
            limit: From 0 to 1.
        """
        is_unseen = without_signal(self.probabilities)
        is_low: Flags = self.probabilities.max(axis=1, initial=0) < np.float32(limit)
        return is_low | is_unseen

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


def without_signal(probabilities: Floats32) -> Flags:
    """Return which beats (...) have no signal in their window, by their probabilities (..., 5)."""
    unseen: Flags = (probabilities == UNCLASSIFIABLE).all(-1)
    return unseen
