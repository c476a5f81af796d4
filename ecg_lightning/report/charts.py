"""The page's pictures as inline SVG: PR and reliability curves, whiskers, bars and strips of ECG.

Colours come from the page's style sheet by class, so that they follow the reader's light or dark setting.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.report.markup import Html, element
from ecg_lightning.text import percent

LEFT, TOP, WIDE, HIGH = 46.0, 14.0, 300.0, 260.0  # the plane of a chart within its 390 x 320
LETTERS_X, LETTER_RADIUS, LETTERS_APART = 378.0, 9.0, 21.0


def pr_chart(
    curves: Mapping[str, Mapping[str, Sequence[float]] | None],
    points: Mapping[str, tuple[float | None, float | None]],
) -> Html:
    """Precision-recall curves.

    Args:
        curves: Class to recall and precision, None for a class without beats.
        points: Class to the sensitivity and +P of the predictions themselves, to which a line leads from its letter.
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
        + "; the letters mark the predictions' own sensitivity and +P."
    )
    return _chart(label, "sensitivity (%)", "+P (%)", *lines, *letters)


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> Html:
    """How often the most probable class was right, by its probability; the area of a point grows with its beats."""
    most = max((point["beats"] for point in bins), default=1)
    line = _line([(point["mean_probability"], point["observed"]) for point in bins], "curve ink")
    dots = [_dot(point, most) for point in bins]
    diagonal = _line([(0, 0), (1, 1)], "diagonal")
    label = f"Reliability curve: accuracy against the probability of the predicted class in {len(bins)} bins."
    return _chart(label, "probability given (%)", "right (%)", diagonal, line, *dots)


def whisker(value: float | None, interval: Mapping[str, float | None] | None) -> Html:
    """A figure in [0, 1] and its interval on a line; what lies below 0 stands at 0."""
    low, high = (interval.get("low"), interval.get("high")) if interval else (None, None)
    bar = (
        [element("line", x1=_at(low), x2=_at(high), y1=6, y2=6, class_="range")]
        if low is not None and high is not None
        else []
    )
    dot = [element("circle", cx=_at(value), cy=6, r=4, class_="value")] if value is not None else []
    return element(
        "svg",
        element("line", x1="0", x2="100%", y1=6, y2=6, class_="track"),
        *bar,
        *dot,
        class_="whisker",
        aria_hidden="true",
    )


def bar(parts: Sequence[tuple[str, int]], longest: int) -> Html:
    """A bar of stacked parts, class and count, on a scale that ends at `longest`."""
    ends = [0]
    for _, count in parts:
        ends.append(ends[-1] + count)
    rects = [
        element(
            "rect",
            element("title", f"{name} {count:,}"),
            x=_at(start / longest),
            width=_at(count / longest),
            height=12,
            class_=f"fill {name}",
        )
        for (name, count), start in zip(parts, ends[:-1], strict=True)
        if count
    ]
    return element("svg", *rects, class_="bar", aria_hidden="true")


def _chart(label: str, x_label: str, y_label: str, *content: Html) -> Html:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    grid = [
        element("path", d=f"M{_x(at)} {TOP}v{HIGH}M{LEFT} {_y(at)}h{WIDE}", class_="grid")
        for at in ticks
    ]
    across = [
        element("text", f"{100 * at:.0f}", x=_x(at), y=TOP + HIGH + 17, text_anchor="middle")
        for at in ticks
    ]
    up = [
        element("text", f"{100 * at:.0f}", x=LEFT - 8, y=_y(at) + 4, text_anchor="end")
        for at in ticks
    ]
    names = [
        element("text", x_label, x=LEFT + WIDE / 2, y=TOP + HIGH + 38, text_anchor="middle"),
        element(
            "text",
            y_label,
            text_anchor="middle",
            transform=f"translate(12 {TOP + HIGH / 2}) rotate(-90)",
        ),
    ]
    return element(
        "svg",
        *grid,
        *across,
        *up,
        *names,
        *content,
        viewBox="0 0 390 320",
        role="img",
        aria_label=label,
        class_="chart",
    )


def _line(points: Any, class_: str) -> Html:
    return element(
        "polyline", points=" ".join(f"{_x(x)},{_y(y)}" for x, y in points), class_=class_
    )


def _letters(points: Mapping[str, tuple[float, float]]) -> list[Html]:
    """A dot at each point and, right of the plane, where no two overlap, its letter."""
    found, lowest = [], TOP - LETTERS_APART
    for above, (name, (x, y)) in enumerate(sorted(points.items(), key=lambda item: -item[1][1])):
        below = len(points) - 1 - above
        lowest = min(max(_y(y), lowest + LETTERS_APART), TOP + HIGH - below * LETTERS_APART)
        leader = element("path", d=f"M{_x(x)} {_y(y)}L{LETTERS_X} {lowest}", class_="leader")
        dot = element("circle", cx=_x(x), cy=_y(y), r=4, class_=f"fill {name}")
        disc = element("circle", cx=LETTERS_X, cy=lowest, r=LETTER_RADIUS, class_=f"fill {name}")
        text = element(
            "text", name, x=LETTERS_X, y=lowest + 4, text_anchor="middle", class_=f"on {name}"
        )
        found.append(element("g", leader, dot, disc, text))
    return found


def _dot(point: Mapping[str, Any], most: int) -> Html:
    said, right, beats = point["mean_probability"], point["observed"], point["beats"]
    bounds = f"{percent(point['lower'])} to {percent(point['upper'])} %"
    text = f"{beats:,} beats at {bounds}: given {percent(said)} %, right {percent(right)} %"
    return element(
        "circle",
        element("title", text),
        cx=_x(said),
        cy=_y(right),
        r=round(2.5 + 8 * math.sqrt(beats / most), 1),
        class_="point",
    )


def _x(share: float) -> float:
    return round(LEFT + WIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + HIGH * (1 - share), 1)


def _at(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"
