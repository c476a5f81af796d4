"""What is marked on a strip of ECG: beats with their class, and other annotations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ecg_lightning.arrays import Floats
from ecg_lightning.figures.paper import LETTERS_MM, POINT_MM, Paper, mm_per_s
from ecg_lightning.figures.style import badge
from ecg_lightning.palette import INK, RULE, SOFT_INK, class_colour

MISSED = "\N{EN DASH}"  # instead of a class
UNUSABLE_LOOK: dict[str, Any] = {"facecolor": "none", "edgecolor": "#B0B7C3", "hatch": "///"}
BAND, BAND_S = "#FFE9A8", 0.24  # behind a beat whose prediction differs


@dataclass(frozen=True)
class PredictedBeats:
    """The classes that a network predicted.

    Attributes:
        times_s: (B,) ascending, in seconds of the recording.
        names: The B classes; `MISSED` for a beat that only the reference has.
        differ: Whether each differs from the reference.
        source: Where they come from, as it is written left of them.
    """

    times_s: Floats
    names: tuple[str, ...]
    differ: tuple[bool, ...]
    source: str = "predicted"


def mark_beats(paper: Paper, times_s: Floats, names: Sequence[str], line: int) -> None:
    """Put the class's letter above the paper, and a line down to each lead, for each beat.

    Args:
        paper: The paper.
        times_s: (B,) ascending.
        names: The B classes.
        line: The line of letters, 0 next to the paper.
    """
    zoom, sizes_pt = paper.zoom, _letter_sizes(paper.top, times_s, 10.5 * paper.zoom)
    for time_s, size_pt, name in zip(times_s.tolist(), sizes_pt, names, strict=True):
        _letter(paper, time_s, size_pt, name, line, **badge(name))
        for axes in paper.rows[len(paper.rows) == 1 :]:
            colour = class_colour(name)
            axes.axvline(time_s, color=colour, linewidth=0.9 * zoom, alpha=0.6, zorder=2)


def dot_beats(
    axes: Axes, times_s: Floats, heights: Floats, names: Sequence[str], zoom: float
) -> None:
    """Put a dot on the trace, and a line up to the edge of the paper, for each beat.

    Args:
        axes: The row of the only lead.
        times_s: (B,) ascending.
        heights: (B,) the signal at each beat; NaN where it is invalid.
        names: The B classes.
        zoom: Of the lettering, see `Paper`.
    """
    low, top = axes.get_ylim()
    for time_s, height, name in zip(times_s.tolist(), heights.tolist(), names, strict=True):
        ends, colour = [height if np.isfinite(height) else low, top], class_colour(name)
        axes.plot([time_s, time_s], ends, color=colour, linewidth=1.1 * zoom, zorder=2)
        axes.plot(time_s, height, "o", color=colour, markersize=4 * zoom, zorder=4)


def mark_predicted(paper: Paper, predicted: PredictedBeats) -> None:
    """Put the letters of predicted classes next to the paper, and a band where one differs.

    A letter that agrees with the reference is pale.
    """
    sizes_pt = _letter_sizes(paper.top, predicted.times_s, 10.5 * paper.zoom)
    beats = zip(
        predicted.times_s.tolist(), sizes_pt, predicted.names, predicted.differ, strict=True
    )
    for time_s, size_pt, name, differs in beats:
        _letter(paper, time_s, size_pt, name, 0, **_look(name, differs, paper.zoom))
        for axes in paper.rows if differs else ():
            span_s = (time_s - BAND_S / 2, time_s + BAND_S / 2)
            axes.axvspan(*span_s, facecolor=BAND, edgecolor="none", zorder=0.5)


def shade_unusable(paper: Paper, stretches_s: Sequence[tuple[float, float]]) -> None:
    """Hatch each stretch without usable signal in all rows."""
    first_s, last_s = paper.top.get_xlim()
    for start_s, stop_s in stretches_s:
        for axes in paper.rows:
            limits_s = max(start_s, first_s), min(stop_s, last_s)
            axes.axvspan(*limits_s, linewidth=0, zorder=1.6, **UNUSABLE_LOOK)


def name_lines(paper: Paper, names: Sequence[str]) -> None:
    """Write what each line of letters holds left of it, the line next to the paper first."""
    for line, name in enumerate(names):
        paper.top.annotate(
            name,
            (0, 1),
            xycoords="axes fraction",
            xytext=(-8 * paper.zoom, line_pt(paper, line)),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5 * paper.zoom,
            color=SOFT_INK,
        )


def _letter(paper: Paper, time_s: float, size_pt: float, name: str, line: int, **look: Any) -> None:
    axes = paper.top
    paper.top.annotate(
        name,
        (_inwards(axes, time_s, size_pt, paper.zoom), axes.get_ylim()[1]),
        xytext=(0, line_pt(paper, line)),
        textcoords="offset points",
        ha="center",
        va="center",
        annotation_clip=False,
        fontsize=size_pt,
        **look,
    )


def line_pt(paper: Paper, line: int) -> float:
    """Return the height of the middle of a line of letters above the paper, in points."""
    return (9 + line * LETTERS_MM / POINT_MM) * paper.zoom


def _look(name: str, differs: bool, zoom: float) -> dict[str, Any]:
    if name == MISSED:
        edge = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.0 * zoom}
        return {"color": INK, "fontweight": "bold", "bbox": {"boxstyle": "round,pad=0.28", **edge}}
    return badge(name) if differs else _pale(zoom)


def _pale(zoom: float) -> dict[str, Any]:
    """Return the look of a letter that is no difference."""
    edge = {"edgecolor": RULE, "linewidth": 0.7 * zoom}
    return {"color": SOFT_INK, "bbox": {"boxstyle": "round,pad=0.28", "facecolor": "white", **edge}}


def mark_others(paper: Paper, times_s: Floats, symbols: Sequence[str]) -> None:
    """Draw a dotted line, and the symbol at the paper's lower edge, for each other annotation.

    Args:
        paper: The paper.
        times_s: (A,) ascending.
        symbols: The A symbols.
    """
    axes, zoom = paper.bottom, paper.zoom
    bottom, sizes_pt = axes.get_ylim()[0], _letter_sizes(axes, times_s, 9 * zoom)
    look: dict[str, Any] = {
        "xytext": (0, 7 * zoom),
        "textcoords": "offset points",
        "ha": "center",
        "va": "center",
        "color": INK,
        "bbox": {
            "boxstyle": "round,pad=0.2",
            "facecolor": "white",
            "edgecolor": SOFT_INK,
            "linewidth": 0.7 * zoom,
        },
        "zorder": 5,
        "parse_math": False,
    }
    for time_s, size_pt, symbol in zip(times_s.tolist(), sizes_pt, symbols, strict=True):
        for row in paper.rows:
            row.axvline(time_s, color=SOFT_INK, linewidth=1.0 * zoom, linestyle=":", zorder=2)
        letter_s = _inwards(axes, time_s, size_pt, zoom)
        axes.annotate(symbol, (letter_s, bottom), fontsize=size_pt, **look)


def _letter_sizes(axes: Axes, times_s: Floats, most_pt: float) -> list[float]:
    """Return font sizes in points at which no letter's patch touches the next.

    A patch is up to 1.7 times as wide as the font size.
    """
    gaps_mm = mm_per_s(axes) * np.diff(times_s, prepend=-np.inf, append=np.inf)
    nearest_mm = np.minimum(gaps_mm[:-1], gaps_mm[1:])
    return np.clip(nearest_mm / 1.7 / POINT_MM, 4.0, most_pt).tolist()


def _inwards(axes: Axes, time_s: float, size_pt: float, zoom: float) -> float:
    """Return the time of a letter's middle. It keeps off the numbers left of the paper."""
    left_s = max(0.0, 0.85 * size_pt * POINT_MM - 1.5 * zoom) / mm_per_s(axes)
    return max(time_s, axes.get_xlim()[0] + left_s)
