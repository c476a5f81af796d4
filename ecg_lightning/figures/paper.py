"""ECG paper: rows of the paper's size with their boxes, and lettering that grows with the paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from ecg_lightning.arrays import Floats
from ecg_lightning.figures.style import DPI, MM_PER_INCH, blank_figure
from ecg_lightning.palette import INK

MM_PER_S, MM_PER_MV = 25.0, 10.0  # the paper's standard speed and gain
POINT_MM = MM_PER_INCH / 72
SMALL_BOX_S, LARGE_BOX_S = 0.04, 0.2
SMALL_BOX_MV, LARGE_BOX_MV = 0.1, 0.5
PAPER, SMALL_LINE, LARGE_LINE = "#FFF8F5", "#F8DDD5", "#EDB5A6"
WIDEST_MM, NARROWEST_MM, TALLEST_MV = 300.0, 160.0, 8.0
MARGINS_MM = (19.5, 5.0, 17.0, 11.5)  # left, right, bottom, top of the narrowest strip
LINE_MM, LETTERS_MM = 5.5, 6.5  # height of a second line below the paper, and above it
NUMBERS_MM, WIDEST_LABEL_MM = 11.0, 30.0  # left of the paper
OTHER_MM, OTHER_ALONE_MM = 20.0, 40.0  # height of a row without boxes, among others and alone
LEAST_ROW_MM, TALLEST_PAGE = 9.0, 1.4  # of several rows; the page's height by its width
LARGEST = 1e30  # values beyond are drawn outside the paper
SHORT_S = 3.5  # a shorter strip has numbers between the seconds
CLOSEST_MM = 0.6  # lines that are closer would only tint the paper


@dataclass(frozen=True)
class Row:
    """What the row of one lead shows.

    Attributes:
        limits: The value at the lower and the upper edge.
        has_boxes: Whether the values are millivolts, which the boxes measure.
        label: What is written left of the row; "" for nothing.
        has_values: Whether a sample is valid. If not, numbers without boxes would mean nothing.
    """

    limits: tuple[float, float]
    has_boxes: bool = True
    label: str = ""
    has_values: bool = True


@dataclass(frozen=True)
class Paper:
    """Axes of the paper's own size, with room around them.

    Attributes:
        figure: The figure.
        rows: The axes of each lead, from the top. They touch, and have one time axis.
        zoom: Of the lettering. It grows with the figure's width, so that a long strip is still
            readable when a page or a phone shows it smaller.
        lines_above: How many lines of letters there are above the rows.
        label_mm: The room for labels left of the numbers.
    """

    figure: Figure
    rows: tuple[Axes, ...]
    zoom: float
    lines_above: int
    label_mm: float

    @property
    def top(self) -> Axes:
        """The row at the top."""
        return self.rows[0]

    @property
    def bottom(self) -> Axes:
        """The row at the bottom, which has the time axis."""
        return self.rows[-1]


def paper_of(
    limits_s: tuple[float, float], rows: Sequence[Row], lines_above: int, lines_below: int
) -> Paper:
    """Return paper with its boxes and ticks.

    Args:
        limits_s: Time at the left and the right edge.
        rows: What the rows show.
        lines_above: How many lines of letters there are above the paper.
        lines_below: How many lines of text more than one there are below.
    """
    natural_mm = MM_PER_S * (limits_s[1] - limits_s[0])
    width = min(max(natural_mm, NARROWEST_MM), WIDEST_MM)
    scale, zoom = width / natural_mm, width / NARROWEST_MM
    heights = _heights_mm(rows, scale, zoom)
    left, right, bottom, top = (zoom * margin for margin in MARGINS_MM)
    left = max(left, zoom * (NUMBERS_MM + _label_mm(rows)))
    right = max(right, zoom * 1.3 * _letters_of_times(limits_s))  # half of the last number
    bottom, top = bottom + zoom * LINE_MM * lines_below, top + zoom * LETTERS_MM * lines_above
    page = left + width + right, bottom + sum(heights) + top
    figure = blank_figure(page[0] / MM_PER_INCH, page[1] / MM_PER_INCH)
    all_axes = []
    for row, low, height in zip(rows, _lower_edges(heights), heights, strict=True):
        place = left / page[0], (bottom + low) / page[1], width / page[0], height / page[1]
        axes = figure.add_axes(place, facecolor=PAPER)
        axes.set(xlim=limits_s, ylim=row.limits)
        all_axes.append(axes)
    paper = Paper(figure, tuple(all_axes), zoom, lines_above, left - zoom * NUMBERS_MM)
    for axes, row in zip(all_axes, rows, strict=True):
        _draw_boxes(paper, axes, row)
    return paper


def _label_mm(rows: Sequence[Row]) -> float:
    lines = [line for row in rows for line in row.label.split("\n")]
    return min(2.8 * max(map(len, lines)) + 1, WIDEST_LABEL_MM)


def _heights_mm(rows: Sequence[Row], scale: float, zoom: float) -> list[float]:
    """Boxes are square, unless many leads would then make a page that is too tall."""
    boxes = [row.limits[1] - row.limits[0] if row.has_boxes else 0.0 for row in rows]
    most = max(TALLEST_PAGE * NARROWEST_MM - OTHER_MM * boxes.count(0.0), 0.0) * zoom
    gain = scale * MM_PER_MV
    if len(rows) > 1:
        gain = min(gain, most / max(sum(boxes), 1.0))
    other = zoom * (OTHER_MM if len(rows) > 1 else OTHER_ALONE_MM)
    return [max(gain * height, LEAST_ROW_MM * zoom) if height else other for height in boxes]


def _lower_edges(heights: Sequence[float]) -> list[float]:
    """Return the lower edge of each row above that of the lowest."""
    return [sum(heights[i + 1 :]) for i in range(len(heights))]


def row_of(signal: Floats, is_voltage: bool) -> Row:
    """Return the row for a lead. A voltage that is too tall for a page is cut.

    Args:
        signal: (T,) in mV, or in its own unit; NaN where invalid.
        is_voltage: Whether the unit is mV. Then the edges are lines of large boxes.
    """
    valid = np.clip(signal[np.isfinite(signal)], -LARGEST, LARGEST)
    if len(valid) == 0:
        return Row((-1.0, 1.0), is_voltage, has_values=False)
    if not is_voltage:
        return Row(_own_range(float(valid.min()), float(valid.max())), has_boxes=False)
    middle = float(np.clip(np.median(valid), -1e6, 1e6))
    low = np.clip(valid.min(), middle - TALLEST_MV / 2, middle) - 0.1
    high = np.clip(valid.max(), middle, middle + TALLEST_MV / 2) + 0.1
    edges = math.floor(low / LARGE_BOX_MV), math.ceil(high / LARGE_BOX_MV)
    return Row((edges[0] * LARGE_BOX_MV, edges[1] * LARGE_BOX_MV))


def _own_range(low: float, high: float) -> tuple[float, float]:
    """The range of values with room at both edges, and around a constant."""
    room = 0.16 * (high - low)
    least = 1e-6 * max(abs(low), abs(high))  # float32 has no finer steps
    room = room if high - low > least else 0.5 * max(abs(low), 1.0)
    return low - room, high + room


def size_mm(axes: Axes) -> tuple[float, float]:
    """Return width and height."""
    box = axes.get_window_extent()
    return box.width / DPI * MM_PER_INCH, box.height / DPI * MM_PER_INCH


def mm_per_s(axes: Axes) -> float:
    """Return the length of a second on the drawn paper."""
    return size_mm(axes)[0] / float(np.ptp(axes.get_xlim()))


def _draw_boxes(paper: Paper, axes: Axes, row: Row) -> None:
    """Draw small and large boxes, and set the ticks."""
    _draw_lines(axes, SMALL_BOX_S, SMALL_BOX_MV if row.has_boxes else None, SMALL_LINE, 0.5)
    _draw_lines(axes, LARGE_BOX_S, LARGE_BOX_MV if row.has_boxes else None, LARGE_LINE, 0.9)
    _set_times(paper, axes)
    if row.has_boxes or row.has_values:
        _set_values(paper, axes, row.has_boxes)
    else:
        axes.set_yticks([])
    axes.spines[:].set_color(LARGE_LINE)


def _draw_lines(
    axes: Axes, step_s: float, step_mv: float | None, colour: str, width: float
) -> None:
    look: dict[str, Any] = {"colors": colour, "linewidth": width, "zorder": 1}
    if step_s * mm_per_s(axes) > CLOSEST_MM:
        times = _multiples(axes.get_xlim(), step_s)
        axes.vlines(times, 0, 1, transform=axes.get_xaxis_transform(), **look)
    if step_mv is not None and step_mv * _mm_per_unit(axes) > CLOSEST_MM:
        heights = _multiples(axes.get_ylim(), step_mv)
        axes.hlines(heights, 0, 1, transform=axes.get_yaxis_transform(), **look)


def _letters_of_times(limits_s: tuple[float, float]) -> int:
    """How long the numbers of the time axis are."""
    is_short = limits_s[1] - limits_s[0] < SHORT_S
    return len(_number(math.floor(limits_s[1]))) + 2 * is_short


def _set_times(paper: Paper, axes: Axes) -> None:
    least_mm = max(10.0, 2.4 * _letters_of_times(axes.get_xlim()) + 4) * paper.zoom
    step_s = _tick_step((1, 2, 5, 10, 30, 60), mm_per_s(axes), least_mm)
    if np.ptp(axes.get_xlim()) < SHORT_S:
        step_s = _tick_step((0.2, 0.5, 1), mm_per_s(axes), max(25.0 * paper.zoom, least_mm))
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: _number(at_s)))
    is_last = axes is paper.bottom
    look: dict[str, Any] = {"labelsize": 11 * paper.zoom, "color": LARGE_LINE, "labelcolor": INK}
    # The pad keeps the numbers below the lowest number of the other axis.
    axes.tick_params("x", length=3 * paper.zoom * is_last, pad=5 * paper.zoom, **look)
    axes.tick_params("x", labelbottom=is_last)


def _set_values(paper: Paper, axes: Axes, has_boxes: bool) -> None:
    room = 2.3 * paper.zoom if len(paper.rows) > 1 else 0.0  # numbers of two rows do not touch
    ticks = (_ticks_of_boxes if has_boxes else _ticks_of_values)(axes, 5 * paper.zoom, room)
    is_whole = not has_boxes or all(tick % 1 == 0 for tick in ticks)
    shown = "{:.6g}".format if is_whole else "{:.1f}".format
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _with_minus(shown(value))))
    letters = max((len(shown(tick)) for tick in ticks), default=1)
    size_pt = min(11.0, 33.0 / letters) * paper.zoom  # `NUMBERS_MM` wide at most
    look: dict[str, Any] = {"color": LARGE_LINE, "labelcolor": INK}
    axes.tick_params("y", labelsize=size_pt, length=3 * paper.zoom, **look)


def _ticks_of_boxes(axes: Axes, least_mm: float, room_mm: float) -> list[float]:
    step = _tick_step((0.5, 1, 2, 5), _mm_per_unit(axes), least_mm)
    return _inside(axes, _multiples(axes.get_ylim(), step), room_mm)


def _ticks_of_values(axes: Axes, least_mm: float, room_mm: float) -> list[float]:
    """Round numbers, two or more of them: one number is no scale."""
    most, ticks = int(size_mm(axes)[1] / least_mm + 1e-6), list[float]()
    while len(ticks) < 2 and most < 20:
        values = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(*axes.get_ylim())
        ticks = _inside(axes, np.asarray(values), room_mm)
        most += 1
    return ticks


def _inside(axes: Axes, ticks: Floats, room_mm: float) -> list[float]:
    low, high = axes.get_ylim()
    room = room_mm / _mm_per_unit(axes) - 1e-9 * (high - low)
    return ticks[(ticks >= low + room) & (ticks <= high - room)].tolist()


def _number(value: float) -> str:
    return _with_minus(f"{value:.10g}")


def _with_minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _mm_per_unit(axes: Axes) -> float:
    """Return the height of a millivolt, or of another unit, on the drawn paper."""
    low, high = axes.get_ylim()
    return size_mm(axes)[1] / (high - low)


def _multiples(limits: tuple[float, float], step: float) -> Floats:
    """Return the multiples of `step` within `limits`."""
    first, last = math.ceil(limits[0] / step - 1e-6), math.floor(limits[1] / step + 1e-6)
    return np.float64(step) * np.arange(first, last + 1)


def _tick_step(steps: Sequence[float], mm_per_unit: float, least_mm: float) -> float:
    """Return the smallest step whose ticks are `least_mm` apart, or else the largest step."""
    return next((step for step in steps if step * mm_per_unit >= least_mm), steps[-1])
