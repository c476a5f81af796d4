"""A strip around an event: 8 seconds on ECG paper, in two pieces that a phone shows one by one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import AnyFloats, Flags, Floats
from ecg_lightning.report.strip import (
    LARGE_BOXES,
    PER_MV,
    PER_S,
    Text,
    grid_path,
    paper_range_mv,
    trace_path,
)

STRIP_S, PIECE_S = 8.0, 4.0
_MARGIN_TOP, _MARGIN_BOTTOM = 130, 120  # units, for the classes and the seconds
_BESIDE = 40  # units that a mark reaches beyond the first and the last beat of the event
_MOST_HZ = PER_S  # of a drawn trace: more samples than units show nothing more
_OTHER_UNIT_HIGH = 2.0  # mV on paper that the range of a lead of another unit takes


@dataclass(frozen=True, eq=False)
class EventStrip:
    """A strip that is worth a look.

    Attributes:
        titles: What it shows, such as `longest run of V`: one event or several.
        detail: Numbers of the first event; "" for none.
        mark: The class that colours the event's mark, or `pause`, or `unusable`.
        start_s: Its start, in seconds from the start of the recording.
        event_s: Start and end of the event.
        fs_hz: The sampling rate of the signal.
        signal: (T,) samples in the unit of the lead; invalid ones are NaN.
        beat_times_s: The times of its beats, ascending.
        beat_names: Their classes.
        beat_unsure: Whether each is unsure; empty where this was not asked.
        without_signal_s: Start and end of each stretch whose samples say nothing, such as those of
            a loose electrode. They may run off the paper.
    """

    titles: tuple[str, ...]
    detail: str
    mark: str
    start_s: float
    event_s: tuple[float, float]
    fs_hz: float
    signal: AnyFloats
    beat_times_s: Sequence[float]
    beat_names: Sequence[str]
    without_signal_s: Sequence[tuple[float, float]] = ()
    beat_unsure: Sequence[bool] = ()


class Letter(NamedTuple):
    """The class of a beat above the paper; its text ends in a question mark if it is unsure."""

    name: str
    text: str
    x: int
    y: int
    anchor: str


class Piece(NamedTuple):
    """A piece of a strip; lengths are SVG units, 500 a second and 200 a millivolt."""

    label: str
    box: str
    width: int
    height: int
    small: str
    large: str
    mark: str
    mark_x: int
    mark_width: int
    trace: str
    letters: Sequence[Letter]
    seconds: Sequence[Text]
    levels: Sequence[Text]


def draw_pieces(strip: EventStrip, unit: str, label: str) -> list[Piece]:
    """Return the pieces of a strip at 25 mm/s and 10 mm/mV.

    Args:
        strip: The strip.
        unit: The unit of its lead. A lead that is not in mV is drawn to the height of the paper,
            without levels.
        label: What the picture shows, in words.
    """
    signal, fs_hz = thinned(strip.signal, strip.fs_hz)
    is_voltage = unit == "mV"
    usable = _usable(strip, signal, fs_hz)
    on_paper = _on_paper(signal, usable, is_voltage)
    values = [round(v, 4) if math.isfinite(v) else None for v in on_paper.tolist()]
    low, high = paper_range_mv(on_paper[usable].tolist())
    pieces = []
    for number in range(round(STRIP_S / PIECE_S)):
        first, stop = round(number * PIECE_S * fs_hz), round((number + 1) * PIECE_S * fs_hz) + 1
        levels = _levels(low, high) if is_voltage and number == 0 else ()
        part = f"{label}, part {number + 1}"
        pieces.append(
            _piece(strip, values[first:stop], fs_hz, number, (low, high), part, tuple(levels))
        )
    return pieces


def thinned(signal: AnyFloats, fs_hz: float) -> tuple[AnyFloats, float]:
    """Return a signal (T,) with at most 500 samples a second, and its rate.

    Of each group of samples the smallest and the largest stay, in the order of time, so that no
    peak is lost.
    """
    size = 2 * math.ceil(fs_hz / _MOST_HZ)
    if size <= 2 or len(signal) < size:
        return signal, fs_hz
    groups = signal[: len(signal) // size * size].reshape(-1, size)
    known = np.isfinite(groups)
    lowest = np.where(known, groups, np.inf).argmin(1)
    highest = np.where(known, groups, -np.inf).argmax(1)
    ends = np.sort(np.stack([lowest, highest], 1), 1)
    return np.take_along_axis(groups, ends, 1).reshape(-1), fs_hz * 2 / size


def _usable(strip: EventStrip, signal: AnyFloats, fs_hz: float) -> Flags:
    """The samples (T,) that the paper must show: all valid ones where none has a signal."""
    valid = np.isfinite(signal)
    usable, times_s = valid.copy(), strip.start_s + np.arange(len(signal)) / fs_hz
    for start_s, end_s in strip.without_signal_s:
        usable &= (times_s < start_s) | (times_s >= end_s)
    return usable if usable.any() else valid


def _on_paper(signal: AnyFloats, usable: Flags, is_voltage: bool) -> Floats:
    """The samples in mV on paper."""
    if not is_voltage:
        known = signal[usable]
        low, high = np.quantile(known, (0.005, 0.995)) if len(known) else (0.0, 0.0)
        scale = _OTHER_UNIT_HIGH / (high - low) if high > low else 1.0
        signal = (signal - (low + high) / 2) * scale
    return signal.astype(np.float64)


def _piece(
    strip: EventStrip,
    values: Sequence[float | None],
    fs_hz: float,
    number: int,
    range_mv: tuple[float, float],
    label: str,
    levels: Sequence[Text],
) -> Piece:
    low, high = range_mv
    width, height = round(PIECE_S * PER_S), round((high - low) * PER_MV)
    zero_y, start_s = round(high * PER_MV), strip.start_s + number * PIECE_S
    mark_x, mark_width = _mark(strip.event_s, start_s, width)
    return Piece(
        label,
        f"0 {-_MARGIN_TOP} {width} {height + _MARGIN_TOP + _MARGIN_BOTTOM}",
        width,
        height,
        grid_path(1, width, height, 0, zero_y),
        grid_path(LARGE_BOXES, width, height, 0, zero_y),
        strip.mark,
        mark_x,
        mark_width,
        trace_path(values, fs_hz, zero_y),
        list(_letters(strip, start_s, width)),
        list(_seconds(number, height)),
        levels,
    )


def _mark(event_s: tuple[float, float], start_s: float, width: int) -> tuple[int, int]:
    """Start and width of the event's mark in a piece; of no width where it lies elsewhere."""
    left = max(0, round((event_s[0] - start_s) * PER_S) - _BESIDE)
    right = min(width, round((event_s[1] - start_s) * PER_S) + _BESIDE)
    return left, max(0, right - left)


def _letters(strip: EventStrip, start_s: float, width: int) -> Iterator[Letter]:
    unsure = strip.beat_unsure or [False] * len(strip.beat_names)
    beats = zip(strip.beat_times_s, strip.beat_names, unsure, strict=True)
    for time_s, name, is_unsure in beats:
        x = round((time_s - start_s) * PER_S)
        if 0 <= x < width:
            anchor = "start" if x < 40 else "end" if x > width - 40 else "middle"
            yield Letter(name, f"{name}?" if is_unsure else name, x, -36, anchor)


def _seconds(number: int, height: int) -> Iterator[Text]:
    first = round(number * PIECE_S)
    for second in range(round(PIECE_S)):
        text = f"{first + second} s"
        yield Text(text, round(second * PER_S) + 8, height + 96, "start")


def _levels(low: float, high: float) -> Iterator[Text]:
    for mv in range(math.ceil(low + 0.2), math.floor(high - 0.2) + 1):
        text = f"{mv} mV".replace("-", "\N{MINUS SIGN}") if mv else "0"
        yield Text(text, 16, round((high - mv) * PER_MV) - 12, "start")
