"""The legends of a strip of ECG: classes with their symbols, and other annotations."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES
from ecg_lightning.figures.paper import LINE_MM, POINT_MM, Paper, size_mm
from ecg_lightning.figures.strip_marks import BAND, UNUSABLE_LOOK
from ecg_lightning.figures.strip_traces import CUT_LOOK
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


class SecondLegend(NamedTuple):
    """What the legend below that of the classes explains.

    Attributes:
        others: The symbol of each annotation that is no beat.
        different: What differs from the reference, such as `prediction`; "" for nothing.
        is_cut: Whether a trace leaves the paper.
        has_unusable: Whether a stretch has no usable signal.
    """

    others: Sequence[str]
    different: str
    is_cut: bool
    has_unusable: bool = False

    @property
    def is_shown(self) -> bool:
        """Whether there is something to explain."""
        return bool(self.others or self.different or self.is_cut or self.has_unusable)

    def handles(self, zoom: float) -> list[Artist]:
        """Return a sample of each mark with its meaning."""
        look: dict[str, Any] = {"color": SOFT_INK, "linewidth": 1.0 * zoom, "linestyle": ":"}
        handles: list[Artist] = []
        if self.different:
            handles.append(Patch(color=BAND, label=f"{self.different} differs"))
        if self.has_unusable:
            look_of_sample = {**UNUSABLE_LOOK, "hatch": "//////", "linewidth": 0}
            handles.append(Patch(label="no usable signal", **look_of_sample))
        if self.is_cut:
            cut = {"marker": "^", "markersize": 6 * zoom, **CUT_LOOK}
            handles.append(Line2D([], [], label="beyond the paper", **cut))
        return handles + [Line2D([], [], label=label, **look) for label in _labels(self.others)]


def draw_legends(
    paper: Paper, symbols_of: Mapping[str, Sequence[str]], second: SecondLegend
) -> None:
    """Draw the legend of the classes, right of the time axis's label, and the second below it.

    Args:
        paper: The paper.
        symbols_of: Each class that is shown, with the symbols of its annotated beats.
        second: What else is shown.
    """
    classes = [
        Patch(color=class_colour(name), label=_meaning(name, symbols_of[name]))
        for name in CLASS_NAMES
        if name in symbols_of
    ]
    others = second.handles(paper.zoom)
    size_pt = min(9.5, LEGEND_PT / max(_width(classes), _width(others))) * paper.zoom
    if others:
        paper.bottom.add_artist(_legend(paper, others, 1, size_pt))
    _legend(paper, classes, 0, size_pt)  # the axes draw the legend that was made last


def _labels(others: Sequence[str]) -> list[str]:
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
