"""Beats beside each other, each as the views show it to a network: signal, spectrum, spectrogram, pictures."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ecg_lightning.arrays import AnyFloats as Floats
from ecg_lightning.arrays import Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.figures.style import DPI, SHADES, badge, blank_figure, fit_width
from ecg_lightning.palette import INK, RULE, SOFT_INK
from ecg_lightning.signals.views import PIXELS, ViewName, make_view
from ecg_lightning.text import clock, shown_name

CELL = 2 * PIXELS / DPI  # inches: a picture's pixel is two dots wide and high
GAP, BETWEEN = 0.12, 0.16  # between columns and between rows
LEFT, RIGHT, TOP, BOTTOM, AXIS = 1.8, 1.25, 1.85, 0.15, 0.62
TEXT, SMALL = 17.0, 14.0
LINES = (0.28, 0.72, 1.12, 1.52)  # of the head, from the top
ACROSS = {
    "signal": "time in the beat's window (s)",
    "spectrogram": "time in the beat's window (s)",
    "spectrum": "frequency (Hz)",
}
DECADES = "decades above\n10⁻⁸ per Hz"  # `views.FLOOR`; a scaled signal has no unit
RANGES = {"record": "1 is the\nrecord's range", "window": "1 is the\nbeat's range"}


class BeatArrays(Protocol):
    """N beats as arrays; row i of every array is beat i. A `Beats` table is one.

    Attributes:
        signals: (N, 1, T) float32.
        labels: (N,) class indices.
        record_ids: (N,) the record's name.
        samples: (N,) the beat's position in its record.
        symbols: (N,) the annotation symbol.
        fs_hz: Sampling rate of `signals`.
    """

    @property
    def signals(self) -> Floats32: ...
    @property
    def labels(self) -> Integers: ...
    @property
    def record_ids(self) -> Names: ...
    @property
    def samples(self) -> Integers: ...
    @property
    def symbols(self) -> Names: ...
    @property
    def fs_hz(self) -> float: ...


def beats_figure(
    beats: BeatArrays,
    rows: Sequence[int],
    times_s: Sequence[float] | None,
    normalization: str,
    views: Sequence[ViewName],
) -> Figure:
    """Beats in columns, views in rows.

    Args:
        beats: The beats.
        rows: Which of them, in the order in which they are drawn.
        times_s: When each of them was, from its record's start; None for beats without a record, whose row is given instead.
        normalization: What the signal is scaled by, `record` or `window`.
        views: Which views, from the top.

    Returns:
        The figure: axes i * len(rows) + j hold view i of beat j; a colour bar follows where there is a spectrogram.

    Raises:
        InputError: A view cannot be made of beats of this length, or torchaudio cannot be imported.
    """
    signals = torch.from_numpy(beats.signals[list(rows)])  # (n, 1, T)
    fs_hz, samples = beats.fs_hz, signals.shape[2]
    made = [make_view(name, samples, fs_hz) for name in views]
    figure, grid = _grid(len(rows), views)
    for name, view, line in zip(views, made, grid, strict=True):
        _DRAW[name](line, view(signals)[:, 0].numpy(), view, fs_hz)
        _outer_labels(line, name, normalization)
        if name in ("signal", "spectrogram"):
            for axes in line:
                axes.set_xlim(0, samples / fs_hz)
    _head(figure, grid[0], beats, rows, times_s)
    _colour_bar(figure, grid, views)
    return figure


def _grid(columns: int, views: Sequence[ViewName]) -> tuple[Figure, list[list[Axes]]]:
    """Square cells, with room below those rows whose axis the next row does not share."""
    below = [
        AXIS if ACROSS.get(name) and ACROSS.get(name) != ACROSS.get(after) else 0.0
        for name, after in _pairs(views)
    ]
    width = LEFT + columns * (CELL + GAP) + RIGHT
    height = TOP + len(views) * (CELL + BETWEEN) + sum(below) + BOTTOM
    figure, top, grid = blank_figure(width, height), height - TOP, []
    for name, room in zip(views, below, strict=True):
        top -= CELL
        places = [(LEFT + j * (CELL + GAP), top, CELL, CELL) for j in range(columns)]
        grid.append(
            [
                figure.add_axes((x / width, y / height, w / width, h / height))
                for x, y, w, h in places
            ]
        )
        top -= room + BETWEEN
        _edges(grid[-1], ticks=bool(room))
        if room:
            middle = LEFT + columns * (CELL + GAP) / 2 - GAP / 2
            figure.text(
                middle / width,
                (top + 0.13 + BETWEEN) / height,
                ACROSS[name],
                fontsize=SMALL,
                color=INK,
                ha="center",
                va="center",
            )
    return figure, grid


def _pairs(views: Sequence[ViewName]) -> list[tuple[str, str]]:
    return list(zip(views, [*views[1:], ""], strict=True))


def _edges(line: Sequence[Axes], ticks: bool) -> None:
    for j, axes in enumerate(line):
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


def _draw_signal(line: Sequence[Axes], signals: Floats, view: Any, fs_hz: float) -> None:
    _draw_lines(line, np.arange(signals.shape[1]) / fs_hz, signals)


def _draw_spectrum(line: Sequence[Axes], spectra: Floats, view: Any, fs_hz: float) -> None:
    _draw_lines(line, np.arange(spectra.shape[1]) * fs_hz / view.fft_samples, spectra)


def _draw_lines(line: Sequence[Axes], across: Floats, values: Floats) -> None:
    """On one scale, so that beats can be compared."""
    margin = 0.06 * float(np.ptp(values)) or 0.5
    for axes, of_beat in zip(line, values, strict=True):
        axes.grid(color=RULE, linewidth=0.8)
        axes.plot(across, of_beat, color=INK, linewidth=1.6)
        axes.set_ylim(float(values.min()) - margin, float(values.max()) + margin)


def _draw_spectrogram(line: Sequence[Axes], decades: Floats, view: Any, fs_hz: float) -> None:
    """A cell stands around the middle of its frame and around its frequency."""
    hop_s, first_s, step_hz = (
        view.hop_samples / fs_hz,
        view.window_samples / 2 / fs_hz,
        fs_hz / view.fft_samples,
    )
    bins, frames = decades.shape[1:]
    times = first_s - hop_s / 2, first_s + (frames - 0.5) * hop_s
    extent = (*times, -step_hz / 2, (bins - 0.5) * step_hz)
    look: dict[str, Any] = {
        "cmap": SHADES,
        "vmin": 0.0,
        "vmax": max(1.0, float(decades.max())),
        "interpolation": "nearest",
    }
    for axes, of_beat in zip(line, decades, strict=True):
        axes.imshow(of_beat, extent=extent, origin="lower", aspect="auto", **look)


def _draw_pictures(line: Sequence[Axes], pictures: Floats, view: Any, fs_hz: float) -> None:
    for axes, picture in zip(line, pictures, strict=True):
        axes.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        axes.set(xticks=[], yticks=[])


_DRAW = {
    "signal": _draw_signal,
    "spectrum": _draw_spectrum,
    "spectrogram": _draw_spectrogram,
    "image": _draw_pictures,
    "clean-image": _draw_pictures,
}


def _outer_labels(line: Sequence[Axes], name: ViewName, normalization: str) -> None:
    """The view's name, and what its upward axis says, left of the first column."""
    units = {"signal": RANGES[normalization], "spectrum": DECADES, "spectrogram": "frequency (Hz)"}
    unit = units.get(name, f"{PIXELS} × {PIXELS} pixels")
    place: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "rotation": 90,
        "ha": "center",
        "va": "center",
    }
    line[0].annotate(
        name, (0, 0.5), xytext=(-113, 0), fontsize=TEXT, fontweight="bold", color=INK, **place
    )
    line[0].annotate(unit, (0, 0.5), xytext=(-80, 0), fontsize=SMALL, color=SOFT_INK, **place)


