"""The beats table: what is known of every beat, as arrays of one length, and how it is made from records or Kaggle's CSVs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES, NO_BEAT
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import Database
from ecg_lightning.records.kaggle import FS_HZ, read_kaggle
from ecg_lightning.records.recording import Record
from ecg_lightning.records.wfdb import read_record
from ecg_lightning.signals.resampling import resampled
from ecg_lightning.signals.segmentation import (
    Windows,
    annotation_windows,
    intervals_s,
    peak_windows,
)

Segmentation = Literal["peaks", "annotations", "windows"]
Normalization = Literal["record", "window"]


@dataclass(frozen=True)
class Beats:
    """N beats; row i of every array is beat i.

    Attributes:
        signals: (N, C, T) float32.
        labels: (N,) int64 indices into `CLASS_NAMES`.
        record_ids: (N,) the record's name.
        patient_ids: (N,) the patient; empty where the source does not know.
        samples: (N,) int64, the beat's position in its record, in the record's own samples.
        symbols: (N,) the annotation symbol.
        rr_before_s: (N,) float32, seconds since the beat before; NaN where there is none.
        rr_after_s: (N,) float32, seconds to the beat after; NaN where there is none.
        fs_hz: Sampling rate of `signals`.
    """

    signals: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    record_ids: npt.NDArray[np.str_]
    patient_ids: npt.NDArray[np.str_]
    samples: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.str_]
    rr_before_s: npt.NDArray[np.float32]
    rr_after_s: npt.NDArray[np.float32]
    fs_hz: float

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def class_counts(self, rows: npt.NDArray[np.int64] | None = None) -> dict[str, int]:
        """Beats of each class, of all rows or of the given ones."""
        labels = self.labels if rows is None else self.labels[rows]
        return dict(
            zip(CLASS_NAMES, np.bincount(labels, minlength=len(CLASS_NAMES)).tolist(), strict=True)
        )


ARRAYS = tuple(field.name for field in fields(Beats) if field.name != "fs_hz")


@dataclass(frozen=True)
class BeatSettings:
    """How records become beats.

    Attributes:
        segmentation: `peaks`, `annotations` or `windows`.
        lead: Channel index or name.
        fs_hz: Sampling rate of the beats; a record at another rate is resampled.
        window_samples: T.
        normalization: `record` or `window`.
        classes: Name of the class map.
    """

    segmentation: Segmentation = "peaks"
    lead: int | str = 0
    fs_hz: float = 360.0
    window_samples: int = 256
    normalization: Normalization = "record"
    classes: str = "original"


def tables_of_records(
    database: Database, settings: BeatSettings, progress: Iterable[str] | None = None
) -> Iterator[Beats]:
    """Reads and segments the records of a database, in its order, one table a record; the tables' arrays agree in type.

    Args:
        database: Where the records are.
        settings: How they are cut.
        progress: The records' names, passed through a progress bar.

    Raises:
        InputError: a record cannot be read, is shorter than a window, or none holds a beat.
    """
    names = np.array(database.records)  # of one type, wide enough for the longest
    patients = np.array([database.patients[name] for name in database.records])
    found = 0
    for row, record in enumerate(progress or database.records):
        original = read_record(database.root, record, settings.lead, database.annotator)
        table = _table(original, names[row : row + 1], patients[row : row + 1], settings)
        found += len(table)
        yield table
    if not found:
        raise InputError(
            f"{database.root}: {len(database.records)} records, but none gave a beat; check that their annotations "
            f"(.{database.annotator}) mark beats"
        )


def beats_of_records(database: Database, settings: BeatSettings) -> Beats:
    """The tables of `tables_of_records` as one, in memory."""
    return concatenate(list(tables_of_records(database, settings)))


def segment(record: Record, settings: BeatSettings) -> Windows:
    """The windows of one record, which has to have the settings' sampling rate."""
    cut = peak_windows if settings.segmentation == "peaks" else annotation_windows
    return cut(
        record, CLASS_MAPS[settings.classes], settings.window_samples, settings.normalization
    )


def beats_of_kaggle(root: Path) -> Beats:
    """Kaggle's `shayanfazeli/heartbeat` CSVs as beats: 187 samples at 125 Hz, no patients, the row as position.

    Raises:
        InputError: the files are missing or malformed.
    """
    signals, labels, files = read_kaggle(root)
    rows = np.concatenate(
        [np.arange(np.count_nonzero(files == name)) for name in dict.fromkeys(files.tolist())]
    )
    unknown = np.full(len(labels), np.nan, np.float32)
    return Beats(
        signals=signals[:, None, :],
        labels=labels,
        record_ids=files,
        patient_ids=np.full(len(labels), ""),
        samples=rows.astype(np.int64),
        symbols=np.array(CLASS_NAMES)[labels],
        rr_before_s=unknown,
        rr_after_s=unknown.copy(),
        fs_hz=FS_HZ,
    )


def concatenate(tables: Sequence[Beats]) -> Beats:
    """One table of several, which have to agree in sampling rate and window."""
    arrays = {name: np.concatenate([getattr(table, name) for table in tables]) for name in ARRAYS}
    return Beats(**arrays, fs_hz=tables[0].fs_hz)


def _table(
    original: Record,
    name: npt.NDArray[np.str_],
    patient: npt.NDArray[np.str_],
    settings: BeatSettings,
) -> Beats:
    record = resampled(original, settings.fs_hz)
    windows = segment(record, settings)
    count, before_s, after_s = len(windows.labels), windows.rr_before_s, windows.rr_after_s
    positions = np.rint(windows.samples * (original.fs_hz / record.fs_hz)).astype(np.int64)
    if (
        settings.segmentation != "peaks"
    ):  # the annotation's own place, free of the rounding to another rate
        positions = original.annotation_samples[
            CLASS_MAPS[settings.classes].labels(original.annotation_symbols) != NO_BEAT
        ]
        before_s, after_s = intervals_s(positions, original.fs_hz)
    return Beats(
        signals=windows.signals.astype(np.float32)[:, None, :],
        labels=windows.labels,
        record_ids=np.repeat(name, count),
        patient_ids=np.repeat(patient, count),
        samples=positions,
        symbols=windows.symbols.astype("<U1"),
        rr_before_s=before_s.astype(np.float32),
        rr_after_s=after_s.astype(np.float32),
        fs_hz=record.fs_hz,
    )
