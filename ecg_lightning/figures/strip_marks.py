"""What is marked on a strip of ECG: beats with their class, other annotations, and the legends."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ecg_lightning.arrays import Floats
from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES
from ecg_lightning.figures.paper import LINE_MM, POINT_MM, mm_per_s, size_mm
from ecg_lightning.figures.style import badge
from ecg_lightning.palette import INK, SOFT_INK, class_colour

LEGEND_PT = 385.0  # width of a line of a legend, right of the time axis's label
# What else MIT-BIH's annotators marked; drawn in grey, below the trace.
OTHER_MEANINGS: Mapping[str, str] = {
    "+": "rhythm change",
    "~": "signal quality",
    "|": "artifact",
    '"': "comment",
    "x": "blocked P wave",
    "!": "flutter wave",
    "[": "flutter begins",
    "]": "flutter ends",
}


def mark_beats(
    axes: Axes, times_s: Floats, heights_mv: Floats, names: Sequence[str], zoom: float
) -> None:
    """Put a dot on the trace and the class's letter above the paper, for each beat.

    Args:
        axes: The paper.
        times_s: (B,) ascending.
        heights_mv: (B,) the signal at each beat.
        names: The B classes.
        zoom: Of the lettering, see `paper_axes`.
    """
    top, sizes_pt = axes.get_ylim()[1], _letter_sizes(axes, times_s, 10.5 * zoom)
    place: dict[str, Any] = {
        "xytext": (0, 9 * zoom),
        "textcoords": "offset points",
        "ha": "center",
        "va": "center",
        "annotation_clip": False,
    }
    for time_s, height_mv, size_pt, name in zip(
        times_s.tolist(), heights_mv.tolist(), sizes_pt, names, strict=True
    ):
        colour = class_colour(name)
        axes.plot([time_s, time_s], [height_mv, top], color=colour, linewidth=1.1 * zoom, zorder=2)
        axes.plot(time_s, height_mv, "o", color=colour, markersize=4 * zoom, zorder=4)
        letter_s = _inwards(axes, time_s, size_pt, zoom)
        axes.annotate(name, (letter_s, top), fontsize=size_pt, **place, **badge(name))


def mark_others(axes: Axes, times_s: Floats, symbols: Sequence[str], zoom: float) -> None:
    """Draw a dotted line, and the symbol at the paper's lower edge, for each other annotation.

    Args:
        axes: The paper.
        times_s: (A,) ascending.
        symbols: The A symbols.
        zoom: Of the lettering, see `paper_axes`.
    """
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
        axes.axvline(time_s, color=SOFT_INK, linewidth=1.0 * zoom, linestyle=":", zorder=2)
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


def draw_legends(
    axes: Axes, names: Sequence[str], symbols: Sequence[str], others: Sequence[str], zoom: float
) -> None:
    """Draw the legend of the classes, right of the time axis's label, and of the others below it.

    Args:
        axes: The paper.
        names: The class of each beat.
        symbols: The symbol of each beat.
        others: The symbol of each other annotation.
        zoom: Of the lettering, see `paper_axes`.
    """
    classes = [
        Patch(color=class_colour(name), label=_meaning(name, names, symbols))
        for name in CLASS_NAMES
        if name in names
    ]
    dotted = [
        Line2D([], [], label=label, color=SOFT_INK, linewidth=1.0 * zoom, linestyle=":")
        for label in _other_labels(others)
    ]
    widest = max(_width(classes), _width(dotted))
    size_pt = min(9.5, LEGEND_PT / widest) * zoom
    if dotted:
        axes.add_artist(_legend(axes, dotted, 1, zoom, size_pt))
    _legend(axes, classes, 0, zoom, size_pt)  # the axes draw the legend that was made last


def _other_labels(others: Sequence[str]) -> list[str]:
    labels = [f"{symbol}  {text}" for symbol, text in OTHER_MEANINGS.items() if symbol in others]
    if unknown := sorted(set(others) - set(OTHER_MEANINGS)):
        labels.append(f"{' '.join(unknown[:5])}  no beat")
    return labels


def _meaning(name: str, names: Sequence[str], symbols: Sequence[str]) -> str:
    """Return `S supraventricular (A)`: a class, and its symbols unless they are just its letter."""
    pairs = zip(names, symbols, strict=True)
    distinct = dict.fromkeys(symbol for other, symbol in pairs if other == name)
    note = f" ({' '.join(distinct)})" if list(distinct) != [name] else ""
    return f"{name} {CLASS_MEANINGS[name]}{note}"


def _width(handles: Sequence[Artist]) -> float:
    """Return the width of a legend in units of its font size."""
    letters = sum(len(str(handle.get_label())) for handle in handles)
    return 0.54 * letters + 2.1 * len(handles) + 1


def _legend(axes: Axes, handles: Sequence[Artist], row: int, zoom: float, size_pt: float) -> Legend:
    below = -(23 * POINT_MM + row * LINE_MM) * zoom / size_mm(axes)[1]
    legend = axes.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1.0, below),
        ncols=max(len(handles), 1),
        frameon=False,
        fontsize=size_pt,
        labelcolor=INK,
        columnspacing=0.9,
        handlelength=0.9,
        handletextpad=0.4,
        borderaxespad=0,
        borderpad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend
