"""Beats in columns, as each view shows them to a network: signal, spectrum, spectrogram, image."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ecg_lightning.arrays import Floats, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.panels import draw_panels
from ecg_lightning.figures.style import DPI, badge, blank_figure, fit_width
from ecg_lightning.palette import INK, RULE, SOFT_INK
from ecg_lightning.signals.image_view import PIXELS
from ecg_lightning.signals.views import ViewName, make_view
from ecg_lightning.text import clock, shown_name

# Lengths are inches, font sizes points.
CELL = 2 * PIXELS / DPI  # a pixel of an image is two dots wide and high
COLUMN_GAP, ROW_GAP = 0.12, 0.16
LEFT, RIGHT, TOP, BOTTOM = 1.8, 1.25, 1.85, 0.15
TICKS = 0.62  # room for the numbers and the name of a time or frequency axis
TEXT, SMALL = 17.0, 14.0
HEAD_LINES = (0.28, 0.72, 1.12, 1.52)  # from the top
ACROSS = {
    "signal": "time in the beat's window (s)",
    "spectrogram": "time in the beat's window (s)",
    "spectrum": "frequency (Hz)",
}
DECADES = "decades above\n10⁻⁸ per Hz"  # `spectrogram_view.FLOOR`; a scaled signal has no unit
RANGES = {
    "record": "1 is the\nrecord's range",
    "window": "1 is the\nbeat's range",
    "robust": "1 is the range\nof 98 % of samples",
}


class BeatArrays(Protocol):
    """N beats as arrays. Row i of every array is beat i. A `Beats` table is one."""

    @property
    def signals(self) -> Floats32:
        """(N, 1, T) float32."""

    @property
    def labels(self) -> Integers:
        """(N,) class indices."""

    @property
    def record_ids(self) -> Names:
        """(N,) the record of each beat."""

    @property
    def samples(self) -> Integers:
        """(N,) its position, in samples of the record."""

    @property
    def symbols(self) -> Names:
        """(N,) its annotation."""

    @property
    def fs_hz(self) -> float:
        """Sampling rate of `signals`."""


def beats_figure(
    beats: BeatArrays,
    rows: Sequence[int],
    times_s: Sequence[float] | Floats | None,
    normalization: str,
    views: Sequence[ViewName],
) -> Figure:
    """Draw beats in columns and views in rows.

    Args:
        beats: The beats.
        rows: Which beats, in drawing order.
        times_s: The time of each of them from the start of its record. None for beats without a
            record: the figure then shows their row.
        normalization: What the signal is scaled by, `record` or `window`.
        views: Which views, from the top.

    Returns:
        The figure. Axes i * len(rows) + j show view i of beat j. A colour bar follows if there is a
        spectrogram.

    Raises:
        InputError: A view cannot be made of beats of this length, or torchaudio cannot be imported.
    """
    signals = torch.from_numpy(beats.signals[list(rows)])  # (n, 1, T)
    fs_hz, n_samples = beats.fs_hz, signals.shape[2]
    modules = [make_view(name, n_samples, fs_hz) for name in views]
    figure, grid = _add_grid(len(rows), views)
    for name, view, panels in zip(views, modules, grid, strict=True):
        draw_panels(name, panels, view(signals)[:, 0].numpy(), view, fs_hz)
        _label_row(panels[0], name, normalization)
        if name in ("signal", "spectrogram"):
            for axes in panels:
                axes.set_xlim(0, n_samples / fs_hz)
    _add_head(figure, beats, rows, times_s)
    for name, panels in zip(views, grid, strict=True):
        if name == "spectrogram":
            _add_colour_bar(figure, panels[-1])
    return figure


def _add_grid(n_columns: int, views: Sequence[ViewName]) -> tuple[Figure, list[list[Axes]]]:
    """Add square cells, with room for ticks below a row that shares no axis with the next row."""
    after = [ACROSS.get(name) for name in views[1:]] + [None]
    below = [
        TICKS if ACROSS.get(name) not in (None, next_axis) else 0.0
        for name, next_axis in zip(views, after, strict=True)
    ]
    width = LEFT + n_columns * (CELL + COLUMN_GAP) + RIGHT
    height = TOP + len(views) * (CELL + ROW_GAP) + sum(below) + BOTTOM
    figure, top, grid = blank_figure(width, height), height - TOP, []
    for name, room in zip(views, below, strict=True):
        top -= CELL
        grid.append([_add_cell(figure, _left(j), top) for j in range(n_columns)])
        top -= room + ROW_GAP
        _style_row(grid[-1], ticks=bool(room))
        if room:
            middle = _left(n_columns / 2) - COLUMN_GAP / 2
            place = (middle / width, (top + 0.13 + ROW_GAP) / height)
            figure.text(*place, ACROSS[name], fontsize=SMALL, color=INK, ha="center", va="center")
    return figure, grid


def _left(column: float) -> float:
    return LEFT + column * (CELL + COLUMN_GAP)


def _add_cell(figure: Figure, left: float, bottom: float) -> Axes:
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / height, CELL / width, CELL / height))


def _style_row(panels: Sequence[Axes], ticks: bool) -> None:
    for j, axes in enumerate(panels):
        axes.tick_params(
            labelsize=SMALL,
            color=SOFT_INK,
            labelcolor=INK,
            labelbottom=ticks,
            bottom=ticks,
            labelleft=j == 0,
            left=j == 0,
        )
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.spines[:].set_color(RULE)


def _label_row(axes: Axes, name: ViewName, normalization: str) -> None:
    """Write the view's name, and what its vertical axis shows, left of the first column."""
    units = {"signal": RANGES[normalization], "spectrum": DECADES, "spectrogram": "frequency (Hz)"}
    unit = units.get(name, f"{PIXELS} × {PIXELS} pixels")
    place: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "rotation": 90,
        "ha": "center",
        "va": "center",
    }
    bold: dict[str, Any] = {"fontsize": TEXT, "fontweight": "bold", "color": INK}
    axes.annotate(name, (0, 0.5), xytext=(-113, 0), **bold, **place)
    axes.annotate(unit, (0, 0.5), xytext=(-80, 0), fontsize=SMALL, color=SOFT_INK, **place)


