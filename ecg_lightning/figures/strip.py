"""A strip of ECG on standard paper: leads of a recording, its beats coloured by class."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import numpy as np
from matplotlib.figure import Figure

from ecg_lightning.arrays import Floats, Names
from ecg_lightning.classes import CLASS_NAMES, NO_BEAT, ClassMap
from ecg_lightning.figures.paper import Paper, paper_of, size_mm
from ecg_lightning.figures.paper_boxes import draw_boxes
from ecg_lightning.figures.paper_rows import row_of
from ecg_lightning.figures.strip_legends import SecondLegend, draw_legends
from ecg_lightning.figures.strip_marks import (
    MISSED,
    PredictedBeats,
    dot_beats,
    line_pt,
    mark_beats,
    mark_others,
    mark_predicted,
    name_lines,
    shade_unusable,
)
from ecg_lightning.figures.strip_traces import (
    MILLIVOLT,
    StripTrace,
    draw_trace,
    label_of,
    leaves,
    shown_unit,
    write_label,
)
from ecg_lightning.figures.style import fit_width
from ecg_lightning.palette import INK, SOFT_INK
from ecg_lightning.text import counted, shown_name


class StripOfRecording(Protocol):
    """What `strip_figure` draws. `ecg_lightning.records.strips.Strip` is one."""

    @property
    def name(self) -> str:
        """The recording's name."""

    @property
    def limits_s(self) -> tuple[float, float]:
        """Start and end, in seconds from the start of the recording."""

    @property
    def traces(self) -> Sequence[StripTrace]:
        """The leads from the top, at least one."""

    @property
    def annotation_times_s(self) -> Floats:
        """(A,) ascending, all of them within the limits."""

    @property
    def annotation_symbols(self) -> Names:
        """(A,) symbols."""

    @property
    def start_time(self) -> datetime | None:
        """When the recording began."""


def strip_figure(
    strip: StripOfRecording,
    class_map: ClassMap,
    predicted: PredictedBeats | None = None,
    unusable_s: Sequence[tuple[float, float]] = (),
    source: str = "",
) -> Figure:
    """Draw a strip of ECG on standard paper.

    Beats are marked with their class, other annotations with their symbol in grey. Small boxes are
    0.04 s by 0.1 mV, large boxes 0.2 s by 0.5 mV. They are square, as at 25 mm/s and 10 mm/mV,
    unless many leads would make the page too tall. The strip of one lead has exactly that size if
    it is 160 to 300 mm long, otherwise it is scaled. A lead that is no voltage has no boxes but a
    scale of its own.

    Args:
        strip: A `Strip`, or anything with its attributes.
        class_map: Which symbol counts as which class. Any other symbol is no beat.
        predicted: What a network predicted, marked apart from the annotations.
        unusable_s: Start and end of each stretch without usable signal; they are hatched.
        source: Where the strip's beats come from, written left of their letters. Next to
            `predicted` they are the reference.

    Returns:
        The figure, with one axes for each lead: seconds across, millivolts or another unit up.
    """
    marks = _marks(strip, class_map)
    rows = [row_of(trace.signal, trace.unit == MILLIVOLT) for trace in strip.traces]
    is_cut = any(leaves(trace, row.limits) for trace, row in zip(strip.traces, rows, strict=True))
    second = SecondLegend(marks.others, _different(predicted), is_cut, bool(unusable_s))
    if len(rows) > 1:
        rows = [replace(row, label=label_of(t)) for row, t in zip(rows, strip.traces, strict=True)]
    lines = (predicted is not None) + bool(marks.names or predicted)
    paper = paper_of(strip.limits_s, rows, lines, second.is_shown)
    draw_boxes(paper, rows)
    for axes, trace in zip(paper.rows, strip.traces, strict=True):
        draw_trace(axes, trace, paper.zoom)
    shade_unusable(paper, unusable_s)
    _draw_marks(paper, strip, marks, predicted)
    _name_letters(paper, marks, predicted, source)
    _draw_titles(paper, strip)
    draw_legends(paper, _symbols_of(marks, predicted), second)
    return paper.figure


class _Marks(NamedTuple):
    """The annotated beats and the other annotations."""

    times_s: Floats
    names: list[str]
    symbols: list[str]
    other_times_s: Floats
    others: list[str]


def _marks(strip: StripOfRecording, class_map: ClassMap) -> _Marks:
    times_s, symbols = strip.annotation_times_s, strip.annotation_symbols
    labels = class_map.labels(symbols)
    is_beat = labels != NO_BEAT
    names = [CLASS_NAMES[label] for label in labels[is_beat].tolist()]
    others = times_s[~is_beat], [shown_name(symbol) for symbol in symbols[~is_beat].tolist()]
    return _Marks(times_s[is_beat], names, symbols[is_beat].tolist(), *others)


