"""A strip of ECG on standard paper: the signal of a record with its annotations, beats coloured by class."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES, NO_BEAT, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.figures.style import DPI, MM_PER_INCH, badge, blank_figure, fit_width
from ecg_lightning.palette import INK, SOFT_INK, class_colour
from ecg_lightning.text import shown_name

Floats = npt.NDArray[np.float64]

MM_PER_S, MM_PER_MV = 25.0, 10.0  # the paper's standard speed and gain
PAPER, SMALL_LINE, LARGE_LINE = "#FFF8F5", "#F8DDD5", "#EDB5A6"
WIDEST_MM, NARROWEST_MM, TALLEST_MV = 300.0, 160.0, 8.0
MARGINS_MM = (19.5, 5.0, 17.0, 18.0)  # left, right, bottom, top of the narrowest strip
LINE_MM = 5.5  # a second line of the legend
ROOM_PT = 385.0  # for a line of it, beside the time axis's label
LEAST_S, MOST_S = 1.0, 20.0  # a shorter strip would be as tall as a house, a longer one is flat
# What else MIT-BIH's annotators marked; drawn grey, below the trace.
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
POINT_MM = MM_PER_INCH / 72


class Strip(Protocol):
    """What `strip_figure` reads of a record; `ecg_lightning.records.Record` has it."""

    @property
    def name(self) -> str:
        """The record's name."""

    @property
    def fs_hz(self) -> float:
        """Sampling rate."""

    @property
    def lead(self) -> str:
        """The channel's name."""

    @property
    def signal(self) -> npt.NDArray[np.float64]:
        """Millivolts (T,), NaN where invalid."""

    @property
    def annotation_samples(self) -> npt.NDArray[np.int64]:
        """Positions (A,), ascending."""

    @property
    def annotation_symbols(self) -> npt.NDArray[np.str_]:
        """Symbols (A,)."""


def strip_figure(record: Strip, start_s: float, duration_s: float, class_map: ClassMap) -> Figure:
    """A strip of ECG on standard paper, its beats marked with their class, its other annotations with their symbol in grey.

    Small boxes are 0.04 s by 0.1 mV, large ones 0.2 s by 0.5 mV, and always square, as at 25 mm/s and 10 mm/mV; the
    strip is drawn at that very size where it is 160 to 300 mm long, and scaled otherwise.

    Args:
        record: The record: a `Record`, or anything with its attributes.
        start_s: The strip's start, seconds from the record's.
        duration_s: Its length in seconds, 1 to 20; it ends with the record at the latest.
        class_map: Which symbol counts as which class; any other is no beat.

    Returns:
        The figure, with one axes: seconds across, millivolts up.

    Raises:
        InputError: Less than a second of the strip lies in the record, or it is longer than 20 s.
    """
    end_s = _strip_end(record, start_s, duration_s)
    first, last = (math.ceil(at_s * record.fs_hz - 1e-6) for at_s in (start_s, end_s))
    inside = slice(*np.searchsorted(record.annotation_samples, [first, last]))
    samples, symbols = record.annotation_samples[inside], record.annotation_symbols[inside]
    labels = class_map.labels(symbols)
    beats, others = labels != NO_BEAT, labels == NO_BEAT
    signal = record.signal[first:last]
    axes, zoom = _paper((start_s, end_s), _strip_range(signal), bool(others.any()))
    _strip_grid(axes, zoom)
    axes.plot(
        np.arange(first, last) / record.fs_hz, signal, color=INK, linewidth=1.2 * zoom, zorder=3
    )
    names = [CLASS_NAMES[label] for label in labels[beats]]
    _mark_beats(axes, samples[beats] / record.fs_hz, record.signal[samples[beats]], names, zoom)
    _mark_others(axes, samples[others] / record.fs_hz, symbols[others].tolist(), zoom)
    _strip_titles(
        axes, f"Record {shown_name(record.name)}, lead {shown_name(record.lead, 12)}", zoom
    )
    _strip_legends(axes, names, symbols[beats].tolist(), symbols[others].tolist(), zoom)
    figure = axes.figure
    return figure if isinstance(figure, Figure) else figure.figure


def _strip_end(record: Strip, start_s: float, duration_s: float) -> float:
    length_s = len(record.signal) / record.fs_hz
    if not (0 <= start_s <= length_s - LEAST_S and LEAST_S <= duration_s <= MOST_S):
        raise InputError(
            f"strip of record {shown_name(record.name)}: expected a start from 0 to {math.floor(10 * (length_s - LEAST_S)) / 10:.1f} s "
            f"and a length from {LEAST_S:g} to {MOST_S:g} s, found start {start_s:g} s and length {duration_s:g} s; "
            f"choose a strip inside the record's {length_s:.1f} s"
        )
    return min(start_s + duration_s, length_s)


