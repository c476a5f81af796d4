"""The signal of one lead on ECG paper, with what no line shows: gaps, and peaks that are cut."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWN, CARETUP

from ecg_lightning.arrays import Flags, Floats
from ecg_lightning.figures.paper import NUMBERS_MM, POINT_MM, Paper, mm_per_s, size_mm
from ecg_lightning.figures.style import DPI, fit_width
from ecg_lightning.palette import INK, RULE, SOFT_INK
from ecg_lightning.signals.quality import stretches
from ecg_lightning.text import shown_name

MILLIVOLT = "mV"
GAP_S = 0.1  # a longer gap is shaded
GAP_LABEL = "no signal"
CUT_LOOK: dict[str, Any] = {"color": INK, "markerfacecolor": "white", "linestyle": "none"}
MOST_POINTS = 100_000  # of a line; a strip is 2,000 dots wide
SLOW_HZ = 5.0  # below it each sample is a dot: a line alone would hide how few there are
MOST_GAPS = 200  # that are shaded; a gap is there as well without its shade


class StripTrace(Protocol):
    """A piece of one lead. `ecg_lightning.records.excerpts.Trace` is one."""

    @property
    def lead(self) -> str:
        """The lead's name."""

    @property
    def unit(self) -> str:
        """The unit: `mV` for every voltage, "" where it is unknown."""

    @property
    def fs_hz(self) -> float:
        """Sampling rate."""

    @property
    def first(self) -> int:
        """The position in the recording of the first sample."""

    @property
    def signal(self) -> Floats:
        """(T,) in the unit, NaN where invalid."""


def draw_trace(axes: Axes, trace: StripTrace, zoom: float) -> None:
    """Draw the line, its gaps, and small triangles where it leaves the paper.

    Args:
        axes: The row of the lead.
        trace: The lead.
        zoom: Of the lettering, see `Paper`.
    """
    times_s = times_of(trace)
    look: dict[str, Any] = {"color": INK, "linewidth": 1.2 * zoom, "zorder": 3}
    if trace.fs_hz < SLOW_HZ:
        look |= {"marker": "o", "markersize": 4 * zoom}
    axes.plot(*_thinned(times_s, trace.signal), **look)
    _draw_gaps(axes, trace, zoom)
    low, high = axes.get_ylim()
    for edge, beyond, marker in (
        (high, trace.signal - high, CARETUP),
        (low, low - trace.signal, CARETDOWN),
    ):
        at_s = times_s[_peaks(np.nan_to_num(beyond, nan=-1.0))]
        if len(at_s):
            edges = np.full(len(at_s), edge)
            axes.plot(at_s, edges, marker=marker, markersize=6 * zoom, zorder=4, **CUT_LOOK)


def leaves(trace: StripTrace, limits: tuple[float, float]) -> bool:
    """Whether a sample of a trace is beyond the edges of its row."""
    return bool(((trace.signal < limits[0]) | (trace.signal > limits[1])).any())


def times_of(trace: StripTrace) -> Floats:
    """Return the time of each sample (T,), in seconds of the recording."""
    return np.arange(trace.first, trace.first + len(trace.signal)) / trace.fs_hz


def _thinned(times_s: Floats, signal: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and the highest sample of short pieces, where samples are too dense to see.

    A piece has a time of its start and one of its middle.
    """
    step = len(signal) // (MOST_POINTS // 2)
    if step < 2:
        return times_s, signal
    pieces = np.pad(signal, (0, -len(signal) % step), constant_values=np.nan).reshape(-1, step)
    ends = np.fmin.reduce(pieces, axis=1), np.fmax.reduce(pieces, axis=1)
    times = times_s[::step], times_s[::step] + step / 2 * (times_s[1] - times_s[0])
    return np.stack(times, axis=1).ravel(), np.stack(ends, axis=1).ravel()


def label_of(trace: StripTrace) -> str:
    """Return the lead's name, and below it a unit that is not mV."""
    name = shown_name(trace.lead, 16)
    return name if trace.unit == MILLIVOLT else f"{name}\n{shown_unit(trace.unit)}"


def write_label(paper: Paper, axes: Axes, label: str) -> None:
    """Write a label left of the numbers of a row, small enough for its place."""
    text = axes.annotate(
        label,
        (0, 0.5),
        xycoords="axes fraction",
        xytext=(-(paper.label_mm + NUMBERS_MM * paper.zoom) / POINT_MM + 3 * paper.zoom, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=10.5 * paper.zoom,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    fit_width(text, (paper.label_mm / POINT_MM - 5 * paper.zoom) * DPI / 72)


def shown_unit(unit: str) -> str:
    """Return a unit in the form that a figure can show."""
    return shown_name(unit, 12) or "unit unknown"


def _draw_gaps(axes: Axes, trace: StripTrace, zoom: float) -> None:
    gaps = [gap for gap in _runs(~np.isfinite(trace.signal)) if np.ptp(gap) > GAP_S * trace.fs_hz]
    for gap in gaps[:MOST_GAPS]:
        ends_s = (trace.first + np.array(gap)) / trace.fs_hz
        from_s, to_s = np.clip(ends_s, *axes.get_xlim()).tolist()
        axes.axvspan(from_s, to_s, facecolor=RULE, edgecolor="none", alpha=0.75, zorder=1.5)
        _label_gap(axes, from_s, to_s, zoom)


def _label_gap(axes: Axes, from_s: float, to_s: float, zoom: float) -> None:
    """Write `no signal` across the gap, or upright where that fits better; nowhere else."""
    label = axes.text(
        (from_s + to_s) / 2,
        0.5,
        GAP_LABEL,
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="center",
        fontsize=9 * zoom,
        color=SOFT_INK,
        zorder=3,
    )
    room_mm = mm_per_s(axes) * (to_s - from_s), size_mm(axes)[1]
    box = label.get_window_extent()
    long_mm, short_mm = (1.1 * dots / DPI * 72 * POINT_MM for dots in (box.width, box.height))
    if long_mm > room_mm[0]:
        label.set_rotation(90)
        if short_mm > room_mm[0] or long_mm > room_mm[1]:
            label.remove()


def _peaks(beyond: Floats) -> list[int]:
    """Return the index of the highest value of each run of positive values."""
    return [start + int(beyond[start:stop].argmax()) for start, stop in _runs(beyond > 0)]


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Yield first and last index, the last exclusive, of each run of true values."""
    starts, stops = stretches(flags)
    yield from zip(starts.tolist(), stops.tolist(), strict=True)
