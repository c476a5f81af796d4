"""Two annotation files of one WFDB record, on one grid of samples."""

import math
from pathlib import Path
from typing import NamedTuple

from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import FileAnnotations, ReadOptions
from ecg_lightning.records.wfdb.annotations import read_annotations
from ecg_lightning.records.wfdb.header import read_header
from ecg_lightning.records.wfdb.reader import UNKNOWN_RATE, read_wfdb
from ecg_lightning.records.wfdb.segments import header_of_leads, n_frames_of


class AnnotationPair(NamedTuple):
    """Two annotation files of a record.

    Attributes:
        reference: The annotations that are right.
        test: The annotations that are judged.
        fs_hz: The rate of all positions: that of the record's fastest lead.
        samples: The length of the record at this rate.
        notes: What a user has to know about them.
    """

    reference: FileAnnotations
    test: FileAnnotations
    fs_hz: float
    samples: int
    notes: tuple[RecordNote, ...]


class _Grid(NamedTuple):
    frames_hz: float
    per_frame: int
    n_frames: int
    has_rate: bool


def read_pair(record: Path, reference: Path, test: Path, after_end_s: float) -> AnnotationPair:
    """Read two annotation files of a WFDB record.

    Each file's times are frames of the record, or of the time resolution that it states. The signal
    is not read; its files are needed only where the header does not state the record's length.

    Args:
        record: The path of the record without an ending; it has the header.
        reference: The file of the annotations that are right.
        test: The file of the annotations that are judged.
        after_end_s: How far after the end of the record annotations are still read.

    Raises:
        InputError: A file is missing or damaged, or all its annotations lie outside the record.
    """
    grid = _grid(record)
    n_frames = grid.n_frames + math.ceil(after_end_s * grid.frames_hz)
    first, second = (
        read_annotations(path, grid.frames_hz, grid.per_frame, n_frames)
        for path in (reference, test)
    )
    notes = [
        RecordNote(record.name, "dropped", f"{path.name}: {text}")
        for path, annotations in ((reference, first), (test, second))
        for text in annotations.notes
    ]
    if not grid.has_rate:
        notes.append(RecordNote(record.name, "signal", UNKNOWN_RATE))
    fs_hz, samples = grid.frames_hz * grid.per_frame, grid.n_frames * grid.per_frame
    return AnnotationPair(first, second, fs_hz, samples, tuple(notes))


def _grid(record: Path) -> _Grid:
    """The frames of a record, and the samples of its fastest lead in each."""
    header = read_header(record.parent / f"{record.name}.hea")
    leads = header_of_leads(header) if header.segments else header
    per_frame = max(line.samples_per_frame for line in leads.signals)
    fs_hz, has_rate = header.fs_hz, header.has_rate
    if not has_rate:
        fs_hz, has_rate = leads.fs_hz, leads.has_rate
    n_frames = n_frames_of(header) if header.segments else header.n_frames
    if n_frames is None:  # the size of the signal file tells it
        recording = read_wfdb(record, ReadOptions())
        n_frames = recording.samples // leads.signals[recording.used].samples_per_frame
    return _Grid(fs_hz, per_frame, n_frames, has_rate)
