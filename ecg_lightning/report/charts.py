"""Coordinates of the report's charts: PR and reliability curves, whiskers and bars.

`templates/charts.j2` draws them as inline SVG. Colours come from the style sheet by class, so that
they follow the reader's light or dark setting.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from ecg_lightning.text import counted, percent

LEFT, TOP, WIDE, HIGH = 46.0, 14.0, 300.0, 260.0  # the plane of a chart within its 390 x 320
LETTERS_X, LETTER_RADIUS, LETTERS_APART = 378.0, 9.0, 21.0


class Tick(NamedTuple):
    """A grid line across and one up, in percent, at `x` and `y`."""

    text: str
    x: float
    y: float


class Frame(NamedTuple):
    """What all charts share: the plane's edges and its ticks."""

    left: float
    top: float
    wide: float
    high: float
    ticks: tuple[Tick, ...]


class Line(NamedTuple):
    """A polyline: its points as SVG has them, and its class in the style sheet."""

    points: str
    css: str


class Dot(NamedTuple):
    """A point of the reliability curve and the text that a pointer brings up."""

    text: str
    x: float
    y: float
    radius: float


class Letter(NamedTuple):
    """A class's point (x, y) and the height of its letter, right of the plane."""

    name: str
    x: float
    y: float
    letter_x: float
    letter_y: float
    radius: float


class Chart(NamedTuple):
    """A chart's content; `label` says in words what it shows."""

    label: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    dots: Sequence[Dot] = ()
    letters: Sequence[Letter] = ()


class Whisker(NamedTuple):
    """A metric and its interval on a line, as positions in percent; None where there is none."""

    value: str | None
    low: str | None
    high: str | None


class BarPart(NamedTuple):
    """One class's part of a stacked bar, in percent of the longest bar."""

    name: str
    beats: str
    x: str
    width: str


def pr_chart(
    curves: Mapping[str, Mapping[str, Sequence[float]] | None],
    points: Mapping[str, tuple[float | None, float | None]],
) -> Chart:
    """Return the precision-recall curves.

    Args:
        curves: Class to recall and precision; None for a class without beats.
        points: Class to the sensitivity and +P of the predictions. A line leads from this point
            to the class's letter.
    """
    drawn = {name: curve for name, curve in curves.items() if curve}
    lines = [
        _line(zip(curve["recall"], curve["precision"], strict=True), f"curve {name}")
        for name, curve in drawn.items()
    ]
    letters = _letters(
        {
            name: (x, y)
            for name, (x, y) in points.items()
            if name in drawn and x is not None and y is not None
        }
    )
    label = (
        "Precision-recall curves of "
        + ", ".join(drawn)
        + ". The letters mark the sensitivity and +P of the predicted classes."
    )
    return Chart(label, "sensitivity (%)", "+P (%)", lines, letters=letters)


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> Chart:
    """Return how often the most probable class was right, by its probability.

    Args:
        bins: As in `Summary`; the area of a point grows with its beats.
    """
    most = max((point["beats"] for point in bins), default=1)
    curve = _line([(point["mean_probability"], point["observed"]) for point in bins], "curve ink")
    diagonal = _line([(0, 0), (1, 1)], "diagonal")
    label = (
        "Calibration curve: accuracy against the probability of the predicted class "
        f"in {len(bins)} bins."
    )
    dots = [_dot(point, most) for point in bins]
    return Chart(label, "predicted probability (%)", "correct (%)", [diagonal, curve], dots)


def whisker(value: float | None, interval: Mapping[str, float | None] | None) -> Whisker:
    """Return a metric in [0, 1] and its interval on a line; a value below 0 is drawn at 0."""
    low, high = (interval.get("low"), interval.get("high")) if interval else (None, None)
    if low is None or high is None:
        return Whisker(_at(value), None, None)
    return Whisker(_at(value), _at(low), _at(high))


def bar(parts: Sequence[tuple[str, int]], longest: int) -> list[BarPart]:
    """Return a bar of stacked parts.

    Args:
        parts: Class and count.
        longest: The count at the scale's end.
    """
    starts = accumulate((count for _, count in parts), initial=0)
    return [
        BarPart(name, f"{count:,}", _share(start / longest), _share(count / longest))
        for (name, count), start in zip(parts, starts, strict=False)
        if count
    ]


def _line(points: Iterable[tuple[float, float]], css: str) -> Line:
    return Line(" ".join(f"{_x(x)},{_y(y)}" for x, y in points), css)


def _letters(points: Mapping[str, tuple[float, float]]) -> list[Letter]:
    """A letter for each point, right of the plane, where no two overlap."""
    letters, lowest = [], TOP - LETTERS_APART
    for above, (name, (x, y)) in enumerate(sorted(points.items(), key=lambda item: -item[1][1])):
        below = len(points) - 1 - above
        lowest = min(max(_y(y), lowest + LETTERS_APART), TOP + HIGH - below * LETTERS_APART)
        letters.append(Letter(name, _x(x), _y(y), LETTERS_X, lowest, LETTER_RADIUS))
    return letters


def _dot(point: Mapping[str, Any], most: int) -> Dot:
    said, right, beats = point["mean_probability"], point["observed"], point["beats"]
    bounds = f"{percent(point['lower'])} to {percent(point['upper'])} %"
    shares = f"mean {percent(said)} %, correct {percent(right)} %"
    text = f"{counted(beats, 'beat')} at {bounds}: {shares}"
    return Dot(text, _x(said), _y(right), round(2.5 + 8 * math.sqrt(beats / most), 1))


def _x(share: float) -> float:
    return round(LEFT + WIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + HIGH * (1 - share), 1)


def _at(share: float | None) -> str | None:
    return None if share is None else _share(share)


def _share(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


FRAME = Frame(
    LEFT,
    TOP,
    WIDE,
    HIGH,
    tuple(Tick(f"{100 * at:.0f}", _x(at), _y(at)) for at in (0, 0.25, 0.5, 0.75, 1)),
)
