"""The beats table: arrays of one length, made of records or of Kaggle's CSVs."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ecg_lightning.arrays import AnyArray, Flags, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES, NO_BEAT
from ecg_lightning.data.context_windows import context_windows
from ecg_lightning.data.signal_notes import (
    annotation_notes,
    check_signal,
    gives_no_beats,
    judge_windows,
    peak_notes,
    signal_notes,
    with_each_beat_once,
)
from ecg_lightning.errors import InputError
from ecg_lightning.records.database_records import read_record_of
from ecg_lightning.records.databases import Database
from ecg_lightning.records.kaggle import FS_HZ, read_kaggle
from ecg_lightning.records.notes import RecordNote, note_lines
from ecg_lightning.records.recording import Record
from ecg_lightning.signals.resampling import resampled, resampled_validity, sample_step
from ecg_lightning.signals.segmentation import (
    Windows,
    annotation_windows,
    intervals_s,
    peak_windows,
)
from ecg_lightning.text import counted, escaped

Segmentation = Literal["peaks", "annotations", "windows", "context", "context-causal"]
Normalization = Literal["record", "window", "robust", "template"]
CONTEXT: tuple[Segmentation, ...] = ("context", "context-causal")  # beats of two leads, in sequence


@dataclass(frozen=True)
class Beats:
    """N beats; row i of every array is beat i.

    Attributes:
        signals: (N, C, T) float32.
        labels: (N,) int64 indices into `CLASS_NAMES`.
        record_ids: (N,) the record's name.
        patient_ids: (N,) the patient; "" where the source does not know.
        samples: (N,) int64, the beat's position in its record, in samples of the record.
        symbols: (N,) the annotation symbol.
        rr_before_s: (N,) float32, seconds since the beat before; NaN where there is none.
        rr_after_s: (N,) float32, seconds to the beat after; NaN where there is none.
        quality: (N,) float32, the share of the window that holds valid samples, 0.5 to 1; the
            padding at the end of a record holds none.
        fs_hz: Sampling rate of `signals`.
        notes: What a user has to know about the records.
        leads: The names of the leads in the records' headers, each once.
        recorded_fs_hz: The sampling rates of the records before resampling, each once.
        stretches: (N,) int64, the stretch of its record that the beat lies in, from 0; see
            `signals.context`. Default: 0.
    """

    signals: Floats32
    labels: Integers
    record_ids: Names
    patient_ids: Names
    samples: Integers
    symbols: Names
    rr_before_s: Floats32
    rr_after_s: Floats32
    quality: Floats32
    fs_hz: float
    notes: tuple[RecordNote, ...] = ()
    leads: tuple[str, ...] = ()
    recorded_fs_hz: tuple[float, ...] = ()
    stretches: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        """Put all beats of a record into one stretch where no stretches are stated."""
        if not len(self.stretches):
            object.__setattr__(self, "stretches", np.zeros(len(self.labels), np.int64))

    def __len__(self) -> int:
        """The number of beats, N."""
        return len(self.labels)

    def class_counts(self, rows: Integers | None = None) -> dict[str, int]:
        """Return the number of beats of each class, in some rows; default: in all."""
        labels = self.labels if rows is None else self.labels[rows]
        counts = np.bincount(labels, minlength=len(CLASS_NAMES)).tolist()
        return dict(zip(CLASS_NAMES, counts, strict=True))


OF_RECORDS = ("notes", "leads", "recorded_fs_hz")  # tuples, not arrays
ARRAYS = tuple(one.name for one in fields(Beats) if one.name not in ("fs_hz", *OF_RECORDS))


@dataclass(frozen=True)
class BeatSettings:
    """How records become beats.

    Attributes:
        segmentation: `peaks`, `annotations`, `windows`, `context` or `context-causal`.
        lead: Index or name of the lead, or a list of both; see `choose_lead`. None: the default of
            each record's source.
        fs_hz: Sampling rate of the beats; a record at another rate is resampled.
        window_samples: T.
        normalization: `record`, `window`, `robust`, or `template` for those of `CONTEXT`.
        classes: Name of the class map.
    """

    segmentation: Segmentation = "peaks"
    lead: int | str | None = 0
    fs_hz: float = 360.0
    window_samples: int = 256
    normalization: Normalization = "record"
    classes: str = "original"

    @property
    def in_context(self) -> bool:
        """Whether beats are of two leads, and are shown in sequences."""
        return self.segmentation in CONTEXT


def tables_of_records(
    database: Database,
    settings: BeatSettings,
    progress: Iterable[str] | None = None,
    skip: bool = False,
) -> Iterator[Beats]:
    """Read the records of a database in its order, and cut each into a table of beats.

    The arrays of all tables have the same types.

    Args:
        database: Where the records are.
        settings: How they are cut.
        progress: The names of the records, passed through a progress bar.
        skip: Whether a record that cannot be read becomes a note of the topic `skipped`.

    Raises:
        InputError: A record cannot be read or is shorter than a window, every record was skipped,
            or no record has a beat.
    """
    names = np.array(database.records)  # one type, wide enough for the longest name
    patients = np.array([database.patients[name] for name in database.records])
    n_beats, table = 0, None
    skipped, reasons = list[RecordNote](), list[RecordNote]()
    for row, record in enumerate(progress or database.records):
        try:
            original = read_record_of(database, record, settings.lead, settings.in_context)
            table = _table(original, names[row : row + 1], patients[row : row + 1], settings)
        except (InputError, OSError) as error:
            if not skip:
                raise
            skipped.append(_skipped(database, record, error))
            continue
        n_beats += len(table)
        reasons += [note for note in table.notes if gives_no_beats(note)]
        yield table
    if table is None:
        raise _all_skipped(database, skipped)
    if skipped:
        yield _rows(table, slice(0), skipped)
    if not n_beats:
        raise _no_beats(database, reasons)


def _no_beats(database: Database, reasons: Sequence[RecordNote]) -> InputError:
    if reasons:
        return InputError(
            str(database.root),
            expected="a beat with a signal in its window",
            found=f"none ({note_lines(reasons)[0]})",
            hint="choose another lead",
            setting="lead",
        )
    return InputError(
        str(database.root),
        expected="a beat in the records",
        found=f"none in {len(database.records)} records",
        hint=f"check that their annotations (.{database.annotator}) mark beats",
        setting="annotator",
    )


def _rows(table: Beats, rows: slice, notes: Iterable[RecordNote]) -> Beats:
    """Some rows of a table, with other notes."""
    return replace(
        table, **{name: getattr(table, name)[rows] for name in ARRAYS}, notes=tuple(notes)
    )


def _skipped(database: Database, record: str, error: Exception) -> RecordNote:
    """Why a record is not used, without the folder of the database and the record's own name."""
    name, line = escaped(record), str(error)
    member, inner = database.member_of(record)
    if isinstance(error, InputError):  # its hint is for the user who does not skip
        line = InputError(error.subject, expected=error.expected, found=error.found).line()
    for prefix in (
        f"{escaped(str(member.root.absolute()))}{os.sep}",
        f"{escaped(str(member.root))}{os.sep}",
        f"record {name}: ",
        f"{escaped(inner)}.hea: ",
    ):
        line = line.removeprefix(prefix)
    return RecordNote(name, "skipped", f"skipped, {line}")


