"""A second annotation file, in a strip of a recording."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.evaluation.beat_comparison import TOLERANCE_S
from ecg_lightning.evaluation.beat_matching import match_beats
from ecg_lightning.evaluation.beat_stretches import shutdowns
from ecg_lightning.figures.strip_marks import MISSED, PredictedBeats
from ecg_lightning.records.notes import RecordNote, warn_of
from ecg_lightning.records.recording import FileAnnotations, Recording
from ecg_lightning.records.strips import Strip, marks_between
from ecg_lightning.records.wfdb.reader import annotations_in
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import counted, shown_name


class AnnotatedStrip(NamedTuple):
    """A strip with a second annotation file.

    Attributes:
        strip: The strip with its reference; where that has no beats, with the second file's marks.
        beats: The second file's beats next to the reference; None where that has no beats.
        unusable_s: Start and end of the stretches that the second file marks as unusable.
        source: The second file's annotator where the beats of `strip` are its; otherwise "".
    """

    strip: Strip
    beats: PredictedBeats | None
    unusable_s: list[tuple[float, float]]
    source: str = ""


class _Beats(NamedTuple):
    """The beats of one file: positions (B,) and classes."""

    samples: Integers
    labels: Integers


def annotation_file(recording: Recording, annotator: str, root: Path | None) -> Path:
    """Return the path of an annotation file: in the folder `root`, or next to the recording."""
    folder = (recording.path or Path()).parent if root is None else expanded(root)
    return folder / f"{recording.name}.{annotator}"


def with_annotations(recording: Recording, strip: Strip, file: Path) -> AnnotatedStrip:
    """Return a strip with its reference, and what another annotation file says of it.

    Beats of both files are matched one to one within 150 ms, as `compare` does, but beats within
    flutter are beats as others. A beat differs where its class (AAMI) does, or where only one of
    the files has it.

    Args:
        recording: The recording.
        strip: A strip of it.
        file: A WFDB annotation file; `annotation_file` gives its path.

    Raises:
        InputError: The file is missing, damaged, or of a longer recording.
    """
    marks, fs_hz = annotations_in(recording, file), recording.fs_hz
    warn_of(RecordNote(shown_name(file.name), "dropped", text) for text in marks.notes)
    unusable_s = _unusable_s(marks, fs_hz, strip.limits_s)
    reference, source = recording.annotations, shown_name(file.suffix.removeprefix("."), 9)
    if reference is None or not len(_beats(reference).samples):
        return AnnotatedStrip(_with_marks(strip, marks, fs_hz), None, unusable_s, source)
    beats = _compared(_beats(reference), _beats(marks), fs_hz, source)
    return AnnotatedStrip(strip, _between(beats, strip.limits_s), unusable_s)


def annotation_facts(strip: Strip, beats: PredictedBeats | None, annotator: str) -> list[str]:
    """Return what the second file has, as the description of the picture says it."""
    if beats is None:
        n_beats = int((AAMI.labels(strip.annotation_symbols) != NO_BEAT).sum())
        return [f"{counted(n_beats, 'beat')} of {shown_name(annotator)}"]
    n_beats = sum(name != MISSED for name in beats.names)
    n_different = counted(sum(beats.differ), "difference")
    return [f"{counted(n_beats, 'beat')} of {shown_name(annotator)}", n_different]


def _beats(marks: FileAnnotations) -> _Beats:
    labels = AAMI.labels(marks.symbols)
    return _Beats(marks.samples[labels != NO_BEAT], labels[labels != NO_BEAT])


def _with_marks(strip: Strip, marks: FileAnnotations, fs_hz: float) -> Strip:
    """A strip with the marks of a file and its own, which are no beats."""
    times_s, symbols = marks_between(marks, fs_hz, strip.limits_s)
    times_s = np.concatenate([strip.annotation_times_s, times_s])
    symbols = np.concatenate([strip.annotation_symbols, symbols])
    order = np.argsort(times_s, kind="stable")
    return dataclasses.replace(
        strip, annotation_times_s=times_s[order], annotation_symbols=symbols[order]
    )


def _compared(reference: _Beats, test: _Beats, fs_hz: float, source: str) -> PredictedBeats:
    """The beats of the second file, and those that it misses, at their own times."""
    pairs = match_beats(reference.samples.tolist(), test.samples.tolist(), _window(fs_hz))
    rows = []
    for row, column in zip(*(indices.tolist() for indices in pairs), strict=True):
        label = NO_BEAT if row < 0 else int(reference.labels[row])
        own = NO_BEAT if column < 0 else int(test.labels[column])
        sample = int(reference.samples[row] if column < 0 else test.samples[column])
        rows.append((sample, MISSED if column < 0 else CLASS_NAMES[own], label != own))
    rows.sort(key=lambda beat: beat[0])
    return PredictedBeats(
        np.array([sample for sample, *_ in rows], np.float64) / fs_hz,
        tuple(name for _, name, _ in rows),
        tuple(differs for *_, differs in rows),
        source,
    )


def _window(fs_hz: float) -> int:
    """The farthest distance of a pair in samples, as `compare_record` rounds it."""
    return int(TOLERANCE_S * fs_hz + 0.5)


def _between(beats: PredictedBeats, limits_s: tuple[float, float]) -> PredictedBeats:
    rows = slice(*np.searchsorted(beats.times_s, np.array(limits_s) - 1e-9).tolist())
    return dataclasses.replace(
        beats, times_s=beats.times_s[rows], names=beats.names[rows], differ=beats.differ[rows]
    )


def _unusable_s(
    marks: FileAnnotations, fs_hz: float, limits_s: tuple[float, float]
) -> list[tuple[float, float]]:
    """Start and end of each unusable stretch within the limits."""
    is_beat = AAMI.labels(marks.symbols) != NO_BEAT
    stretches = shutdowns(marks, is_beat, _window(fs_hz))
    ends_s: list[Floats] = [np.clip(ends / fs_hz, *limits_s) for ends in stretches]
    pairs = zip(*(ends.tolist() for ends in ends_s), strict=True)
    return [(start_s, stop_s) for start_s, stop_s in pairs if start_s < stop_s]
