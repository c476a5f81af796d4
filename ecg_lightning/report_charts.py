"""The page's pictures as inline SVG: PR and reliability curves, whiskers, bars and strips of ECG.

Colours come from the page's style sheet by class, so that they follow the reader's light or dark setting.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from ecg_lightning.markup import Html, clock, element, percent

LEFT, TOP, WIDE, HIGH = 46.0, 14.0, 300.0, 260.0  # the plane of a chart within its 390 x 320
LETTERS_X, LETTER_RADIUS, LETTERS_APART = 378.0, 9.0, 21.0


def pr_chart(curves: Mapping[str, Mapping[str, Sequence[float]] | None], points: Mapping[str, tuple[float | None, float | None]]) -> Html:
    """Precision-recall curves.

    Args:
        curves: Class to recall and precision, None for a class without beats.
        points: Class to the sensitivity and +P of the predictions themselves, to which a line leads from its letter.
    """
    drawn = {name: curve for name, curve in curves.items() if curve}
    lines = [_line(zip(curve["recall"], curve["precision"], strict=True), f"curve {name}") for name, curve in drawn.items()]
    letters = _letters({name: (x, y) for name, (x, y) in points.items() if name in drawn and x is not None and y is not None})
    label = "Precision-recall curves of " + ", ".join(drawn) + "; the letters mark the predictions' own sensitivity and +P."
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
    bar = [element("line", x1=_at(low), x2=_at(high), y1=6, y2=6, class_="range")] if low is not None and high is not None else []
    dot = [element("circle", cx=_at(value), cy=6, r=4, class_="value")] if value is not None else []
    return element("svg", element("line", x1="0", x2="100%", y1=6, y2=6, class_="track"), *bar, *dot, class_="whisker", aria_hidden="true")


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
    grid = [element("path", d=f"M{_x(at)} {TOP}v{HIGH}M{LEFT} {_y(at)}h{WIDE}", class_="grid") for at in ticks]
    across = [element("text", f"{100 * at:.0f}", x=_x(at), y=TOP + HIGH + 17, text_anchor="middle") for at in ticks]
    up = [element("text", f"{100 * at:.0f}", x=LEFT - 8, y=_y(at) + 4, text_anchor="end") for at in ticks]
    names = [
        element("text", x_label, x=LEFT + WIDE / 2, y=TOP + HIGH + 38, text_anchor="middle"),
        element("text", y_label, text_anchor="middle", transform=f"translate(12 {TOP + HIGH / 2}) rotate(-90)"),
    ]
    return element("svg", *grid, *across, *up, *names, *content, viewBox="0 0 390 320", role="img", aria_label=label, class_="chart")


def _line(points: Any, class_: str) -> Html:
    return element("polyline", points=" ".join(f"{_x(x)},{_y(y)}" for x, y in points), class_=class_)


def _letters(points: Mapping[str, tuple[float, float]]) -> list[Html]:
    """A dot at each point and, right of the plane, where no two overlap, its letter."""
    found, lowest = [], TOP - LETTERS_APART
    for above, (name, (x, y)) in enumerate(sorted(points.items(), key=lambda item: -item[1][1])):
        below = len(points) - 1 - above
        lowest = min(max(_y(y), lowest + LETTERS_APART), TOP + HIGH - below * LETTERS_APART)
        leader = element("path", d=f"M{_x(x)} {_y(y)}L{LETTERS_X} {lowest}", class_="leader")
        dot = element("circle", cx=_x(x), cy=_y(y), r=4, class_=f"fill {name}")
        disc = element("circle", cx=LETTERS_X, cy=lowest, r=LETTER_RADIUS, class_=f"fill {name}")
        text = element("text", name, x=LETTERS_X, y=lowest + 4, text_anchor="middle", class_=f"on {name}")
        found.append(element("g", leader, dot, disc, text))
    return found


def _dot(point: Mapping[str, Any], most: int) -> Html:
    said, right, beats = point["mean_probability"], point["observed"], point["beats"]
    bounds = f"{percent(point['lower'])} to {percent(point['upper'])} %"
    text = f"{beats:,} beats at {bounds}: given {percent(said)} %, right {percent(right)} %"
    return element(
        "circle", element("title", text), cx=_x(said), cy=_y(right), r=round(2.5 + 8 * math.sqrt(beats / most), 1), class_="point"
    )


def _x(share: float) -> float:
    return round(LEFT + WIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + HIGH * (1 - share), 1)


def _at(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


# --- a strip of ECG, in units of 0.05 mm: whole units hold MIT-BIH's 0.005 mV --------------------------------------------

PER_S, PER_MV = 500, 200  # 25 mm/s, 10 mm/mV
SMALL_S, SMALL_MV, LARGE_BOXES = 0.04, 0.1, 5
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM = 130, 90, 80
LEAST_MV, MOST_MV = 3.0, 6.0
NEAR_S = 0.15  # the judged beat's own annotation lies within the window that was cut around it


def strip_svg(strip: Mapping[str, Any], symbol: str, true: str, label: str) -> Html:
    """A strip of ECG at 25 mm/s and 10 mm/mV, small boxes 0.04 s and 0.1 mV, large ones 0.2 s and 0.5 mV.

    Args:
        strip: As in `gallery.gallery`.
        symbol: The judged beat's annotation.
        true: Its class, which colours the mark.
        label: What the picture shows, for those who hear it.
    """
    signal, fs_hz, middle_s = strip["signal"], strip["fs_hz"], strip["time_s"]
    low, high = _range_mv([value for value in signal if value is not None])
    start_s, end_s = strip["start_s"] - middle_s, strip["start_s"] - middle_s + len(signal) / fs_hz
    width, height = round((end_s - start_s) * PER_S), round((high - low) * PER_MV)
    zero_x, zero_y = round(-start_s * PER_S), round(high * PER_MV)  # where the beat's time and 0 mV lie
    lines = [_grid(1, width, height, zero_x, zero_y, "small"), _grid(LARGE_BOXES, width, height, zero_x, zero_y, "large")]
    mark = element("path", d=f"M{zero_x} 0V{height}", class_=f"mark {true}")
    trace = element("path", d=_trace(signal, fs_hz, zero_y), class_="trace")
    others = [(time_s - middle_s, text) for time_s, text in strip["beats"] if abs(time_s - middle_s) > NEAR_S]
    above = [element("text", text, x=round(zero_x + at_s * PER_S), y=-24, text_anchor="middle") for at_s, text in others]
    own = element("text", symbol, x=zero_x, y=-24, text_anchor="middle", class_="own")
    below = list(_seconds(start_s, end_s, zero_x, height))
    scale = [_level(mv, zero_y) for mv in _whole(low, high - 0.3)]  # at the top stands the unit
    paper = element("rect", width=width, height=height, class_="paper")
    inner = element("svg", *lines, mark, trace, width=width, height=height, overflow="hidden")
    box = f"{-MARGIN_LEFT} {-MARGIN_TOP} {width + MARGIN_LEFT + 20} {height + MARGIN_TOP + MARGIN_BOTTOM}"
    unit = element("text", "mV", x=-18, y=-24, text_anchor="end")
    return element("svg", paper, inner, *above, own, *below, *scale, unit, viewBox=box, role="img", aria_label=label, class_="strip")


def _range_mv(values: Sequence[float]) -> tuple[float, float]:
    """The paper's lower and upper edge on large boxes, at least `LEAST_MV` apart; a taller signal than `MOST_MV` runs off it."""
    if not values:
        return -LEAST_MV / 2, LEAST_MV / 2
    middle = sorted(values)[len(values) // 2]
    low, high = max(min(values), middle - MOST_MV / 2) - 0.1, min(max(values), middle + MOST_MV / 2) + 0.1
    missing = max(0.0, LEAST_MV - (high - low))
    low = math.floor((low - missing / 2) * 2) / 2
    return low, max(math.ceil(high * 2) / 2, low + LEAST_MV)


def _grid(boxes: int, width: int, height: int, zero_x: int, zero_y: int, class_: str) -> Html:
    step_x, step_y = round(boxes * SMALL_S * PER_S), round(boxes * SMALL_MV * PER_MV)
    across = "".join(f"M{x} 0v{height}" for x in range(zero_x % step_x, width + 1, step_x))
    up = "".join(f"M0 {y}h{width}" for y in range(zero_y % step_y, height + 1, step_y))
    return element("path", d=across + up, class_=class_)


def _trace(signal: Sequence[float | None], fs_hz: float, zero_y: int) -> str:
    """The path of a signal; it breaks where samples are invalid."""
    points = [(round(i * PER_S / fs_hz), None if value is None else zero_y - round(value * PER_MV)) for i, value in enumerate(signal)]
    pieces = [[(x, y) for x, y in piece if y is not None] for valid, piece in groupby(points, lambda point: point[1] is not None) if valid]
    return "".join(f"M{piece[0][0]} {piece[0][1]}{_steps(piece)}" for piece in pieces)


def _steps(piece: Sequence[tuple[int, int]]) -> str:
    steps = (f"{x - x0} {y - y0}" for (x0, y0), (x, y) in pairwise(piece))
    return "l" + " ".join(steps) if len(piece) > 1 else "h1"


def _seconds(start_s: float, end_s: float, zero_x: int, height: int) -> Iterator[Html]:
    for second in _whole(start_s, end_s):
        text = f"{second:+.0f} s".replace("-", "−") if second else "0"
        anchor = "start" if second - start_s < 0.2 else "end" if end_s - second < 0.2 else "middle"
        yield element("text", text, x=round(zero_x + second * PER_S), y=height + 62, text_anchor=anchor)


def _level(mv: int, zero_y: int) -> Html:
    return element("text", f"{mv}".replace("-", "−"), x=-18, y=zero_y - mv * PER_MV + 18, text_anchor="end")


def _whole(low: float, high: float) -> range:
    return range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1)


def strip_label(mistake: Mapping[str, Any]) -> str:
    """What a strip shows, in words."""
    strip = mistake["strip"]
    where = f"record {mistake['record']}, lead {strip['lead']}, at {clock(strip['time_s'])} min"
    return f"ECG of {where}: class {mistake['class']}, predicted {mistake['predicted']}"