def _all_skipped(database: Database, skipped: Sequence[RecordNote]) -> InputError:
    return InputError(
        str(database.root),
        expected="a record that can be read",
        found=f"none in {counted(len(skipped), 'record')} ({note_lines(skipped[:1])[0]})",
        hint="check the records, or choose another folder",
        setting="root",
    )


def beats_of_records(database: Database, settings: BeatSettings) -> Beats:
    """Return the tables of `tables_of_records` as one table in memory."""
    return concatenate(list(tables_of_records(database, settings)))


def segment(record: Record, settings: BeatSettings, valid: Flags | None = None) -> Windows:
    """Cut one record into windows; its sampling rate must be that of the settings.

    Args:
        record: The record.
        settings: How it is cut.
        valid: (T,) which samples are valid. Default: those that are not NaN.
    """
    cut = peak_windows if settings.segmentation == "peaks" else annotation_windows
    class_map = CLASS_MAPS[settings.classes]
    return cut(record, class_map, settings.window_samples, settings.normalization, valid)


def beats_of_kaggle(root: Path) -> Beats:
    """Read Kaggle's `shayanfazeli/heartbeat` CSVs as beats of 187 samples at 125 Hz.

    Patients are not known. The file is the record, and the row in it is the position.

    Raises:
        InputError: The files are missing or malformed.
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
        quality=np.ones(len(labels), np.float32),
        fs_hz=FS_HZ,
        recorded_fs_hz=(FS_HZ,),
    )


def concatenate(tables: Sequence[Beats]) -> Beats:
    """Return one table of several with the same sampling rate and window."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables]) for name in ARRAYS
    }
    records = FactsOfRecords()
    for table in tables:
        records.add(table)
    facts: dict[str, Any] = dict(records.tuples())
    return Beats(**arrays, fs_hz=tables[0].fs_hz, **facts)