def _add_head(
    figure: Figure, beats: BeatArrays, rows: Sequence[int], times_s: Sequence[float] | Floats | None
) -> None:
    """Write class, symbol, record and time of each beat above its column."""
    width, height = figure.get_size_inches()
    look: dict[str, Any] = {"fontsize": TEXT, "va": "center", "parse_math": False}
    levels = [1 - line / height for line in HEAD_LINES]
    titles = ("class", "symbol", "record", "time (min:s)" if times_s is not None else "row")
    for title, level in zip(titles, levels, strict=True):
        figure.text((LEFT - 0.12) / width, level, title, color=SOFT_INK, ha="right", **look)
    for j, row in enumerate(rows):
        middle, name = (_left(j) + CELL / 2) / width, CLASS_NAMES[int(beats.labels[row])]
        figure.text(
            middle, levels[0], name, fontsize=TEXT + 2, ha="center", va="center", **badge(name)
        )
        record = shown_name(str(beats.record_ids[row]), 20)
        time = clock(times_s[j]) if times_s is not None else str(beats.samples[row])
        for text, level in zip((str(beats.symbols[row]), record, time), levels[1:], strict=True):
            drawn = figure.text(middle, level, text, color=INK, ha="center", **look)
            fit_width(drawn, CELL * DPI)


def _add_colour_bar(figure: Figure, spectrogram: Axes) -> None:
    """Show what a shade means, right of the last spectrogram."""
    box, width = spectrogram.get_position(), figure.get_figwidth()
    axes = figure.add_axes((box.x1 + 0.14 / width, box.y0, 0.14 / width, box.height))
    bar = figure.colorbar(spectrogram.images[0], cax=axes)
    bar.set_label(DECADES, fontsize=SMALL, color=SOFT_INK, linespacing=1.1)
    axes.tick_params(labelsize=SMALL, color=SOFT_INK, labelcolor=INK)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.spines[:].set_color(RULE)