def _strip_range(signal: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Millivolts at the paper's lower and upper edge, on large boxes; a signal too tall for a page runs off it."""
    valid = signal[np.isfinite(signal)]
    if len(valid) == 0:
        return -1.0, 1.0
    middle = float(np.median(valid))
    low, high = (
        max(float(valid.min()), middle - TALLEST_MV / 2),
        min(float(valid.max()), middle + TALLEST_MV / 2),
    )
    return math.floor((low - 0.1) / 0.5) * 0.5, math.ceil((high + 0.1) / 0.5) * 0.5


def _paper(
    seconds: tuple[float, float], millivolts: tuple[float, float], more: bool
) -> tuple[Axes, float]:
    """Axes that measure the paper's own size, with room around them, `more` with a second line below, and the zoom of all lettering.

    The lettering grows with the figure's width, so that a long strip shrunk to a page or a phone can still be read.
    """
    width, height = (
        MM_PER_S * (seconds[1] - seconds[0]),
        MM_PER_MV * (millivolts[1] - millivolts[0]),
    )
    scale = min(max(width, NARROWEST_MM), WIDEST_MM) / width
    width, height, zoom = scale * width, scale * height, scale * width / NARROWEST_MM
    left, right, bottom, top = (zoom * margin for margin in MARGINS_MM)
    bottom += zoom * LINE_MM * more
    whole_w, whole_h = left + width + right, bottom + height + top
    figure = blank_figure(whole_w / MM_PER_INCH, whole_h / MM_PER_INCH)
    axes = figure.add_axes(
        (left / whole_w, bottom / whole_h, width / whole_w, height / whole_h), facecolor=PAPER
    )
    axes.set(xlim=seconds, ylim=millivolts)
    return axes, zoom


def _size_mm(axes: Axes) -> tuple[float, float]:
    box = axes.get_window_extent()
    return box.width / DPI * MM_PER_INCH, box.height / DPI * MM_PER_INCH


def _mm_per_s(axes: Axes) -> float:
    return _size_mm(axes)[0] / float(np.ptp(axes.get_xlim()))


def _strip_grid(axes: Axes, zoom: float) -> None:
    mm_per_s = _mm_per_s(axes)
    fine = 0.04 * mm_per_s > 0.6  # closer lines would only tint the paper
    for step, colour, width in ((0.04, SMALL_LINE, 0.5), (0.2, LARGE_LINE, 0.9))[
        0 if fine else 1 :
    ]:
        look: dict[str, Any] = {"colors": colour, "linewidth": width, "zorder": 1}
        axes.vlines(
            _lines(axes.get_xlim(), step), 0, 1, transform=axes.get_xaxis_transform(), **look
        )
        heights = _lines(axes.get_ylim(), step * MM_PER_S / MM_PER_MV)
        axes.hlines(heights, 0, 1, transform=axes.get_yaxis_transform(), **look)
    axes.xaxis.set_major_locator(
        MultipleLocator(_tick_step((1, 2, 5, 10, 30, 60), mm_per_s, 10 * zoom))
    )
    axes.yaxis.set_major_locator(
        MultipleLocator(_tick_step((0.5, 1, 2, 5), mm_per_s * MM_PER_MV / MM_PER_S, 5 * zoom))
    )
    axes.tick_params(labelsize=11 * zoom, length=3 * zoom, color=LARGE_LINE, labelcolor=INK)
    axes.tick_params(axis="x", pad=5 * zoom)  # below the lowest number of the other axis
    axes.spines[:].set_color(LARGE_LINE)


def _lines(limits: tuple[float, float], step: float) -> npt.NDArray[np.float64]:
    """The multiples of `step` within `limits`."""
    return np.float64(step) * np.arange(
        math.ceil(limits[0] / step - 1e-6), math.floor(limits[1] / step + 1e-6) + 1
    )


def _tick_step(steps: Sequence[float], mm_per_unit: float, least_mm: float) -> float:
    """The smallest step whose ticks are `least_mm` apart, or else the largest there is."""
    return next((step for step in steps if step * mm_per_unit >= least_mm), steps[-1])


def _mark_beats(
    axes: Axes, times_s: Floats, heights_mv: Floats, names: Sequence[str], zoom: float
) -> None:
    """A dot on the trace, and above the paper the class's letter."""
    top, sizes = axes.get_ylim()[1], _letter_sizes(axes, times_s, 10.5 * zoom)
    place: dict[str, Any] = {
        "xytext": (0, 9 * zoom),
        "textcoords": "offset points",
        "ha": "center",
        "va": "center",
    }
    for time_s, height, size, name in zip(
        times_s.tolist(), heights_mv.tolist(), sizes, names, strict=True
    ):
        colour, at_s = class_colour(name), _inwards(axes, time_s, size, zoom)
        axes.plot([time_s, time_s], [height, top], color=colour, linewidth=1.1 * zoom, zorder=2)
        axes.plot(time_s, height, "o", color=colour, markersize=4 * zoom, zorder=4)
        axes.annotate(
            name, (at_s, top), fontsize=size, annotation_clip=False, **place, **badge(name)
        )


def _mark_others(axes: Axes, times_s: Floats, symbols: Sequence[str], zoom: float) -> None:
    """A dotted line, and at the paper's lower edge the symbol."""
    bottom, sizes = axes.get_ylim()[0], _letter_sizes(axes, times_s, 9 * zoom)
    box = {
        "boxstyle": "round,pad=0.2",
        "facecolor": "white",
        "edgecolor": SOFT_INK,
        "linewidth": 0.7 * zoom,
    }
    place: dict[str, Any] = {
        "xytext": (0, 7 * zoom),
        "textcoords": "offset points",
        "ha": "center",
        "va": "center",
    }
    for time_s, size, symbol in zip(times_s.tolist(), sizes, symbols, strict=True):
        axes.axvline(time_s, color=SOFT_INK, linewidth=1.0 * zoom, linestyle=":", zorder=2)
        at_s = _inwards(axes, time_s, size, zoom)
        axes.annotate(
            symbol,
            (at_s, bottom),
            fontsize=size,
            color=INK,
            bbox=box,
            zorder=5,
            parse_math=False,
            **place,
        )


def _letter_sizes(axes: Axes, times_s: Floats, most: float) -> list[float]:
    """Points; a letter's patch, up to 1.7 times as wide as the font size, stays clear of its neighbours'."""
    gaps_mm = _mm_per_s(axes) * np.diff(times_s, prepend=-np.inf, append=np.inf)
    nearest_mm = np.minimum(gaps_mm[:-1], gaps_mm[1:])
    return np.clip(nearest_mm / 1.7 / POINT_MM, 4.0, most).tolist()


def _inwards(axes: Axes, time_s: float, size: float, zoom: float) -> float:
    """The time for a letter's middle that keeps it off the axis's numbers, which stand left of the paper."""
    left_s = max(0.0, 0.85 * size * POINT_MM - 1.5 * zoom) / _mm_per_s(axes)
    return max(time_s, axes.get_xlim()[0] + left_s)


def _strip_titles(axes: Axes, title: str, zoom: float) -> None:
    place: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": "center",
        "parse_math": False,
    }
    head: dict[str, Any] = {
        "xytext": (0, 33 * zoom),
        "ha": "left",
        "fontsize": 14 * zoom,
        "fontweight": "bold",
        "color": INK,
    }
    name = axes.annotate(title, (0, 1), **head, **place)
    boxes = "large box 0.2 s, 0.5 mV"
    note = axes.annotate(
        boxes,
        (1, 1),
        xytext=(0, 33 * zoom),
        ha="right",
        fontsize=11 * zoom,
        color=SOFT_INK,
        **place,
    )
    fit_width(name, axes.get_window_extent().width - 1.1 * note.get_window_extent().width)
    axes.set_xlabel("time (s)", fontsize=12 * zoom, color=INK, loc="left")
    axes.set_ylabel(
        "potential (mV)" if _size_mm(axes)[1] > 32 * zoom else "mV", fontsize=12 * zoom, color=INK
    )


