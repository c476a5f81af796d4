"""Coordinates of the overview of a recording: heart rate and ectopic beats over the whole time.

`templates/overview.j2` draws it as inline SVG. Places along the time are percent of the width and
heights are pixels, so that the chart fits a phone and a wide window, with texts of one size.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.report.moments import DAY_S, Moments, in_units
from ecg_lightning.text import duration

TOP, RATE_HIGH, ROW_HIGH, GAP, AXIS_HIGH = 10, 150, 40, 16, 22  # pixels
MOST_BINS, MOST_DOTS = 180, 400
WIDE = 10_000  # units of the curves' width
MOST_BPM = 300.0
MOST_SHADES = 400
_BINS_S = (
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 14_400),
    *(21_600, 43_200, DAY_S, 2 * DAY_S, 7 * DAY_S, 30 * DAY_S, 365 * DAY_S),
)


class Beats(NamedTuple):
    """What the overview shows of B beats.

    Attributes:
        times_s: (B,) ascending.
        labels: (B,) indices into `CLASS_NAMES`.
        rr_s: (B,) the RR interval that ends at each beat; NaN where there is none.
        rates_bpm: (B,) the heart rate at each beat; NaN where there is none.
        unusable_s: (U, 2) stretches without usable signal.
    """

    times_s: Floats
    labels: Integers
    rr_s: Floats
    rates_bpm: Floats
    unusable_s: Floats


class Tick(NamedTuple):
    """A line across the chart and its text; `at` is percent of the width, or a height in pixels."""

    at: float
    text: str
    anchor: str = "middle"


class Mark(NamedTuple):
    """A rectangle or a dot of a class; `x` and `width` are percent, `y` and `height` pixels."""

    name: str
    x: float
    width: float
    y: float
    height: float
    text: str


class Row(NamedTuple):
    """The beats of one class, counted in each bin."""

    name: str
    top: int
    bottom: int
    most: str
    bars: Sequence[Mark]


class Overview(NamedTuple):
    """The chart's content; `label` says in words what it shows."""

    label: str
    bin_text: str
    height: int
    rate_top: int
    wide: int
    band: str
    line: str
    dots: Sequence[Mark]
    levels: Sequence[Tick]
    rows: Sequence[Row]
    times: Sequence[Tick]
    shades: Sequence[Mark]


def overview(beats: Beats, moments: Moments) -> Overview:
    """Return heart rate, ectopic beats and unusable stretches over the whole time.

    With few beats each is a dot at 60 divided by its RR interval, in the colour of its class. With
    many, each bin of time shows the range of the heart rate and its median.
    """
    few, length_s = 0 < len(beats.times_s) <= MOST_DOTS, max(moments.length_s, 1e-3)
    bin_s = bin_seconds(length_s)
    shown_bpm = 60 / beats.rr_s[beats.rr_s > 0] if few else beats.rates_bpm
    scale = _Scale(shown_bpm, length_s)
    names = [n for n in "SVFQ" if n in "SV" or (beats.labels == CLASS_NAMES.index(n)).any()]
    rows = [_row(beats, moments, name, place, bin_s) for place, name in enumerate(names)]
    bottom = rows[-1].bottom
    band, line = ("", _beat_line(beats, scale)) if few else _curves(beats, scale, bin_s)
    return Overview(
        _label(beats.rates_bpm, moments, names),
        in_units(bin_s),
        bottom + AXIS_HIGH,
        TOP,
        WIDE,
        band,
        line,
        list(_dots(beats, scale, moments)) if few else [],
        [Tick(round(scale.y(bpm), 1), f"{bpm:g}") for bpm in scale.levels],
        rows,
        [_time_tick(100 * at / length_s, text) for at, text in moments.ticks()],
        list(_shades(beats.unusable_s, moments, bottom)),
    )


def bin_seconds(length_s: float) -> int:
    """Return the length of a bin, a round time, so that a recording has at most `MOST_BINS`."""
    return next((step for step in _BINS_S if step * MOST_BINS >= length_s), _BINS_S[-1])


class _Scale:
    """Places of rates and times in the panel of rates."""

    def __init__(self, shown_bpm: Floats, length_s: float) -> None:
        known = np.clip(shown_bpm[np.isfinite(shown_bpm)], 0, MOST_BPM)
        low, high = (float(known.min()), float(known.max())) if len(known) else (60.0, 80.0)
        step = 20 if high - low <= 100 else 50
        self.low = max(0, step * math.floor((low - 2) / step))
        self.high = max(step * math.ceil((high + 2) / step), self.low + 2 * step)
        self.levels, self._length_s = range(self.low, self.high + 1, step), length_s

    def y(self, bpm: float) -> float:
        """Return the height of a rate; one above the scale is drawn at its upper end."""
        share = (min(max(bpm, self.low), self.high) - self.low) / (self.high - self.low)
        return round(TOP + RATE_HIGH * (1 - share), 1)

    def x(self, seconds: float) -> int:
        """Return the place of a time, in units of the curves."""
        return round(WIDE * min(max(seconds / self._length_s, 0.0), 1.0))


