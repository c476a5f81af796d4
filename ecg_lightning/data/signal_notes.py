"""What is odd about a record's signal, and which of its beats have no signal in their window."""

from dataclasses import replace

import numpy as np

from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.classes import NO_BEAT, ClassMap
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import unit_note
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.annotated_beats import (
    are_repeated,
    odd_texts,
    repeated_text,
)
from ecg_lightning.signals.quality import (
    changes,
    clipped_samples,
    flat_samples,
    may_hold_run,
    scaling_texts,
    shares_between,
    spike_factor,
    stretches,
    valid_samples,
)
from ecg_lightning.signals.resampling import sample_step
from ecg_lightning.text import counted, escaped

_CONSTANT = "the lead {} is constant"
_INVALID_WINDOW = "more than half of the window is invalid"
_CONSTANT_WINDOW = "the window is constant"
_FAR_S, _MOST_FAR = 0.15, 0.5  # EC57's window of a match; the share of a record's peaks
_FAR_PEAKS = (
    "more than half of the peaks are over 150 ms away from every annotated beat; the "
    "segmentation annotations has no such windows"
)


def check_signal(record: Record) -> None:
    """Refuse a record without a valid sample.

    Raises:
        InputError: It has none.
    """
    if not valid_samples(record.signal).any():
        raise InputError(
            f"record {record.name}",
            expected=f"a valid sample of the lead {escaped(record.lead, 40)}",
            found=f"none in {len(record.signal):,} samples",
            hint="choose another lead",
            setting="lead",
        )


def signal_notes(record: Record, normalization: str) -> tuple[RecordNote, ...]:
    """Return what a user has to know about a record's signal, at its own sampling rate.

    Args:
        record: A record with a valid sample.
        normalization: `record`, `window` or `robust`.
    """
    texts = _lead_texts(record)
    if normalization == "record":
        duration_s = len(record.signal) / record.fs_hz
        texts += scaling_texts(duration_s, spike_factor(record.signal, record.fs_hz))
    return tuple(RecordNote(record.name, "signal", text) for text in texts)


def peak_notes(record: Record, positions: Integers, class_map: ClassMap) -> tuple[RecordNote, ...]:
    """Return a note where many windows around peaks are around no annotated beat.

    Such a window has the class of an annotation, but shows something else: a T wave, or a beat of
    the other direction. The rule is the original's.

    Args:
        record: The record, at its own sampling rate.
        positions: (N,) the peaks.
        class_map: Which annotations are beats.
    """
    beats = record.annotation_samples[class_map.labels(record.annotation_symbols) != NO_BEAT]
    if not len(positions) or not len(beats):
        return ()
    after = np.searchsorted(beats, positions)
    before, after = np.maximum(after - 1, 0), np.minimum(after, len(beats) - 1)
    nearest = np.minimum(np.abs(positions - beats[before]), np.abs(positions - beats[after]))
    if np.mean(nearest > _FAR_S * record.fs_hz) <= _MOST_FAR:
        return ()
    return (RecordNote(record.name, "signal", _FAR_PEAKS),)


def annotation_notes(record: Record, beats: Integers) -> tuple[RecordNote, ...]:
    """Return notes where annotated beats lie where the signal has none, or one after another.

    Args:
        record: The record, at its own sampling rate.
        beats: (N,) the positions of the beats.
    """
    signal = record.signal
    texts = odd_texts(lambda a, b: signal[a:b], len(signal), record.fs_hz, beats)
    return tuple(RecordNote(record.name, "signal", text) for text in texts)


def with_each_beat_once(record: Record, class_map: ClassMap) -> Record:
    """Return a record without beats at the position of another one, with a note on them.

    Args:
        record: The record. The first beat of each position stays.
        class_map: Which annotations are beats.
    """
    is_beat = class_map.labels(record.annotation_symbols) != NO_BEAT
    repeated = are_repeated(record.annotation_samples, is_beat)
    if not repeated.any():
        return record
    note = RecordNote(record.name, "dropped", repeated_text(int(repeated.sum())))
    return replace(
        record,
        annotation_samples=record.annotation_samples[~repeated],
        annotation_symbols=record.annotation_symbols[~repeated],
        notes=(*record.notes, note),
    )


