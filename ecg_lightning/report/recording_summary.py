"""What the page about a recording and its row of `summary.csv` say, as plain values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.report.event_strip import EventStrip


class Run(NamedTuple):
    """Three beats of a class or more in a row.

    Attributes:
        n_beats: Their number.
        start_s: When the first of them is.
        seconds: From the first to the last.
        rate_bpm: Their mean rate.
    """

    n_beats: int
    start_s: float
    seconds: float
    rate_bpm: float


class Episodes(NamedTuple):
    """Episodes of bigeminy or trigeminy, and the beats of the class in them."""

    number: int
    n_beats: int


@dataclass(frozen=True)
class Ectopy:
    """The beats of one class (V or S) in groups.

    Attributes:
        n_beats: All beats of the class.
        single: Those without a neighbour of the class.
        couplets: Groups of exactly two.
        runs: Groups of three or more.
        longest: The longest run; None without runs.
        fastest: The run of the highest mean rate.
        bigeminy: One normal beat and one of the class, three times in a row or more.
        trigeminy: Two normal beats and one of the class, three times in a row or more.
    """

    n_beats: int
    single: int
    couplets: int
    runs: int
    longest: Run | None
    fastest: Run | None
    bigeminy: Episodes
    trigeminy: Episodes


class Pause(NamedTuple):
    """A long RR interval.

    Attributes:
        start_s: When it begins.
        rr_s: Its length.
        is_quiet: Whether the signal in it is much smaller than the beats; None: unknown.
    """

    start_s: float
    rr_s: float
    is_quiet: bool | None = None


@dataclass(frozen=True)
class SignalShares:
    """The shares of the classified lead's samples that are invalid, flat and clipped."""

    invalid: float
    flat: float
    clipped: float


@dataclass(frozen=True, eq=False)
class RecordingSummary:
    """What the page and the row of `summary.csv` say of a recording. B is its number of beats.

    Attributes:
        record: Its name.
        file: The name of its file.
        format: Such as `EDF+C`.
        leads: Its leads, in words.
        lead: The name of the lead that was classified.
        unit: The unit of that lead.
        detection_leads: The names of the leads in which beats were found; none where their
            positions were stated.
        fs_hz: The sampling rate of the classified lead.
        n_samples: Its length.
        start_time: When the recording began, where the file says so.
        model: The weights of the classifier.
        detector: The weights of the detector, or the annotator of the positions.
        causal: Whether each beat was judged without what comes more than 5 s after it.
        times_s: (B,) the beats, in seconds from the start.
        labels: (B,) indices into `CLASS_NAMES`.
        rr_s: (B,) the RR interval that ends at each beat; NaN where there is none.
        rates_bpm: (B,) the heart rate at each beat; NaN where there is none.
        rate_intervals: The number of RR intervals of a heart rate.
        mean_rate_bpm: 60 divided by the mean RR interval; NaN without intervals.
        unusable_s: (U, 2) the stretches without usable signal.
        unsure_below: A beat is unsure if its most probable class has a lower probability; None:
            this was not asked.
        unsure: (B,) the unsure beats; None where this was not asked.
        n_partial: The beats whose window holds invalid samples or passes the start or the end.
        n_unseen: The beats without a signal in the classified lead.
        shares: Of invalid, flat and clipped samples; None where they were not measured.
        ectopy: Class to its groups, for V and S.
        pause_limit_s: An RR interval above it is a pause.
        n_pauses: The number of pauses.
        pauses: The longest RR intervals, longest first, pauses or not.
        strips: The strips worth a look.
        notes: What a user has to know about the recording and the weights.
    """

    record: str
    file: str
    format: str
    leads: tuple[str, ...]
    lead: str
    unit: str
    detection_leads: tuple[str, ...]
    fs_hz: float
    n_samples: int
    start_time: datetime | None
    model: str
    detector: str
    causal: bool
    times_s: Floats = field(repr=False)
    labels: Integers = field(repr=False)
    rr_s: Floats = field(repr=False)
    rates_bpm: Floats = field(repr=False)
    rate_intervals: int
    mean_rate_bpm: float
    unusable_s: Floats = field(repr=False)
    unsure_below: float | None
    unsure: Flags | None = field(repr=False)
    n_partial: int
    n_unseen: int
    shares: SignalShares | None
    ectopy: Mapping[str, Ectopy]
    pause_limit_s: float
    n_pauses: int
    pauses: tuple[Pause, ...]
    strips: tuple[EventStrip, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """The length of the recording."""
        return self.n_samples / self.fs_hz

    @property
    def unusable_share(self) -> float:
        """The share of the time without usable signal."""
        unusable_s = float((self.unusable_s[:, 1] - self.unusable_s[:, 0]).sum())
        return unusable_s / self.duration_s if self.n_samples else 0.0

    @property
    def counts(self) -> dict[str, int]:
        """The number of beats of each class."""
        counts = np.bincount(self.labels, minlength=len(CLASS_NAMES)).tolist()
        return dict(zip(CLASS_NAMES, counts, strict=True))

    @property
    def unsure_counts(self) -> dict[str, int] | None:
        """The number of unsure beats of each class; None where this was not asked."""
        if self.unsure is None:
            return None
        counts = np.bincount(self.labels[self.unsure], minlength=len(CLASS_NAMES)).tolist()
        return dict(zip(CLASS_NAMES, counts, strict=True))

    @property
    def n_unsure(self) -> int | None:
        """The number of unsure beats; None where this was not asked."""
        return None if self.unsure is None else int(np.count_nonzero(self.unsure))

    @property
    def rate_limits_bpm(self) -> tuple[float, float]:
        """The lowest and the highest heart rate; NaN without any."""
        known = self.rates_bpm[np.isfinite(self.rates_bpm)]
        return (float(known.min()), float(known.max())) if len(known) else (math.nan, math.nan)

    def burden(self, name: str) -> float | None:
        """Return the share of the beats with a signal that are of a class; None without such beats.

        Args:
            name: `S` or `V`; beats without a signal are Q.
        """
        n_seen = len(self.labels) - self.n_unseen
        return self.counts[name] / n_seen if n_seen else None
