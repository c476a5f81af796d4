"""A strip of a recording: the excerpts of some leads over one time, with the annotations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ecg_lightning.arrays import Floats, Names
from ecg_lightning.errors import InputError
from ecg_lightning.records.excerpts import Trace
from ecg_lightning.records.recording import FileAnnotations, Recording, leads_alike
from ecg_lightning.text import escaped

LEAST_S, MOST_S = 1.0, 20.0  # a shorter strip would be very tall, a longer one is flat
_EDGE = 1e-6  # of a sample: 1.1 * 360 is more than 396


@dataclass(frozen=True, eq=False)
class Strip:
    """A piece of a recording, to draw.

    Attributes:
        name: The recording's name.
        limits_s: Start and end, in seconds from the start of the recording.
        traces: The leads, each at its own rate.
        annotation_times_s: (A,) the times of the annotations within the limits, ascending.
        annotation_symbols: (A,) their symbols.
        start_time: When the recording began, where it says so.
    """

    name: str
    limits_s: tuple[float, float]
    traces: tuple[Trace, ...]
    annotation_times_s: Floats
    annotation_symbols: Names
    start_time: datetime | None = None


def strip_of(
    recording: Recording, start_s: float, duration_s: float, leads: Sequence[int] | None = None
) -> Strip:
    """Read a strip of a recording, and nothing but that of its signal.

    Args:
        recording: The recording.
        start_s: Start of the strip, in seconds from the start of the recording.
        duration_s: Length in seconds, 1 to 20. The strip ends with the recording at the latest.
        leads: The indices of the leads. Default: the lead that would be used.

    Raises:
        InputError: Less than a second of the strip is in the recording, it is longer than 20 s, or
            the recording is damaged.

    Example:
        >>> strip_of(read_recording("mitdb/208"), 65.0, 10.0).limits_s    # doctest: +SKIP
        (65.0, 75.0)
    """
    indices = [recording.used] if leads is None else list(leads)
    length_s = max(recording.leads[i].samples / recording.leads[i].fs_hz for i in indices)
    limits_s = start_s, _end_s(recording.name, length_s, start_s, duration_s)
    traces = _traces(recording, indices, limits_s)
    marks = marks_between(recording.annotations, recording.fs_hz, limits_s)
    return Strip(recording.name, limits_s, traces, *marks, recording.start_time)


def samples_between(limits_s: tuple[float, float], fs_hz: float) -> tuple[int, int]:
    """Return the first sample at or after the start, and the first at or after the end."""
    start, stop = (math.ceil(at_s * fs_hz - _EDGE) for at_s in limits_s)
    return start, stop


def _traces(
    recording: Recording, indices: Sequence[int], limits_s: tuple[float, float]
) -> tuple[Trace, ...]:
    traces = {}
    for together in leads_alike(recording.leads, dict.fromkeys(indices)):
        first = recording.leads[together[0]]
        start, stop = (min(at, first.samples) for at in samples_between(limits_s, first.fs_hz))
        signals = recording.read_exactly(start, stop, together)
        for index, signal in zip(together, signals, strict=True):
            lead = recording.leads[index]
            traces[index] = Trace(lead.name, lead.fs_hz, start, signal, unit=lead.unit)
    return tuple(traces[index] for index in indices)


def marks_between(
    annotations: FileAnnotations | None, fs_hz: float, limits_s: tuple[float, float]
) -> tuple[Floats, Names]:
    """Return the annotations of a strip.

    Args:
        annotations: Those of the recording; None where it has none.
        fs_hz: The rate of their positions.
        limits_s: Start and end of the strip in seconds.

    Returns:
        (A,) times in seconds and (A,) symbols.
    """
    if annotations is None:
        return np.zeros(0), np.zeros(0, "<U1")
    inside = slice(*np.searchsorted(annotations.samples, samples_between(limits_s, fs_hz)))
    return annotations.samples[inside] / fs_hz, annotations.symbols[inside]


def _end_s(name: str, length_s: float, start_s: float, duration_s: float) -> float:
    if not (0 <= start_s <= length_s - LEAST_S and LEAST_S <= duration_s <= MOST_S):
        raise _outside(name, length_s, start_s, duration_s)
    return min(start_s + duration_s, length_s)


def _outside(name: str, length_s: float, start_s: float, duration_s: float) -> InputError:
    shown, subject = f"{length_s:,.1f} s", f"strip of record {escaped(name)}"
    if length_s < LEAST_S:
        expected = f"a recording of {LEAST_S:g} s or more"
        hint = "choose another recording"
        return InputError(subject, expected=expected, found=f"{length_s:.3g} s", hint=hint)
    latest_s = math.floor(10 * (length_s - LEAST_S)) / 10
    return InputError(
        subject,
        expected=f"a start from 0 to {latest_s:.1f} s "
        f"and a length from {LEAST_S:g} to {MOST_S:g} s",
        found=f"start {start_s:g} s and length {duration_s:g} s",
        hint=f"choose a strip inside the record's {shown}",
    )
