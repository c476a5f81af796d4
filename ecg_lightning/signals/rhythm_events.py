"""Events in a series of beats: couplets, runs, bigeminy, pauses and heart rates.

The names are those of Holter reports. WFDB's run-by-run comparison (`rxr`), which follows EC57,
counts ectopic beats in the same groups: two are a couplet, three and more a run.

Two beats are *joined* where no unusable stretch lies between them. No RR interval, group, episode,
pause or rate crosses a place where beats are not joined: nobody knows what was there.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers

PAUSE_S = 2.0
RUN_BEATS = 3
LEAST_REPEATS = 3  # of a pattern that is an episode
RATE_INTERVALS = 8  # RR intervals of which the median gives a heart rate
_LEAST_INTERVALS = 2


@dataclass(frozen=True, eq=False)
class Rhythm:
    """B beats in the order of time.

    Args:
        times_s: (B,) ascending, in seconds.
        labels: (B,) the class of each beat, a number.
        unusable_s: (U, 2) the stretches without usable signal, start and end, ascending and apart.

    Example:
        >>> rhythm = Rhythm(np.array([0.0, 1.0, 4.0]), np.zeros(3, np.int64), np.zeros((0, 2)))
        >>> rhythm.rr_s, rhythm.pauses()
        (array([nan,  1.,  3.]), array([2]))
    """

    times_s: Floats
    labels: Integers
    unusable_s: Floats

    def __len__(self) -> int:
        """The number of beats, B."""
        return len(self.times_s)

    @cached_property
    def joined(self) -> Flags:
        """(B,) whether a beat follows the one before it without an unusable stretch between."""
        joined = np.zeros(len(self), np.bool_)
        starts, stops = np.append(self.unusable_s[:, 0], math.inf), self.unusable_s[:, 1]
        next_stretch = np.searchsorted(stops, self.times_s[:-1], side="right")
        joined[1:] = starts[next_stretch] >= self.times_s[1:]
        return joined

    @cached_property
    def rr_s(self) -> Floats:
        """(B,) the RR interval that ends at each beat; NaN where there is none."""
        return np.where(self.joined, np.diff(self.times_s, prepend=math.nan), math.nan)

    def groups(self, label: int) -> Integers:
        """Return the groups of beats of one class that follow each other, joined.

        A group of two is a couplet and one of `RUN_BEATS` and more a run. A group ends at a beat of
        another class, at an unusable stretch, and where the recording ends.

        Returns:
            (G, 2) the first beat of each group, and the beat after its last.
        """
        flags = self.labels == label
        linked = flags[1:] & flags[:-1] & self.joined[1:]
        edges = np.concatenate([[False], linked, [False]])
        return np.stack(
            [np.flatnonzero(flags & ~edges[:-1]), np.flatnonzero(flags & ~edges[1:]) + 1], 1
        )

    def couplets(self, label: int) -> Integers:
        """Return the groups (G, 2) of exactly two beats of one class."""
        return _of_length(self.groups(label), 2, 2)

    def runs(self, label: int) -> Integers:
        """Return the groups (G, 2) of three beats of one class or more."""
        return _of_length(self.groups(label), RUN_BEATS)

    def episodes(self, label: int, others: int, normal: int = 0) -> Integers:
        """Return the episodes of bigeminy or trigeminy of one class.

        A pattern is a number of normal beats and then one beat of the class. An episode is the
        pattern three times or more in a row, with all its beats joined. It begins with the first
        normal beat of the first pattern and ends with the last beat of the class.

        Args:
            label: The class.
            others: The normal beats of the pattern: 1 for bigeminy, 2 for trigeminy.
            normal: The class of the normal beats.

        Returns:
            (E, 2) the first beat of each episode, and the beat after its last.
        """
        length = others + 1
        if len(self) < length:
            return np.zeros((0, 2), np.int64)
        whole = len(self) - others
        matches = self.labels[others:] == label
        for place in range(others):
            matches &= self.labels[place : whole + place] == normal
            matches &= self.joined[place + 1 : whole + place + 1]
        starts = np.flatnonzero(matches)
        follows = (np.diff(starts) == length) & self.joined[starts[1:]]
        firsts = np.flatnonzero(np.concatenate([[True], ~follows])[: len(starts)])
        repeats = np.diff(np.append(firsts, len(starts)))
        episodes = np.stack([starts[firsts], starts[firsts] + repeats * length], 1)
        return episodes[repeats >= LEAST_REPEATS]

    def pauses(self) -> Integers:
        """Return the beats (P,) that end an RR interval of more than `PAUSE_S` seconds."""
        return np.flatnonzero(self.rr_s > PAUSE_S)  # NaN is not more

    @cached_property
    def rate_intervals(self) -> int:
        """The number of RR intervals of a rate.

        It is `RATE_INTERVALS`, or less in a recording that has not so many joined ones; 0 where
        there are fewer than two.
        """
        breaks = np.append(np.flatnonzero(~self.joined), len(self))
        longest = int(np.diff(breaks).max(initial=1)) - 1
        return min(RATE_INTERVALS, longest) if longest >= _LEAST_INTERVALS else 0

    @cached_property
    def rates_bpm(self) -> Floats:
        """(B,) 60 divided by the median of the `rate_intervals` RR intervals that end at a beat.

        It is NaN where so many joined intervals do not exist. The median leaves one odd interval
        without effect: an early beat, or a beat that was missed.
        """
        rates, n_intervals = np.full(len(self), math.nan), self.rate_intervals
        if n_intervals:
            windows = np.lib.stride_tricks.sliding_window_view(self.rr_s, n_intervals)
            known = ~np.isnan(windows).any(1)
            medians = np.median(windows[known], 1)
            with np.errstate(divide="ignore"):  # beats at one place have no rate
                rates[n_intervals - 1 :][known] = np.where(medians > 0, 60 / medians, math.nan)
        return rates

    @property
    def mean_rate_bpm(self) -> float:
        """60 divided by the mean RR interval; NaN without intervals."""
        known = self.rr_s[self.joined]
        return 60 / float(known.mean()) if known.sum() > 0 else math.nan

    def rate_of(self, first: int, stop: int) -> float:
        """Return the mean rate of the joined beats [first, stop); NaN for fewer than two."""
        seconds = self.times_s[stop - 1] - self.times_s[first]
        return float(60 * (stop - 1 - first) / seconds) if seconds > 0 else math.nan


def _of_length(groups: Integers, least: int, most: float = math.inf) -> Integers:
    lengths = groups[:, 1] - groups[:, 0]
    return groups[(lengths >= least) & (lengths <= most)]