def _curves(beats: Beats, scale: _Scale, bin_s: int) -> tuple[str, str]:
    """The paths of the range and the median of each bin; empty bins have neither."""
    band, line, last_x = [], [], -1
    for start_s, rates in _bins(beats, bin_s):
        low, high = scale.y(float(rates.min())), scale.y(float(rates.max()))
        middle = scale.y(float(np.median(rates)))
        left, right = scale.x(start_s), scale.x(start_s + bin_s)
        band.append(f"M{left} {high - 0.5:.1f}H{right}V{low + 0.5:.1f}H{left}z")
        line.append(f"{'V' if left == last_x else f'M{left} '}{middle}H{right}")
        last_x = right
    return "".join(band), "".join(line)


def _bins(beats: Beats, bin_s: int) -> Iterator[tuple[int, Floats]]:
    known = np.isfinite(beats.rates_bpm)
    times_s, rates = beats.times_s[known], beats.rates_bpm[known]
    numbers, starts = np.unique((times_s // bin_s).astype(np.int64), return_index=True)
    for number, part in zip(numbers.tolist(), np.split(rates, starts[1:]), strict=False):
        yield number * bin_s, part


def _beat_line(beats: Beats, scale: _Scale) -> str:
    """The path of the rate at each beat; it breaks where there is none."""
    path, before = [], False
    for time_s, bpm in zip(beats.times_s.tolist(), beats.rates_bpm.tolist(), strict=True):
        known = math.isfinite(bpm)
        if known:
            path.append(f"{'L' if before else 'M'}{scale.x(time_s)} {scale.y(bpm)}")
        before = known
    return "".join(path)


def _dots(beats: Beats, scale: _Scale, moments: Moments) -> Iterator[Mark]:
    for place in np.flatnonzero(beats.rr_s > 0):
        time_s, rr_s = float(beats.times_s[place]), float(beats.rr_s[place])
        name = CLASS_NAMES[beats.labels[place]]
        text = f"{moments.text(time_s)}: {name}, RR {rr_s:.2f} s"
        yield Mark(name, _percent(time_s, moments), 0, scale.y(60 / rr_s), 0, text)


def _row(beats: Beats, moments: Moments, name: str, place: int, bin_s: int) -> Row:
    top = TOP + RATE_HIGH + GAP + place * (ROW_HIGH + GAP)
    times_s = beats.times_s[beats.labels == CLASS_NAMES.index(name)]
    numbers, counts = np.unique((times_s // bin_s).astype(np.int64), return_counts=True)
    most = int(counts.max(initial=0))
    bars = [
        _bar(name, number * bin_s, bin_s, count, most, top, moments)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
    ]
    return Row(name, top, top + ROW_HIGH, f"{most:,}", bars)


def _bar(
    name: str, start_s: int, bin_s: int, count: int, most: int, top: int, moments: Moments
) -> Mark:
    height = max(1.5, ROW_HIGH * count / most)
    end_s = min(start_s + bin_s, moments.length_s)
    left, right = _percent(start_s, moments), _percent(end_s, moments)
    text = f"{moments.span(start_s, end_s)}: {count:,} {name}"
    return Mark(
        name,
        left,
        round(right - left, 3),
        round(top + ROW_HIGH - height, 1),
        round(height, 1),
        text,
    )


def _shades(unusable_s: Floats, moments: Moments, bottom: int) -> Iterator[Mark]:
    """The unusable stretches; of very many those that lie close together are one."""
    joined = joined_stretches(unusable_s, moments.length_s / MOST_SHADES)
    for start_s, end_s in joined.tolist():
        left, right = _percent(start_s, moments), _percent(end_s, moments)
        text = f"unusable signal: {moments.span(start_s, end_s)}"
        yield Mark("", left, max(0.15, round(right - left, 3)), TOP, bottom - TOP, text)


def joined_stretches(stretches_s: Floats, apart_s: float) -> Floats:
    """Return stretches (S, 2), of which those less than `apart_s` from the last one join it.

    Example:
        >>> joined_stretches(np.array([[0.0, 1.0], [1.5, 2.0], [9.0, 9.5]]), 1.0).tolist()
        [[0.0, 2.0], [9.0, 9.5]]
    """
    if not len(stretches_s):
        return stretches_s
    apart: Flags = stretches_s[1:, 0] - stretches_s[:-1, 1] >= apart_s
    starts = stretches_s[np.concatenate([[True], apart]), 0]
    return np.stack([starts, stretches_s[np.concatenate([apart, [True]]), 1]], 1)


def _time_tick(x: float, text: str) -> Tick:
    return Tick(round(x, 2), text, "start" if x < 4 else "end" if x > 96 else "middle")


def _percent(seconds: float, moments: Moments) -> float:
    return round(100 * min(max(seconds / max(moments.length_s, 1e-3), 0.0), 1.0), 3)


def _label(rates_bpm: Floats, moments: Moments, names: Sequence[str]) -> str:
    known = rates_bpm[np.isfinite(rates_bpm)]
    rate = f"{known.min():.0f} to {known.max():.0f} beats per minute" if len(known) else "unknown"
    what = f"Heart rate ({rate}) and beats of the classes {', '.join(names)}"
    return f"{what} over {duration(moments.length_s)}."
