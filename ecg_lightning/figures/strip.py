"""A strip of ECG on standard paper: a piece of a record, its beats coloured by class."""

import math
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_lightning.arrays import Floats, Integers, Names
from ecg_lightning.classes import CLASS_NAMES, NO_BEAT, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.figures.paper import draw_boxes, paper_axes, paper_range, size_mm
from ecg_lightning.figures.strip_marks import draw_legends, mark_beats, mark_others
from ecg_lightning.figures.style import fit_width
from ecg_lightning.palette import INK, SOFT_INK
from ecg_lightning.text import shown_name

LEAST_S, MOST_S = 1.0, 20.0  # a shorter strip would be very tall, a longer one is flat


class StripRecord(Protocol):
    """What `strip_figure` reads of a record. `ecg_lightning.records.recording.Record` has it."""

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
    def signal(self) -> Floats:
        """Millivolts (T,), NaN where invalid."""

    @property
    def annotation_samples(self) -> Integers:
        """Positions (A,), ascending."""

    @property
    def annotation_symbols(self) -> Names:
        """Symbols (A,)."""


def strip_figure(
    record: StripRecord, start_s: float, duration_s: float, class_map: ClassMap
) -> Figure:
    """Draw a strip of ECG on standard paper.

    Beats are marked with their class, other annotations with their symbol in grey. Small boxes are
    0.04 s by 0.1 mV, large boxes 0.2 s by 0.5 mV. They are always square, as at 25 mm/s and
    10 mm/mV. The strip has exactly that size if it is 160 to 300 mm long, otherwise it is scaled.

    Args:
        record: A `Record`, or anything with its attributes.
        start_s: Start of the strip, in seconds from the start of the record.
        duration_s: Length in seconds, 1 to 20. The strip ends at the end of the record at the
            latest.
        class_map: Which symbol counts as which class. Any other symbol is no beat.

    Returns:
        The figure, with one axes: seconds across, millivolts up.

    Raises:
        InputError: Less than a second of the strip is in the record, or it is longer than 20 s.
    """
    end_s = _strip_end(record, start_s, duration_s)
    first, last = (math.ceil(at_s * record.fs_hz - 1e-6) for at_s in (start_s, end_s))
    inside = slice(*np.searchsorted(record.annotation_samples, [first, last]))
    samples, symbols = record.annotation_samples[inside], record.annotation_symbols[inside]
    labels = class_map.labels(symbols)
    beats, others = labels != NO_BEAT, labels == NO_BEAT
    names = [CLASS_NAMES[label] for label in labels[beats]]
    signal = record.signal[first:last]
    axes, zoom = paper_axes((start_s, end_s), paper_range(signal), bool(others.any()))
    draw_boxes(axes, zoom)
    times_s = np.arange(first, last) / record.fs_hz
    axes.plot(times_s, signal, color=INK, linewidth=1.2 * zoom, zorder=3)
    mark_beats(axes, samples[beats] / record.fs_hz, record.signal[samples[beats]], names, zoom)
    mark_others(axes, samples[others] / record.fs_hz, symbols[others].tolist(), zoom)
    title = f"Record {shown_name(record.name)}, lead {shown_name(record.lead, 12)}"
    _draw_titles(axes, title, zoom)
    draw_legends(axes, names, symbols[beats].tolist(), symbols[others].tolist(), zoom)
    figure = axes.figure
    return figure if isinstance(figure, Figure) else figure.figure


def _strip_end(record: StripRecord, start_s: float, duration_s: float) -> float:
    length_s = len(record.signal) / record.fs_hz
    if not (0 <= start_s <= length_s - LEAST_S and LEAST_S <= duration_s <= MOST_S):
        latest_s = math.floor(10 * (length_s - LEAST_S)) / 10
        raise InputError(
            f"strip of record {shown_name(record.name)}",
            expected=f"a start from 0 to {latest_s:.1f} s "
            f"and a length from {LEAST_S:g} to {MOST_S:g} s",
            found=f"start {start_s:g} s and length {duration_s:g} s",
            hint=f"choose a strip inside the record's {length_s:.1f} s",
        )
    return min(start_s + duration_s, length_s)


def _draw_titles(axes: Axes, title: str, zoom: float) -> None:
    place: dict[str, Any] = {
        "xytext": (0, 33 * zoom),
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": "center",
        "parse_math": False,
    }
    head: dict[str, Any] = {"fontsize": 14 * zoom, "fontweight": "bold", "color": INK}
    name = axes.annotate(title, (0, 1), ha="left", **head, **place)
    boxes = "large box 0.2 s, 0.5 mV"
    note = axes.annotate(boxes, (1, 1), ha="right", fontsize=11 * zoom, color=SOFT_INK, **place)
    fit_width(name, axes.get_window_extent().width - 1.1 * note.get_window_extent().width)
    axes.set_xlabel("time (s)", fontsize=12 * zoom, color=INK, loc="left")
    unit = "potential (mV)" if size_mm(axes)[1] > 32 * zoom else "mV"
    axes.set_ylabel(unit, fontsize=12 * zoom, color=INK)
