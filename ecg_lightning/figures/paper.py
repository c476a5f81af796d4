"""ECG paper: axes of the paper's size, with its boxes, and lettering that grows with the paper."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from ecg_lightning.arrays import Floats
from ecg_lightning.figures.style import DPI, MM_PER_INCH, blank_figure
from ecg_lightning.palette import INK

MM_PER_S, MM_PER_MV = 25.0, 10.0  # the paper's standard speed and gain
POINT_MM = MM_PER_INCH / 72
SMALL_BOX_S, LARGE_BOX_S = 0.04, 0.2
LARGE_BOX_MV = 0.5
PAPER, SMALL_LINE, LARGE_LINE = "#FFF8F5", "#F8DDD5", "#EDB5A6"
WIDEST_MM, NARROWEST_MM, TALLEST_MV = 300.0, 160.0, 8.0
MARGINS_MM = (19.5, 5.0, 17.0, 18.0)  # left, right, bottom, top of the narrowest strip
LINE_MM = 5.5  # height of a second line below the paper


def paper_axes(
    limits_s: tuple[float, float], limits_mv: tuple[float, float], second_line: bool
) -> tuple[Axes, float]:
    """Return axes of the paper's own size, with room around them, and the zoom of all lettering.

    The lettering grows with the figure's width, so that a long strip is still readable when a page
    or a phone shows it smaller.

    Args:
        limits_s: Time at the left and the right edge.
        limits_mv: Potential at the lower and the upper edge.
        second_line: Whether there is room for a second line of text below.
    """
    width, height = (
        MM_PER_S * (limits_s[1] - limits_s[0]),
        MM_PER_MV * (limits_mv[1] - limits_mv[0]),
    )
    scale = min(max(width, NARROWEST_MM), WIDEST_MM) / width
    width, height, zoom = scale * width, scale * height, scale * width / NARROWEST_MM
    left, right, bottom, top = (zoom * margin for margin in MARGINS_MM)
    bottom += zoom * LINE_MM * second_line
    total_width, total_height = left + width + right, bottom + height + top
    figure = blank_figure(total_width / MM_PER_INCH, total_height / MM_PER_INCH)
    place = (
        left / total_width,
        bottom / total_height,
        width / total_width,
        height / total_height,
    )
    axes = figure.add_axes(place, facecolor=PAPER)
    axes.set(xlim=limits_s, ylim=limits_mv)
    return axes, zoom


def paper_range(signal: Floats) -> tuple[float, float]:
    """Return the potential at the paper's lower and upper edge, in mV, at lines of large boxes.

    A signal that is too tall for a page is cut.
    """
    valid = signal[np.isfinite(signal)]
    if len(valid) == 0:
        return -1.0, 1.0
    middle = float(np.median(valid))
    low = max(float(valid.min()), middle - TALLEST_MV / 2) - 0.1
    high = min(float(valid.max()), middle + TALLEST_MV / 2) + 0.1
    return (
        math.floor(low / LARGE_BOX_MV) * LARGE_BOX_MV,
        math.ceil(high / LARGE_BOX_MV) * LARGE_BOX_MV,
    )


def size_mm(axes: Axes) -> tuple[float, float]:
    """Return width and height."""
    box = axes.get_window_extent()
    return box.width / DPI * MM_PER_INCH, box.height / DPI * MM_PER_INCH


def mm_per_s(axes: Axes) -> float:
    """Return the length of a second on the drawn paper."""
    return size_mm(axes)[0] / float(np.ptp(axes.get_xlim()))


def draw_boxes(axes: Axes, zoom: float) -> None:
    """Draw small and large boxes, and set the ticks."""
    speed = mm_per_s(axes)
    if SMALL_BOX_S * speed > 0.6:  # closer lines would only tint the paper
        _draw_lines(axes, SMALL_BOX_S, SMALL_LINE, 0.5)
    _draw_lines(axes, LARGE_BOX_S, LARGE_LINE, 0.9)
    gain = speed * MM_PER_MV / MM_PER_S
    step_s = _tick_step((1, 2, 5, 10, 30, 60), speed, 10 * zoom)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.yaxis.set_major_locator(MultipleLocator(_tick_step((0.5, 1, 2, 5), gain, 5 * zoom)))
    axes.tick_params(labelsize=11 * zoom, length=3 * zoom, color=LARGE_LINE, labelcolor=INK)
    axes.tick_params(axis="x", pad=5 * zoom)  # below the lowest number of the other axis
    axes.spines[:].set_color(LARGE_LINE)


def _draw_lines(axes: Axes, step_s: float, colour: str, width: float) -> None:
    look: dict[str, Any] = {"colors": colour, "linewidth": width, "zorder": 1}
    times = _multiples(axes.get_xlim(), step_s)
    axes.vlines(times, 0, 1, transform=axes.get_xaxis_transform(), **look)
    heights = _multiples(axes.get_ylim(), step_s * MM_PER_S / MM_PER_MV)
    axes.hlines(heights, 0, 1, transform=axes.get_yaxis_transform(), **look)


def _multiples(limits: tuple[float, float], step: float) -> Floats:
    """Return the multiples of `step` within `limits`."""
    first, last = math.ceil(limits[0] / step - 1e-6), math.floor(limits[1] / step + 1e-6)
    return np.float64(step) * np.arange(first, last + 1)


def _tick_step(steps: Sequence[float], mm_per_unit: float, least_mm: float) -> float:
    """Return the smallest step whose ticks are `least_mm` apart, or else the largest step."""
    return next((step for step in steps if step * mm_per_unit >= least_mm), steps[-1])
