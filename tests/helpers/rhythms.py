"""Series of beats, and what RR intervals say about them in plain Python: an oracle."""

import statistics
from itertools import pairwise
from math import log

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.signals.templates import MARGIN, WINDOW_SAMPLES

SHORTEST_S, LONGEST_S = 0.15, 4.0


def patient_beats(n_beats: int, seed: int = 0, n_leads: int = 2) -> tuple[Floats, Floats]:
    """Return windows (N, 2, T) and times (N,) of beats; a tenth are early and of another shape."""
    random = np.random.default_rng(seed)
    early = random.random(n_beats) < 0.1
    samples = np.arange(WINDOW_SAMPLES + 2 * MARGIN)
    qrs = np.exp(-0.5 * ((samples - 60) / 3) ** 2) + 0.2 * np.exp(-0.5 * ((samples - 95) / 8) ** 2)
    windows = np.where(early[:, None, None], -1.5, 1.0) * qrs * np.array([[1.0], [0.6]])
    windows += 0.02 * random.normal(size=windows.shape)
    windows[:, n_leads:] = 0
    return windows, np.cumsum(np.where(early, 0.5, 0.8) + 0.02 * random.normal(size=n_beats))


def plain_rr_features(times_s: list[float]) -> list[dict[str, float]]:
    """Return the features of each beat by name, as `rr_features` describes them."""
    n_beats = len(times_s)
    before, after = _intervals(times_s)
    local = [statistics.median(_around(before, beat, 20)) for beat in range(n_beats)]
    steps = [abs(log(before[beat] / before[max(beat - 1, 0)])) for beat in range(n_beats)]
    early = [float(before[beat] < 0.88 * local[beat]) for beat in range(n_beats)]
    deviations = [log(before[beat] / local[beat]) for beat in range(n_beats)]
    products = [deviations[beat] * deviations[max(beat - 2, 0)] for beat in range(n_beats)]
    squares = [deviation**2 for deviation in deviations]
    result = []
    for beat in range(n_beats):
        own, following, base = before[beat], after[beat], local[beat]
        past = before[:beat] or before[:1]
        values = {
            "after_over_local_median": log(following / base),
            "after_over_mean": log(following / statistics.mean(before)),
            "after_over_median": log(following / statistics.median(before)),
            "after_over_before": log(following / own),
            "next_over_local_median": log(_at(after, beat + 1) / base),
            "before_over_mean_of_11": log(own / statistics.mean(_around(before, beat, 5))),
            "before_over_longest_of_9": log(own / max(before[max(beat - 8, 0) : beat + 1])),
            "both_over_local_median": log((own + following) / (2 * base)),
            "local_irregularity": statistics.median(_around(steps, beat, 20)),
            "local_share_early": statistics.mean(_around(early, beat, 20)),
            "alternation": statistics.mean(_around(products, beat, 10))
            / (statistics.mean(_around(squares, beat, 10)) + 1e-3),
            **_of_record(own, before),
            **_of_beats_before(before, beat, base, past),
        }
        result.append(values)
    return result


def plain_running_features(times_s: list[float], updates: list[int]) -> dict[str, float]:
    """Return the features of the last of these beats, as `RunningRhythm` describes them.

    Args:
        times_s: All beats that have come.
        updates: The counts of beats at which statistics are updated.
    """
    count = len(times_s)
    before = _intervals(times_s)[0]
    first = [beat - _kept(times_s[: beat + 1]) + 1 for beat in range(count)]  # that each looks at
    local = [
        statistics.median(before[max(beat - 40, first[beat]) : beat + 1]) for beat in range(count)
    ]
    early = [float(own < 0.88 * base) for own, base in zip(before, local, strict=True)]
    deviations = [log(own / base) for own, base in zip(before, local, strict=True)]
    products = [deviations[b] * deviations[max(b - 2, first[b])] for b in range(count)]
    pairs = [(before[max(b - 1, first[b])], before[b]) for b in range(count)]
    steps = [abs(log(own / previous)) for previous, own in pairs]
    updated = max(update for update in updates if update <= count)
    known, kept = slice(first[updated - 1], updated), slice(first[-1], count)
    own, base = before[-1], local[-1]
    return {
        "before_over_mean_of_11": log(own / statistics.mean(before[kept][-11:])),
        "before_over_longest_of_9": log(own / max(before[kept][-9:])),
        "local_irregularity": statistics.median(steps[kept][-41:]),
        "local_share_early": statistics.mean(early[kept][-41:]),
        "alternation": statistics.mean(products[kept][-21:])
        / (statistics.mean(deviation**2 for deviation in deviations[kept][-21:]) + 1e-3),
        **_of_record(own, before[known]),
        **_of_beats_before(
            before[kept], len(before[kept]) - 1, base, before[kept][:-1] or before[kept]
        ),
    }


def _of_record(own: float, before: list[float]) -> dict[str, float]:
    ordered, mean, median = sorted(before), statistics.mean(before), statistics.median(before)
    return {
        "before_over_mean": log(own / mean),
        "before_over_median": log(own / median),
        "before_over_q05": log(own / _quantile(ordered, 0.05)),
        "before_over_q20": log(own / _quantile(ordered, 0.2)),
        "before_over_q80": log(own / _quantile(ordered, 0.8)),
        "before_over_q95": log(own / _quantile(ordered, 0.95)),
    }


def _of_beats_before(
    before: list[float], beat: int, local: float, past: list[float]
) -> dict[str, float]:
    own = before[beat]
    return {
        "log_rr": log(own),
        "before_over_local_median": log(own / local),
        "before_over_previous": log(own / before[max(beat - 1, 0)]),
        "previous_over_local_median": log(before[max(beat - 1, 0)] / local),
        "second_previous_over_local_median": log(before[max(beat - 2, 0)] / local),
        "before_over_past_10": log(own / statistics.mean(past[-10:])),
        "before_over_past_40": log(own / statistics.median(past[-40:])),
    }


def _intervals(times_s: list[float]) -> tuple[list[float], list[float]]:
    """The clipped intervals before and after each beat."""
    if len(times_s) == 1:
        return [1.0], [1.0]
    between = [
        min(max(later - earlier, SHORTEST_S), LONGEST_S) for earlier, later in pairwise(times_s)
    ]
    return [between[0], *between], [*between, between[-1]]


def _kept(times_s: list[float]) -> int:
    """How many of the last beats count: 1,000, of half an hour."""
    return len([time for time in times_s[-1000:] if time >= times_s[-1] - 1800])


def _at(values: list[float], beat: int) -> float:
    return values[min(max(beat, 0), len(values) - 1)]


def _around(values: list[float], beat: int, reach: int) -> list[float]:
    """The values around a beat; the first and the last are repeated at the ends."""
    return [_at(values, beat + step) for step in range(-reach, reach + 1)]


def _quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (_at(ordered, low + 1) - ordered[low])
