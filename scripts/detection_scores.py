"""How well beats were found: pairs, missed beats and false ones, by EC57's comparison."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from kept_beats import Beats, Signals

from ecg_lightning.evaluation.beat_comparison import beats_at, compare_record
from ecg_lightning.evaluation.comparison_rates import events
from ecg_lightning.records.recording import FileAnnotations

FLUTTER = ("[", "]", "!")  # its begin, its end, and its waves


@dataclass(frozen=True)
class Score:
    """Counts of one record, or of several.

    Attributes:
        tp: Pairs of a reference beat and a test beat.
        fn: Reference beats that were missed.
        fp: Test beats that are false.
    """

    tp: int
    fn: int
    fp: int

    @property
    def errors(self) -> int:
        """Missed and false beats."""
        return self.fn + self.fp

    @property
    def sensitivity(self) -> float:
        """The share of the reference's beats that were found."""
        return self.tp / max(self.tp + self.fn, 1)

    @property
    def predictivity(self) -> float:
        """The share of the test's beats that are beats."""
        return self.tp / max(self.tp + self.fp, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.tp / max(2 * self.tp + self.fn + self.fp, 1)


def gross(scores: Iterable[Score]) -> Score:
    """Return the sums."""
    total = np.sum([(score.tp, score.fn, score.fp) for score in scores], axis=0)
    return Score(*total.tolist())


def scored(signals: Signals, beats: Beats, start_s: float, flutter: bool) -> Score:
    """Compare beats with the reference.

    Args:
        signals: The record and its reference.
        beats: The beats that were found.
        start_s: What comes before it is not counted.
        flutter: Whether ventricular flutter counts like the rest of the record: it has no beats, so
            each one that is found in it is false.
    """
    reference = signals.reference
    if flutter:
        rows = np.flatnonzero(~np.isin(reference.symbols, FLUTTER))
        texts = ("",) * len(rows)
        reference = FileAnnotations(reference.samples[rows], reference.symbols[rows], texts)
    length = signals.leads.shape[1]
    counts = compare_record(
        reference, beats_at(beats.samples), length, signals.fs_hz, start_s=start_s
    )
    counted = events(counts)
    return Score(counted["QRS.tp"], counted["QRS.fn"], counted["QRS.fp"])