class FactsOfRecords:
    """The values of `OF_RECORDS` of several tables, each different value once."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Any, None]] = {name: {} for name in OF_RECORDS}

    def add(self, table: Beats) -> None:
        """Add those of a table."""
        for name, seen in self._seen.items():
            seen.update(dict.fromkeys(getattr(table, name)))

    def tuples(self) -> dict[str, tuple[Any, ...]]:
        """Return them by name."""
        return {name: tuple(seen) for name, seen in self._seen.items()}


def _table(
    original: Record,
    name: Names,
    patient: Names,
    settings: BeatSettings,
) -> Beats:
    check_signal(original)
    if settings.segmentation != "peaks":  # whose labels are those of the original's rule
        original = with_each_beat_once(original, CLASS_MAPS[settings.classes])
    record = resampled(original, settings.fs_hz)
    windows, stretches = _windows(original, record, settings)
    before_s, after_s = windows.rr_before_s, windows.rr_after_s
    step = sample_step(original.fs_hz, record.fs_hz)
    positions = np.rint(windows.samples * step).astype(np.int64)
    if settings.segmentation != "peaks":  # the annotations' positions, without rounding to a rate
        labels = CLASS_MAPS[settings.classes].labels(original.annotation_symbols)
        positions = original.annotation_samples[labels != NO_BEAT]
        before_s, after_s = intervals_s(positions, original.fs_hz)
    size = len(record.signal), record.fs_hz, settings.window_samples
    quality, kept, dropped = judge_windows(
        original, windows.samples, *size, peaks=settings.segmentation == "peaks"
    )

    def rows(array: AnyArray) -> Any:
        return array if kept.all() else array[kept]

    count = np.count_nonzero(kept)
    odd = signal_notes(original, settings.normalization)
    if settings.segmentation == "peaks":
        odd += peak_notes(original, positions, CLASS_MAPS[settings.classes])
    else:
        odd += annotation_notes(original, positions)
    return Beats(
        signals=_with_channel(rows(windows.signals).astype(np.float32, copy=False)),
        labels=rows(windows.labels),
        record_ids=np.repeat(name, count),
        patient_ids=np.repeat(patient, count),
        samples=rows(positions),
        symbols=rows(windows.symbols).astype("<U1"),
        rr_before_s=rows(before_s).astype(np.float32),
        rr_after_s=rows(after_s).astype(np.float32),
        quality=rows(quality).astype(np.float32),
        fs_hz=record.fs_hz,
        notes=(*original.notes, *odd, *dropped),
        leads=(original.lead,),
        recorded_fs_hz=(original.fs_hz,),
        stretches=rows(stretches),
    )


def _windows(original: Record, record: Record, settings: BeatSettings) -> tuple[Windows, Integers]:
    """The beats of a record, and the stretch of each.

    Args:
        original: The record.
        record: The same at the sampling rate of the settings.
        settings: How it is cut.
    """
    if settings.in_context:
        causal = settings.segmentation == "context-causal"
        return context_windows(original, CLASS_MAPS[settings.classes], causal)
    windows = segment(record, settings, resampled_validity(original, record))
    return windows, np.zeros(len(windows.samples), np.int64)


def _with_channel(signals: Floats32) -> Floats32:
    """(N, T) -> (N, 1, T); beats that have rows already stay as they are."""
    return signals[:, None, :] if signals.ndim == 2 else signals
