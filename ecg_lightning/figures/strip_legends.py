"""The legends of a strip of ECG: classes with their symbols, and other annotations."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES
from ecg_lightning.figures.paper import LINE_MM, POINT_MM, Paper, size_mm
from ecg_lightning.figures.strip_marks import BAND
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


def draw_legends(
    paper: Paper,
    symbols_of: Mapping[str, Sequence[str]],
    others: Sequence[str],
    has_differences: bool,
) -> None:
    """Draw the legend of the classes, right of the time axis's label, and of the others below it.

    Args:
        paper: The paper.
        symbols_of: Each class that is shown, with the symbols of its annotated beats.
        others: The symbol of each other annotation.
        has_differences: Whether a prediction differs from the reference.
    """
    classes = [
        Patch(color=class_colour(name), label=_meaning(name, symbols_of[name]))
        for name in CLASS_NAMES
        if name in symbols_of
    ]
    look: dict[str, Any] = {"color": SOFT_INK, "linewidth": 1.0 * paper.zoom, "linestyle": ":"}
    second: list[Artist] = [Line2D([], [], label=label, **look) for label in _other_labels(others)]
    if has_differences:
        second.insert(0, Patch(color=BAND, label="prediction differs"))
    size_pt = min(9.5, LEGEND_PT / max(_width(classes), _width(second))) * paper.zoom
    if second:
        paper.bottom.add_artist(_legend(paper, second, 1, size_pt))
    _legend(paper, classes, 0, size_pt)  # the axes draw the legend that was made last


def _other_labels(others: Sequence[str]) -> list[str]:
    labels = [f"{symbol}  {text}" for symbol, text in OTHER_MEANINGS.items() if symbol in others]
    if unknown := sorted(set(others) - set(OTHER_MEANINGS)):
        labels.append(f"{' '.join(unknown[:5])}  no beat")
    return labels


def _meaning(name: str, symbols: Sequence[str]) -> str:
    """Return `S supraventricular (A)`: a class, and its symbols unless they are just its letter."""
    note = f" ({' '.join(symbols)})" if list(symbols) not in ([], [name]) else ""
    return f"{name} {CLASS_MEANINGS[name]}{note}"


def _width(handles: Sequence[Artist]) -> float:
    """Return the width of a legend in units of its font size."""
    letters = sum(len(str(handle.get_label())) for handle in handles)
    return 0.54 * letters + 2.1 * len(handles) + 1


def _legend(paper: Paper, handles: Sequence[Artist], row: int, size_pt: float) -> Legend:
    below = -(23 * POINT_MM + row * LINE_MM) * paper.zoom / size_mm(paper.bottom)[1]
    legend = paper.bottom.legend(
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
