"""The picture of how many beats of which class each part holds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.figures.style import badge, blank_figure, share_text
from ecg_lightning.palette import INK, RULE, SOFT_INK, class_colour, readable_on

Floats = npt.NDArray[np.float64]

INSIDE_SHARE = 0.06  # a wedge of at least this share has its letter inside
LABEL_GAP_DEG = 17.0
RING_WIDTH = 0.36
EMPTY_RING = "#EEF0F3"
PART_TITLES: Mapping[str, str] = {"train": "training"}


def classes_figure(beats_by_part: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw a ring of class shares for each part, with a table of its counts to the right.

    Args:
        beats_by_part: Part ("train", "validation", "test") -> class -> beats, in drawing order.

    Returns:
        The figure. For part i, axes 2i has the ring (clockwise, one wedge for each class that has
        beats) and axes 2i + 1 the table of class, beats and share.

    Raises:
        ValueError: There is no part.
    """
    if not beats_by_part:
        raise ValueError("beats_by_part: expected at least one part, got none")
    rows = len(beats_by_part)
    figure = blank_figure(7.4, 0.75 + 2.45 * rows)
    top = 1 - 0.7 / figure.get_figheight()
    edges = {"left": 0.0, "right": 0.97, "bottom": 0.01, "top": top, "wspace": 0.0, "hspace": 0.03}
    grid = figure.add_gridspec(rows, 2, width_ratios=(3, 4), **edges)
    for row, (part, beats) in enumerate(beats_by_part.items()):
        _draw_ring(figure.add_subplot(grid[row, 0]), {name: n for name, n in beats.items() if n})
        _draw_table(figure.add_subplot(grid[row, 1]), PART_TITLES.get(part, part), beats)
    height = 1 - 0.36 / figure.get_figheight()
    figure.text(
        0.03, height, "Beats by class", fontsize=18, fontweight="bold", color=INK, va="center"
    )
    return figure


def _draw_ring(axes: Axes, beats: Mapping[str, int]) -> None:
    total = sum(beats.values())
    axes.set(xlim=(-1.25, 1.45), ylim=(-1.4, 1.4), aspect="equal")
    axes.axis("off")
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(0, 0.09, f"{total:,}", fontsize=13, fontweight="bold", color=INK, **middle)
    axes.text(0, -0.15, "beats", fontsize=11, color=SOFT_INK, **middle)
    if total:
        _draw_wedges(axes, list(beats), np.array(list(beats.values())))
    else:
        axes.pie([1], colors=[EMPTY_RING], wedgeprops={"width": RING_WIDTH}, frame=True)


def _draw_wedges(axes: Axes, names: Sequence[str], beats: npt.NDArray[np.int64]) -> None:
    ends = -360 * np.cumsum([0, *beats]) / beats.sum()
    middles = (ends[:-1] + ends[1:]) / 2
    # The middle of the largest wedge is on the left. So the narrow wedges, whose letters need room
    # outside the ring, are on the side of the table.
    start = 180.0 - float(middles[beats.argmax()])
    axes.pie(
        beats.tolist(),
        colors=[class_colour(name) for name in names],
        startangle=start,
        counterclock=False,
        wedgeprops={"width": RING_WIDTH, "edgecolor": "white", "linewidth": 1.0},
        frame=True,
    )
    _draw_letters(axes, names, middles + start, beats / beats.sum())


def _draw_letters(axes: Axes, names: Sequence[str], angles_deg: Floats, shares: Floats) -> None:
    """Put a letter on each wide wedge, and outside the ring, with a line, for each narrow one."""
    narrow = np.flatnonzero(shares < INSIDE_SHARE)
    # Angles count clockwise from the middle of the largest wedge (180 degrees), so that no two
    # narrow wedges lie on both sides of the place where the count starts.
    turns = (180.0 - angles_deg[narrow]) % 360.0
    order = np.argsort(turns)
    labels_deg = 180.0 - _spread(turns[order], LABEL_GAP_DEG)
    outside = dict(zip(narrow[order].tolist(), labels_deg.tolist(), strict=True))
    for i, (name, angle_deg) in enumerate(zip(names, angles_deg.tolist(), strict=True)):
        if i in outside:
            _draw_leader(axes, name, angle_deg, outside[i])
        else:
            axes.text(
                *_polar(1 - RING_WIDTH / 2, angle_deg),
                name,
                color=readable_on(class_colour(name)),
                ha="center",
                va="center",
                fontsize=13,
                fontweight="bold",
            )


def _spread(values: Floats, gap: float) -> Floats:
    """Move ascending values as little as possible (least squares) until they are `gap` apart."""
    if len(values) == 0:
        return values
    steps = gap * np.arange(len(values))
    moved: Floats = isotonic_regression(values - steps).x + steps
    return moved


def _draw_leader(axes: Axes, name: str, wedge_deg: float, label_deg: float) -> None:
    points = [_polar(0.98, wedge_deg), _polar(1.08, wedge_deg), _polar(1.15, label_deg)]
    axes.plot(
        [x for x, _ in points],
        [y for _, y in points],
        color=SOFT_INK,
        linewidth=0.9,
        solid_capstyle="round",
    )
    axes.text(*_polar(1.27, label_deg), name, ha="center", va="center", fontsize=11, **badge(name))


def _polar(radius: float, degrees: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _draw_table(axes: Axes, title: str, beats: Mapping[str, int]) -> None:
    """Write the part's name, then one line per class: letter, meaning, beats, share."""
    axes.set(xlim=(0, 1), ylim=(len(beats) + 0.6, -0.6))
    axes.axis("off")
    total = sum(beats.values())
    axes.text(0.0, 0.0, title, ha="left", va="center", fontsize=13, fontweight="bold", color=INK)
    for x, head in ((0.77, "beats"), (1.0, "%")):
        axes.text(x, 0.0, head, ha="right", va="center", fontsize=11, color=SOFT_INK)
    for row, (name, n) in enumerate(beats.items(), start=1):
        axes.axhline(row - 0.5, color=RULE, linewidth=0.8)
        axes.text(0.05, row, name, ha="center", va="center", fontsize=11, **badge(name))
        meaning = CLASS_MEANINGS.get(name, "")
        axes.text(0.12, row, meaning, ha="left", va="center", fontsize=11, color=SOFT_INK)
        share = share_text(n / total if total else math.nan)
        for x, number in ((0.77, f"{n:,}"), (1.0, share)):
            axes.text(x, row, number, ha="right", va="center", fontsize=13, color=INK)