def gives_no_beats(note: RecordNote) -> bool:
    """Whether a note can explain why a record gave no beats."""
    endings = (_INVALID_WINDOW, _CONSTANT_WINDOW, _CONSTANT.split("{}")[1])
    return note.text.endswith(endings)


def judge_windows(
    record: Record,
    positions: Integers,
    samples: int,
    fs_hz: float,
    window_samples: int,
    peaks: bool,
) -> tuple[Floats, Flags, tuple[RecordNote, ...]]:
    """Return the quality of windows around beats, which are kept, and notes on the others.

    A window is dropped where more than half of it is invalid or all of it is constant. A constant
    window around a clipped peak stays, as in the original, unless the whole lead is constant. Of
    such windows MIT-BIH has one, in record 116.

    Args:
        record: The record, at its own sampling rate.
        positions: (N,) the beats' positions at the windows' sampling rate.
        samples: The length of the record at that rate.
        fs_hz: The windows' sampling rate.
        window_samples: T.
        peaks: Whether the windows are around peaks, not annotations.

    Returns:
        The share of each window that holds valid samples (N,), whether the window is kept (N,), and
        notes on those that are not. The padding of a window at the end of a record is no valid
        sample, but at least half of each window lies within the record.
    """
    starts = positions - window_samples // 2
    ratio = sample_step(record.fs_hz, fs_hz)
    bounds = np.maximum(starts, 0) * ratio, np.minimum(starts + window_samples, samples) * ratio
    length = window_samples * ratio
    quality = shares_between(valid_samples(record.signal), *bounds, length)
    # The first sample of a window differs from a sample outside it.
    differs = changes(record.signal)
    changing = np.ones(len(positions))
    if may_hold_run(~differs, int(length / 2) - 2):  # hardly any record
        changing = shares_between(differs, bounds[0] + 1, bounds[1], length)
    # Half of an odd window is rounded down, and resampling moves the end by less than a sample.
    invalid = quality * window_samples < window_samples // 2 - 1e-6
    constant = (changing <= 0) & ~invalid & (not peaks or not differs.any())
    return quality, ~(invalid | constant), _dropped_notes(record, invalid, constant)


def _dropped_notes(record: Record, invalid: Flags, constant: Flags) -> tuple[RecordNote, ...]:
    """The notes on beats (N,) that are dropped, one for each reason."""
    reasons = (
        (invalid, _INVALID_WINDOW),
        (constant, _CONSTANT_WINDOW),
    )
    return tuple(
        RecordNote(record.name, "dropped", f"{counted(int(flags.sum()), 'beat')} dropped: {reason}")
        for flags, reason in reasons
        if flags.any()
    )


def _lead_texts(record: Record) -> list[str]:
    """The unit, and the parts without a signal."""
    signal, fs_hz, lead = record.signal, record.fs_hz, escaped(record.lead, 40)
    texts = [text] if (text := unit_note(record.lead, record.unit)) else []
    if not changes(signal).any():
        return [*texts, _CONSTANT.format(lead)]
    invalid, clipped = ~valid_samples(signal), clipped_samples(signal, fs_hz)
    if invalid.any():
        count = len(stretches(invalid)[0])
        where = f"in {count:,} stretch{'es' * (count != 1)}"
        texts.append(f"{_seconds(invalid, fs_hz)} of the signal {where} are invalid")
    if clipped.any():
        texts.append(f"{_percent(clipped)} of the signal is clipped")
    if (flat := flat_samples(signal, fs_hz) & ~clipped).any():
        texts.append(f"{_percent(flat)} of the signal is flat")
    return texts


def _seconds(flags: Flags, fs_hz: float) -> str:
    return f"{np.count_nonzero(flags) / fs_hz:.3g} s"


def _percent(flags: Flags) -> str:
    """Whole percent, so that records of about the same share are of one line."""
    percent = round(100 * float(flags.mean()))
    return f"{percent} %" if percent else "less than 1 %"
