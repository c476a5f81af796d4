"""What is printed on ECG paper: small and large boxes, and the numbers of its axes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from ecg_lightning.arrays import Floats
from ecg_lightning.figures.paper import SHORT_S, Paper, letters_of_times, mm_per_s, size_mm
from ecg_lightning.figures.paper_rows import LARGE_BOX_MV, Row
from ecg_lightning.palette import INK

SMALL_BOX_S, LARGE_BOX_S, SMALL_BOX_MV = 0.04, 0.2, 0.1
SMALL_LINE, LARGE_LINE = "#F8DDD5", "#EDB5A6"
CLOSEST_MM = 0.6  # lines that are closer would only tint the paper


def draw_boxes(paper: Paper, rows: Sequence[Row]) -> None:
    """Draw small and large boxes, and set the ticks."""
    for axes, row in zip(paper.rows, rows, strict=True):
        _draw_row(paper, axes, row)


def _draw_row(paper: Paper, axes: Axes, row: Row) -> None:
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


def _set_times(paper: Paper, axes: Axes) -> None:
    least_mm = max(10.0, 2.4 * letters_of_times(axes.get_xlim()) + 4) * paper.zoom
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
    room_pt = 48.0 if has_boxes and len(paper.rows) == 1 else 38.0  # `NUMBERS_MM` wide at most
    size_pt = min(11.0, room_pt / letters) * paper.zoom
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
