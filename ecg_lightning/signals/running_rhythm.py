"""What the RR intervals before a beat say about it: `rr_features` for beats as they come.

Names and order are those of `RR_FEATURES`. No number needs a later beat: `NEED_LATER_BEATS` are 0.
Where `rr_features` looks at beats around a beat, this looks at as many before it, itself included;
where it looks at the whole record, this looks at the past, updated with every 16th beat.
"""

from math import log

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.past import Past, is_update
from ecg_lightning.signals.rhythm import (
    EARLY,
    LOCAL_BEATS,
    LONGEST_S,
    QUANTILES,
    RR_FEATURES,
    SHORTEST_S,
)

NEED_LATER_BEATS = (
    "after_over_local_median",
    "after_over_mean",
    "after_over_median",
    "after_over_before",
    "next_over_local_median",
    "both_over_local_median",
)


class RunningRhythm:
    """The rhythm features of beats that come one after another.

    The first beat counts as one of a regular rhythm of 1 s. From the second beat on, the first one
    has the interval after it before it too, as in `rr_features`.

    Attributes:
        after_previous: The logarithm of the interval after the previous beat (before this beat)
            over the local median of the previous beat.
    """

    def __init__(self) -> None:
        self._past = Past(before=(), log_before=(), step=(), early=(), deviation=(), product=())
        self._beats = 0
        self._last_time_s = self._last_local = 0.0
        self.after_previous = 0.0
        self._bases: dict[str, float] = {}

    def push(self, time_s: float) -> Floats:
        """Return what the RR intervals up to a beat say about it.

        Args:
            time_s: The time of the beat, not before that of the beat before it.

        Returns:
            (len(RR_FEATURES),) float64, finite.
        """
        before = self._interval(time_s)
        self._add(time_s, before)
        if is_update(self._beats):
            self._update()
        values = {**self._around(before), **self._of_past(before)}
        return np.array([values.get(name, 0.0) for name in RR_FEATURES])

    def _interval(self, time_s: float) -> float:
        """The interval before the beat, clipped; the first beat takes it too once it is known."""
        self._beats, last_s, self._last_time_s = self._beats + 1, self._last_time_s, time_s
        if self._beats == 1:
            return 1.0
        before = min(max(time_s - last_s, SHORTEST_S), LONGEST_S)
        if self._beats == 2:
            self._last_local = self._past["before"][0] = before
            self._past["log_before"][0] = log(before)
        return before

    def _add(self, time_s: float, before: float) -> None:
        past = self._past
        past.add(time_s, before=before, log_before=log(before))
        local = _median(past["before"][-LOCAL_BEATS:])
        logs, deviations = past["log_before"], past["deviation"]
        deviations[-1] = log(before / local)
        past["product"][-1] = deviations[-1] * deviations[-3:][0]
        past["step"][-1] = abs(logs[-1] - logs[-2:][0])
        past["early"][-1] = before < EARLY * local
        self.after_previous = log(before / self._last_local) if self._beats > 1 else 0.0
        self._last_local = local

    def _around(self, before: float) -> dict[str, float]:
        """The features that compare with the beats before."""
        past = self._past["before"]
        earlier = past[:-1] if len(past) > 1 else past
        local, previous, second_previous = self._last_local, earlier[-1], earlier[-2:][0]
        deviations, products = (self._past[name][-21:] for name in ("deviation", "product"))
        return {
            "log_rr": log(before),
            "before_over_local_median": log(before / local),
            "before_over_previous": log(before / previous),
            "previous_over_local_median": log(previous / local),
            "second_previous_over_local_median": log(second_previous / local),
            "before_over_mean_of_11": log(before / _mean(past[-11:])),
            "before_over_past_10": log(before / _mean(earlier[-10:])),
            "before_over_past_40": log(before / _median(earlier[-40:])),
            "before_over_longest_of_9": log(before / np.max(past[-9:])),
            "local_irregularity": _median(self._past["step"][-LOCAL_BEATS:]),
            "local_share_early": _mean(self._past["early"][-LOCAL_BEATS:]),
            "alternation": _mean(products) / (_mean(deviations**2) + 1e-3),
        }

    def _of_past(self, before: float) -> dict[str, float]:
        """The features that compare with the whole past."""
        return {name: log(before / base) for name, base in self._bases.items()}

    def _update(self) -> None:
        """Take the statistics of the past, this beat included."""
        before = self._past["before"]
        names = (f"before_over_q{100 * quantile:02.0f}" for quantile in QUANTILES)
        self._bases = dict(zip(names, np.quantile(before, QUANTILES), strict=True))
        self._bases |= {"before_over_mean": _mean(before), "before_over_median": _median(before)}


def _median(values: Floats) -> float:
    """The median; faster than NumPy's for few values."""
    ordered, n = np.sort(values), len(values)
    return float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def _mean(values: Floats) -> float:
    """The mean; faster than NumPy's for few values."""
    return float(values.sum()) / len(values)