def _strip_legends(
    axes: Axes, names: Sequence[str], symbols: Sequence[str], others: Sequence[str], zoom: float
) -> None:
    """The seen classes with their symbols, to the right of the time axis's label, and below them the other symbols."""
    classes = [
        Patch(color=class_colour(name), label=_meaning(name, names, symbols))
        for name in CLASS_NAMES
        if name in names
    ]
    known = [symbol for symbol in OTHER_MEANINGS if symbol in others]
    labels = [f"{symbol}  {OTHER_MEANINGS[symbol]}" for symbol in known]
    if unknown := sorted(set(others) - set(known)):
        labels.append(f"{' '.join(unknown[:5])}  no beat")
    dotted = [
        Line2D([], [], label=label, color=SOFT_INK, linewidth=1.0 * zoom, linestyle=":")
        for label in labels
    ]
    size = min(9.5, *(ROOM_PT / _letters(handles) for handles in (classes, dotted))) * zoom
    if dotted:
        axes.add_artist(_legend(axes, dotted, 1, zoom, size))
    _legend(axes, classes, 0, zoom, size)  # the last one made is drawn with the axes


def _meaning(name: str, names: Sequence[str], symbols: Sequence[str]) -> str:
    """`S supraventricular (A)`: a class, and the symbols that stand for it where they are others than its letter."""
    own = dict.fromkeys(symbol for of, symbol in zip(names, symbols, strict=True) if of == name)
    return f"{name} {CLASS_MEANINGS[name]}" + (f" ({' '.join(own)})" if list(own) != [name] else "")


def _letters(handles: Sequence[Artist]) -> float:
    """The width of a legend, in times of its font's size."""
    return 0.54 * sum(len(str(handle.get_label())) for handle in handles) + 2.1 * len(handles) + 1


def _legend(axes: Axes, handles: Sequence[Artist], row: int, zoom: float, size: float) -> Legend:
    below = (1.0, -(23 * POINT_MM + row * LINE_MM) * zoom / _size_mm(axes)[1])
    spacing = {
        "columnspacing": 0.9,
        "handlelength": 0.9,
        "handletextpad": 0.4,
        "borderaxespad": 0,
        "borderpad": 0,
    }
    look: dict[str, Any] = {
        "ncols": max(len(handles), 1),
        "frameon": False,
        "fontsize": size,
        "labelcolor": INK,
    }
    legend = axes.legend(
        handles=handles, loc="upper right", bbox_to_anchor=below, **look, **spacing
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend
