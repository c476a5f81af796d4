"""A strip of ECG paper as SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from ecg_lightning.report.markup import Html, element
from ecg_lightning.text import clock

PER_S, PER_MV = 500, 200  # 25 mm/s, 10 mm/mV
SMALL_S, SMALL_MV, LARGE_BOXES = 0.04, 0.1, 5
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM = 130, 90, 80
LEAST_MV, MOST_MV = 3.0, 6.0
NEAR_S = 0.15  # the judged beat's own annotation lies within the window that was cut around it


def strip_svg(strip: Mapping[str, Any], symbol: str, true: str, label: str) -> Html:
    """A strip of ECG at 25 mm/s and 10 mm/mV, small boxes 0.04 s and 0.1 mV, large ones 0.2 s and 0.5 mV.

    Args:
        strip: As in `mistakes.confident_mistakes`.
        symbol: The judged beat's annotation.
        true: Its class, which colours the mark.
        label: What the picture shows, for those who hear it.
    """
    signal, fs_hz, middle_s = strip["signal"], strip["fs_hz"], strip["time_s"]
    low, high = _range_mv([value for value in signal if value is not None])
    start_s, end_s = strip["start_s"] - middle_s, strip["start_s"] - middle_s + len(signal) / fs_hz
    width, height = round((end_s - start_s) * PER_S), round((high - low) * PER_MV)
    zero_x, zero_y = (
        round(-start_s * PER_S),
        round(high * PER_MV),
    )  # where the beat's time and 0 mV lie
    lines = [
        _grid(1, width, height, zero_x, zero_y, "small"),
        _grid(LARGE_BOXES, width, height, zero_x, zero_y, "large"),
    ]
    mark = element("path", d=f"M{zero_x} 0V{height}", class_=f"mark {true}")
    trace = element("path", d=_trace(signal, fs_hz, zero_y), class_="trace")
    others = [
        (time_s - middle_s, text)
        for time_s, text in strip["beats"]
        if abs(time_s - middle_s) > NEAR_S
    ]
    above = [
        element("text", text, x=round(zero_x + at_s * PER_S), y=-24, text_anchor="middle")
        for at_s, text in others
    ]
    own = element("text", symbol, x=zero_x, y=-24, text_anchor="middle", class_="own")
    below = list(_seconds(start_s, end_s, zero_x, height))
    scale = [_level(mv, zero_y) for mv in _whole(low, high - 0.3)]  # at the top stands the unit
    paper = element("rect", width=width, height=height, class_="paper")
    inner = element("svg", *lines, mark, trace, width=width, height=height, overflow="hidden")
    box = f"{-MARGIN_LEFT} {-MARGIN_TOP} {width + MARGIN_LEFT + 20} {height + MARGIN_TOP + MARGIN_BOTTOM}"
    unit = element("text", "mV", x=-18, y=-24, text_anchor="end")
    return element(
        "svg",
        paper,
        inner,
        *above,
        own,
        *below,
        *scale,
        unit,
        viewBox=box,
        role="img",
        aria_label=label,
        class_="strip",
    )


def _range_mv(values: Sequence[float]) -> tuple[float, float]:
    """The paper's lower and upper edge on large boxes, at least `LEAST_MV` apart; a taller signal than `MOST_MV` runs off it."""
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


def _grid(boxes: int, width: int, height: int, zero_x: int, zero_y: int, class_: str) -> Html:
    step_x, step_y = round(boxes * SMALL_S * PER_S), round(boxes * SMALL_MV * PER_MV)
    across = "".join(f"M{x} 0v{height}" for x in range(zero_x % step_x, width + 1, step_x))
    up = "".join(f"M0 {y}h{width}" for y in range(zero_y % step_y, height + 1, step_y))
    return element("path", d=across + up, class_=class_)


def _trace(signal: Sequence[float | None], fs_hz: float, zero_y: int) -> str:
    """The path of a signal; it breaks where samples are invalid."""
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


def _seconds(start_s: float, end_s: float, zero_x: int, height: int) -> Iterator[Html]:
    for second in _whole(start_s, end_s):
        text = f"{second:+.0f} s".replace("-", "−") if second else "0"
        anchor = "start" if second - start_s < 0.2 else "end" if end_s - second < 0.2 else "middle"
        yield element(
            "text", text, x=round(zero_x + second * PER_S), y=height + 62, text_anchor=anchor
        )


def _level(mv: int, zero_y: int) -> Html:
    return element(
        "text", f"{mv}".replace("-", "−"), x=-18, y=zero_y - mv * PER_MV + 18, text_anchor="end"
    )


def _whole(low: float, high: float) -> range:
    return range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1)


def strip_label(mistake: Mapping[str, Any]) -> str:
    """What a strip shows, in words."""
    strip = mistake["strip"]
    where = f"record {mistake['record']}, lead {strip['lead']}, at {clock(strip['time_s'])} min"
    return f"ECG of {where}: class {mistake['class']}, predicted {mistake['predicted']}"
