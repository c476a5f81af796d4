"""Coordinates of a strip of ECG paper; `templates/strip.j2` draws it as inline SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from ecg_lightning.text import clock

PER_S, PER_MV = 500, 200  # 25 mm/s, 10 mm/mV
SMALL_S, SMALL_MV, LARGE_BOXES = 0.04, 0.1, 5
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM = 130, 90, 80
LEAST_MV, MOST_MV = 3.0, 6.0
NEAR_EDGE = 30  # half the width of a symbol
NEAR_S = 0.15  # the judged beat's own annotation lies within the window that was cut around it


class Text(NamedTuple):
    """A text on the paper's margin; `anchor` is SVG's `text-anchor`."""

    text: str
    x: int
    y: int
    anchor: str


class Drawing(NamedTuple):
    """A strip's paths and texts.

    Attributes:
        label: What the picture shows, in words.
        true: The judged beat's class, which colours its mark.
        box: SVG's `viewBox`.
        width: Of the paper, in SVG units: 500 a second.
        height: Of the paper: 200 a millivolt.
        small: The path of the small boxes' lines.
        large: The path of the large boxes' lines.
        mark: The path of the judged beat's mark.
        trace: The path of the signal.
        above: The other beats' annotations.
        own: The judged beat's annotation.
        below: Times and levels.
    """

    label: str
    true: str
    box: str
    width: int
    height: int
    small: str
    large: str
    mark: str
    trace: str
    above: Sequence[Text]
    own: Text
    below: Sequence[Text]


def draw_strip(strip: Mapping[str, Any], symbol: str, true: str, label: str) -> Drawing:
    """Return a strip of ECG at 25 mm/s and 10 mm/mV.

    Small boxes are 0.04 s by 0.1 mV, large ones 0.2 s by 0.5 mV.

    Args:
        strip: As in `mistakes.confident_mistakes`.
        symbol: The judged beat's annotation.
        true: Its class, which colours the mark.
        label: What the picture shows, in words.
    """
    signal, fs_hz, middle_s = strip["signal"], strip["fs_hz"], strip["time_s"]
    low, high = paper_range_mv([value for value in signal if value is not None])
    start_s, end_s = strip["start_s"] - middle_s, strip["start_s"] - middle_s + len(signal) / fs_hz
    width, height = round((end_s - start_s) * PER_S), round((high - low) * PER_MV)
    zero_x, zero_y = round(-start_s * PER_S), round(high * PER_MV)  # the beat's time and 0 mV
    others = ((time_s - middle_s, text) for time_s, text in strip["beats"])
    below = [
        *_seconds(start_s, end_s, zero_x, height),
        *(_level(mv, zero_y) for mv in _whole(low, high - 0.3)),  # the unit is at the top
        Text("mV", -18, -24, "end"),
    ]
    box = -MARGIN_LEFT, -MARGIN_TOP, width + MARGIN_LEFT + 20, height + MARGIN_TOP + MARGIN_BOTTOM
    return Drawing(
        label,
        true,
        " ".join(map(str, box)),
        width,
        height,
        grid_path(1, width, height, zero_x, zero_y),
        grid_path(LARGE_BOXES, width, height, zero_x, zero_y),
        f"M{zero_x} 0V{height}",
        trace_path(signal, fs_hz, zero_y),
        [
            _annotation(text, round(zero_x + at_s * PER_S), width)
            for at_s, text in others
            if abs(at_s) > NEAR_S
        ],
        Text(symbol, zero_x, -24, "middle"),
        below,
    )


def paper_range_mv(values: Sequence[float]) -> tuple[float, float]:
    """Return the paper's lower and upper edge, on lines of large boxes.

    They are at least `LEAST_MV` apart; a signal that is taller than `MOST_MV` runs off the paper.
    """
    if not values:
        return -LEAST_MV / 2, LEAST_MV / 2
    middle = sorted(values)[len(values) // 2]
    low, high = (
        max(min(values), middle - MOST_MV / 2) - 0.1,
        min(max(values), middle + MOST_MV / 2) + 0.1,
    )
    missing = max(0.0, LEAST_MV - (high - low))
    low = math.floor((low - missing / 2) * 2) / 2
    return low, max(math.ceil(high * 2) / 2, low + LEAST_MV)


def grid_path(boxes: int, width: int, height: int, zero_x: int, zero_y: int) -> str:
    """Return the path of the lines that are a number of small boxes apart."""
    step_x, step_y = round(boxes * SMALL_S * PER_S), round(boxes * SMALL_MV * PER_MV)
    across = "".join(f"M{x} 0v{height}" for x in range(zero_x % step_x, width + 1, step_x))
    up = "".join(f"M0 {y}h{width}" for y in range(zero_y % step_y, height + 1, step_y))
    return across + up


def trace_path(signal: Sequence[float | None], fs_hz: float, zero_y: int) -> str:
    """Return the path of a signal; it breaks where samples are invalid."""
    points = [
        (round(i * PER_S / fs_hz), None if value is None else zero_y - round(value * PER_MV))
        for i, value in enumerate(signal)
    ]
    pieces = [
        [(x, y) for x, y in piece if y is not None]
        for valid, piece in groupby(points, lambda point: point[1] is not None)
        if valid
    ]
    return "".join(f"M{piece[0][0]} {piece[0][1]}{_steps(piece)}" for piece in pieces)


def _steps(piece: Sequence[tuple[int, int]]) -> str:
    steps = (f"{x - x0} {y - y0}" for (x0, y0), (x, y) in pairwise(piece))
    return "l" + " ".join(steps) if len(piece) > 1 else "h1"


def _seconds(start_s: float, end_s: float, zero_x: int, height: int) -> Iterator[Text]:
    for second in _whole(start_s, end_s):
        text = f"{second:+.0f} s".replace("-", "−") if second else "0"
        anchor = "start" if second - start_s < 0.2 else "end" if end_s - second < 0.2 else "middle"
        yield Text(text, round(zero_x + second * PER_S), height + 62, anchor)


def _annotation(symbol: str, x: int, width: int) -> Text:
    """A symbol above the paper; near an edge it stays on the paper, clear of the unit."""
    anchor = "start" if x < NEAR_EDGE else "end" if x > width - NEAR_EDGE else "middle"
    return Text(symbol, x, -24, anchor)


def _level(mv: int, zero_y: int) -> Text:
    return Text(f"{mv}".replace("-", "−"), -18, zero_y - mv * PER_MV + 18, "end")


def _whole(low: float, high: float) -> range:
    return range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1)


def strip_label(mistake: Mapping[str, Any]) -> str:
    """Return in words what a strip shows."""
    strip = mistake["strip"]
    where = f"record {mistake['record']}, lead {strip['lead']}, at {clock(strip['time_s'])} min"
    return f"ECG of {where}: class {mistake['class']}, predicted {mistake['predicted']}"
