"""ECG paper: rows of the paper's own size, and lettering that grows with the paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_lightning.figures.paper_rows import Row
from ecg_lightning.figures.style import DPI, MM_PER_INCH, blank_figure

MM_PER_S, MM_PER_MV = 25.0, 10.0  # the paper's standard speed and gain
POINT_MM = MM_PER_INCH / 72
PAPER = "#FFF8F5"
WIDEST_MM, NARROWEST_MM = 300.0, 160.0
MARGINS_MM = (19.5, 5.0, 17.0, 11.5)  # left, right, bottom, top of the narrowest strip
LINE_MM, LETTERS_MM = 5.5, 6.5  # height of a second line below the paper, and above it
NUMBERS_MM, WIDEST_LABEL_MM = 11.0, 30.0  # left of the paper
OTHER_MM, OTHER_ALONE_MM = 20.0, 40.0  # height of a row without boxes, among others and alone
LEAST_ROW_MM, TALLEST_PAGE = 9.0, 1.4  # of several rows; the page's height by its width
SHORT_S = 3.5  # a shorter strip has numbers between the seconds


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
    """Return paper without anything on it.

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
    right = max(right, zoom * 1.3 * letters_of_times(limits_s))  # half of the last number
    bottom, top = bottom + zoom * LINE_MM * lines_below, top + zoom * LETTERS_MM * lines_above
    page = left + width + right, bottom + sum(heights) + top
    figure = blank_figure(page[0] / MM_PER_INCH, page[1] / MM_PER_INCH)
    all_axes = []
    for row, low, height in zip(rows, _lower_edges(heights), heights, strict=True):
        place = left / page[0], (bottom + low) / page[1], width / page[0], height / page[1]
        axes = figure.add_axes(place, facecolor=PAPER)
        axes.set(xlim=limits_s, ylim=row.limits)
        all_axes.append(axes)
    return Paper(figure, tuple(all_axes), zoom, lines_above, left - zoom * NUMBERS_MM)


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


def size_mm(axes: Axes) -> tuple[float, float]:
    """Return width and height."""
    box = axes.get_window_extent()
    return box.width / DPI * MM_PER_INCH, box.height / DPI * MM_PER_INCH


def mm_per_s(axes: Axes) -> float:
    """Return the length of a second on the drawn paper."""
    return size_mm(axes)[0] / float(np.ptp(axes.get_xlim()))


def letters_of_times(limits_s: tuple[float, float]) -> int:
    """Return how long the numbers of the time axis are."""
    is_short = limits_s[1] - limits_s[0] < SHORT_S
    return len(f"{math.floor(limits_s[1])}") + 2 * is_short