def _head(
    figure: Figure,
    line: Sequence[Axes],
    beats: BeatArrays,
    rows: Sequence[int],
    times_s: Sequence[float] | None,
) -> None:
    """Class, symbol, record and time of each beat, above its column."""
    width, height = figure.get_size_inches()
    place: dict[str, Any] = {"va": "center", "parse_math": False}
    levels = [1 - level / height for level in LINES]
    for title, level in zip(
        ("class", "symbol", "record", "time (min:s)" if times_s else "row"), levels, strict=True
    ):
        figure.text(
            (LEFT - 0.12) / width, level, title, fontsize=TEXT, color=SOFT_INK, ha="right", **place
        )
    for j, row in enumerate(rows):
        middle, name = (
            (LEFT + j * (CELL + GAP) + CELL / 2) / width,
            CLASS_NAMES[int(beats.labels[row])],
        )
        record = shown_name(str(beats.record_ids[row]), 20)
        at = clock(times_s[j]) if times_s else str(beats.samples[row])
        figure.text(
            middle, levels[0], name, fontsize=TEXT + 2, ha="center", va="center", **badge(name)
        )
        for text, level in zip((str(beats.symbols[row]), record, at), levels[1:], strict=True):
            fit_width(
                figure.text(middle, level, text, fontsize=TEXT, color=INK, ha="center", **place),
                CELL * DPI,
            )


def _colour_bar(figure: Figure, grid: Sequence[Sequence[Axes]], views: Sequence[ViewName]) -> None:
    """What a shade means, right of the spectrograms."""
    for line, name in zip(grid, views, strict=True):
        image = line[-1].images[0] if line[-1].images else None
        if name == "spectrogram" and isinstance(image, AxesImage):
            box = line[-1].get_position()
            width = figure.get_figwidth()
            axes = figure.add_axes((box.x1 + 0.14 / width, box.y0, 0.14 / width, box.height))
            bar = figure.colorbar(image, cax=axes)
            bar.set_label(DECADES, fontsize=SMALL, color=SOFT_INK, linespacing=1.1)
            axes.tick_params(labelsize=SMALL, color=SOFT_INK, labelcolor=INK)
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.spines[:].set_color(RULE)