def _draw_marks(
    paper: Paper, strip: StripOfRecording, marks: _Marks, predicted: PredictedBeats | None
) -> None:
    if len(paper.rows) == 1:
        heights = _heights(strip.traces[0], marks.times_s)
        dot_beats(paper.top, marks.times_s, heights, marks.names, paper.zoom)
    mark_beats(paper, marks.times_s, marks.names, line=predicted is not None)
    mark_others(paper, marks.other_times_s, marks.others)
    if predicted is not None:
        mark_predicted(paper, predicted)


def _name_letters(
    paper: Paper, marks: _Marks, predicted: PredictedBeats | None, source: str
) -> None:
    if predicted is not None:
        name_lines(paper, (predicted.source, "reference"))
    elif source and marks.names:
        name_lines(paper, (source,))


def _different(predicted: PredictedBeats | None) -> str:
    """What differs from the reference; "" for nothing."""
    if predicted is None or not any(predicted.differ):
        return ""
    return "prediction" if predicted.source == "predicted" else predicted.source


def _symbols_of(marks: _Marks, predicted: PredictedBeats | None) -> dict[str, list[str]]:
    """Each class that is shown, with the symbols of its annotated beats."""
    names = (*marks.names, *(predicted.names if predicted else ()))
    symbols_of: dict[str, list[str]] = {name: [] for name in names if name != MISSED}
    for name, symbol in dict.fromkeys(zip(marks.names, marks.symbols, strict=True)):
        symbols_of[name].append(symbol)
    return symbols_of


def _heights(trace: StripTrace, times_s: Floats) -> Floats:
    """Return the sample at each time; NaN where there is none."""
    rows = np.rint(times_s * trace.fs_hz).astype(np.int64) - trace.first
    inside = (rows >= 0) & (rows < len(trace.signal))
    heights = np.full(len(rows), np.nan)
    heights[inside] = trace.signal[rows[inside]]
    return heights


def _draw_titles(paper: Paper, strip: StripOfRecording) -> None:
    zoom, leads = paper.zoom, strip.traces
    place: dict[str, Any] = {
        "xytext": (0, 24 * zoom + line_pt(paper, paper.lines_above - 1)),
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": "center",
        "parse_math": False,
    }
    head: dict[str, Any] = {"fontsize": 14 * zoom, "fontweight": "bold", "color": INK}
    title = paper.top.annotate(_title(strip), (0, 1), ha="left", **head, **place)
    has_boxes = any(lead.unit == MILLIVOLT for lead in leads)
    boxes = "large box 0.2 s, 0.5 mV" if has_boxes else "lines 0.2 s apart"
    look: dict[str, Any] = {"fontsize": 11 * zoom, "color": SOFT_INK}
    note = paper.top.annotate(boxes, (1, 1), ha="right", **look, **place)
    width = paper.top.get_window_extent().width
    fit_width(title, width - 1.1 * note.get_window_extent().width)
    paper.bottom.set_xlabel("time (s)", fontsize=12 * zoom, color=INK, loc="left")
    if len(leads) == 1:
        look = {"fontsize": 12 * zoom, "color": INK, "parse_math": False}
        paper.top.set_ylabel(_unit(paper, leads[0]), **look)
        if not has_boxes:  # its numbers may be long
            paper.top.yaxis.set_label_coords(-14.5 * zoom / size_mm(paper.top)[0], 0.5)
    for axes, lead in zip(paper.rows, leads, strict=True):
        if len(leads) > 1:
            write_label(paper, axes, label_of(lead))


def _title(strip: StripOfRecording) -> str:
    """Return `Record 100, lead MLII, at 09:41:00.5`, with the time of day where it is known."""
    leads = [shown_name(trace.lead, 12) for trace in strip.traces]
    what = f"lead {leads[0]}" if len(leads) == 1 else counted(len(leads), "lead")
    title = f"Record {shown_name(strip.name)}, {what}"
    if strip.start_time is None:
        return title
    zone = strip.start_time.tzname()
    time = time_of_day(strip.start_time, strip.limits_s[0])
    return f"{title}, at {time}{f' {zone}' if zone else ''}"


def time_of_day(start_time: datetime, seconds: float) -> str:
    """Return the time of day some seconds after a start, such as `09:41:00.5`."""
    tenths = round(10 * seconds) + round(start_time.microsecond / 1e5)
    whole, tenth = divmod(tenths, 10)
    clock = (
        datetime.min + timedelta(hours=start_time.hour, minutes=start_time.minute)
    ) + timedelta(seconds=start_time.second + whole)
    return f"{clock:%H:%M:%S}{f'.{tenth}' if tenth else ''}"


def _unit(paper: Paper, lead: StripTrace) -> str:
    if lead.unit != MILLIVOLT:
        return shown_unit(lead.unit)
    return "potential (mV)" if size_mm(paper.top)[1] > 32 * paper.zoom else MILLIVOLT
