"""A record cut into the beats that `PatientContext` sees, by the functions of `signals.context`."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ecg_lightning.arrays import Floats, Floats32, Integers
from ecg_lightning.classes import NO_BEAT, ClassMap
from ecg_lightning.records.recording import Record
from ecg_lightning.signals import (
    context,
    past,
    quality,
    resampling,
    rhythm,
    running_rhythm,
    running_template,
    templates,
)
from ecg_lightning.signals.context import (
    LEADS,
    ROWS,
    CausalContext,
    band_passed,
    beat_windows,
    context_rows,
    own_samples,
    stretches,
    with_edges,
)
from ecg_lightning.signals.quality import constant_between, valid_samples
from ecg_lightning.signals.resampling import resampled, sample_step
from ecg_lightning.signals.segmentation import Windows, intervals_s
from ecg_lightning.signals.templates import FS_HZ, WINDOW_SAMPLES


@cache
def code_of_rows() -> str:
    """Return a digest of the code that makes the rows: other code, other rows in the cache."""
    parts = (context, past, rhythm, running_rhythm, running_template, templates)
    paths = [str(part.__file__) for part in (*parts, quality, resampling)]
    digest = hashlib.sha256()
    for path in (*paths, __file__):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def context_windows(
    record: Record, class_map: ClassMap, causal: bool = False
) -> tuple[Windows, Integers]:
    """Make what the network sees of each annotated beat of a record.

    Invalid samples become the median of their lead before the filters. A lead without a valid
    sample counts as missing, and so does, for a beat, a lead that is constant in its window.

    Args:
        record: The record at its own sampling rate, with its second lead if it has one.
        class_map: Symbols to classes; an annotation with any other symbol is no beat.
        causal: Whether no beat sees the beats after it.

    Returns:
        The beats, with `signals` (N, ROWS, WINDOW_SAMPLES) and `samples` at `FS_HZ`; and the
        stretch (N,) that each lies in, from 0. A causal record is one stretch.
    """
    labels = class_map.labels(record.annotation_symbols)
    beats = labels != NO_BEAT
    positions = record.annotation_samples[beats]
    times_s = positions / record.fs_hz
    places = positions / sample_step(record.fs_hz, FS_HZ)
    starts = stretches(times_s)[: 1 if causal else None]
    windows = beat_windows(_leads(record), places).astype(np.float64, copy=False)
    _clear_constant(windows, record, places)
    rows = _causal_rows if causal else context_rows
    pieces = np.split(windows, starts[1:]), np.split(times_s, starts[1:])
    signals = [rows(*piece) for piece in zip(*pieces, strict=True) if len(piece[1])]
    return Windows(
        np.concatenate([np.zeros((0, ROWS, WINDOW_SAMPLES), np.float32), *signals]),
        labels[beats],
        np.rint(places).astype(np.int64),
        record.annotation_symbols[beats],
        *intervals_s(positions, record.fs_hz),
    ), np.searchsorted(starts, np.arange(len(places)), "right") - 1


def _clear_constant(windows: Floats, record: Record, places: Floats) -> None:
    """Make the windows 0 in which a lead is constant: filters leave a ripple of its level."""
    bounds = own_samples(places, sample_step(record.fs_hz, FS_HZ))
    for row, lead in enumerate(_used(record)):
        windows[constant_between(lead, *bounds), row] = 0.0


def _causal_rows(windows: Floats, times_s: Floats) -> Floats32:
    return CausalContext().push(windows, times_s)


def _leads(record: Record) -> Floats:
    """(LEADS, T) band-passed at `FS_HZ`; 0 where the record has no second lead."""
    filled = [replace(record, signal=_filled(lead)) for lead in _used(record)]
    leads = [resampled(lead, FS_HZ).signal for lead in filled]
    passed = band_passed(with_edges(np.stack(leads)))
    return np.concatenate([passed, np.zeros((LEADS - len(leads), passed.shape[1]))])


def _used(record: Record) -> list[Floats]:
    """The one or two leads that have valid samples."""
    leads = (record.signal, record.second_signal)
    return [lead for lead in leads if lead is not None and valid_samples(lead).any()]


def _filled(signal: Floats) -> Floats:
    valid = valid_samples(signal)
    return signal if valid.all() else np.where(valid, signal, np.median(signal[valid]))
