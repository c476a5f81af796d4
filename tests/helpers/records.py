"""Small records, tables of beats and folders that the tests of the data path share."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wfdb

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.data.beats import Beats
from ecg_lightning.records.databases import Database
from ecg_lightning.records.recording import Record

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Annotations = Sequence[tuple[int, str]]


def record_of(
    signal: npt.ArrayLike, annotations: Annotations = (), fs_hz: float = 360.0, name: str = "r"
) -> Record:
    """Return a record in memory with annotations (sample, symbol)."""
    samples = np.array([sample for sample, _ in annotations], dtype=np.int64)
    symbols = np.array([symbol for _, symbol in annotations], dtype="<U1")
    return Record(name, fs_hz, "MLII", np.asarray(signal, dtype=np.float64), samples, symbols)


def bumps(
    centres_s: Sequence[float], seconds: float, fs_hz: float = 360.0, width_s: float = 0.02
) -> Floats:
    """Return Gaussian bumps. Each is lower than the one before, so no two peaks are equal."""
    time_s = np.arange(round(seconds * fs_hz)) / fs_hz
    heights = np.linspace(2.0, 1.0, len(centres_s))
    shapes = [
        h * np.exp(-0.5 * ((time_s - c) / width_s) ** 2)
        for h, c in zip(heights, centres_s, strict=True)
    ]
    return np.sum(shapes, axis=0) if shapes else np.zeros(len(time_s))


def write_record(folder: Path, record: Record, others: Sequence[tuple[str, Floats]] = ()) -> None:
    """Write a record as WFDB files, in format 16 with 1,000 units per mV.

    Args:
        folder: Is made if it is missing.
        record: Its signal is the first lead, in its unit; NaN becomes an invalid sample.
        others: Names and signals of more leads.
    """
    folder.mkdir(parents=True, exist_ok=True)
    leads, signals = zip((record.lead, record.signal), *others, strict=True)
    units = np.rint(np.stack(signals, axis=1) * 1000)
    digital = np.where(np.isnan(units), -32768, units).astype(np.int64)
    n_leads = len(leads)
    wfdb.wrsamp(
        record.name,
        record.fs_hz,
        [record.unit] + ["mV"] * len(others),
        list(leads),
        d_signal=digital,
        fmt=["16"] * n_leads,
        adc_gain=[1000.0] * n_leads,
        baseline=[0] * n_leads,
        write_dir=str(folder),
    )
    wfdb.wrann(
        record.name,
        "atr",
        record.annotation_samples,
        symbol=record.annotation_symbols.tolist(),
        write_dir=str(folder),
    )


def database_of(folder: Path, *records: Record) -> Database:
    """Write records into a folder and open it. Each record is another patient."""
    for record in records:
        write_record(folder, record)
    names = tuple(record.name for record in records)
    return Database("wfdb", folder, names, {name: f"patient-{name}" for name in names})


def ecg_like(name: str = "r", symbols: str = "NVNAN/NFN", fs_hz: float = 360.0) -> Record:
    """Return a record with one bump per symbol, 0.9 s apart, annotated at its top."""
    centres_s = [1.0 + 0.9 * beat for beat in range(len(symbols))]
    annotations = [
        (round(centre * fs_hz), symbol) for centre, symbol in zip(centres_s, symbols, strict=True)
    ]
    return record_of(bumps(centres_s, 1.0 + centres_s[-1], fs_hz), annotations, fs_hz, name)


def beats_of(labels: npt.ArrayLike, samples: int = 4, seed: int = 0) -> Beats:
    """Return a table with these labels; the rest is random or counted."""
    labels = np.asarray(labels, dtype=np.int64)
    random, count = np.random.default_rng(seed), len(labels)
    return Beats(
        signals=random.random((count, 1, samples), dtype=np.float32),
        labels=labels,
        record_ids=np.array([f"r{row % 3}" for row in range(count)]),
        patient_ids=np.array([f"p{row % 2}" for row in range(count)]),
        samples=np.arange(count, dtype=np.int64) * 300,
        symbols=np.array(["NAVF/"[label] for label in labels.tolist()], dtype="<U1"),
        rr_before_s=np.where(np.arange(count) == 0, np.nan, 0.8).astype(np.float32),
        rr_after_s=random.random(count, dtype=np.float32),
        quality=np.ones(count, np.float32),
        fs_hz=360.0,
    )


def write_kaggle(
    folder: Path, labels: Mapping[str, Sequence[int]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Write Kaggle's CSVs, file name to labels; return the signals (rows, 187) of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for number, (name, file_labels) in enumerate(labels.items()):
        signals = np.random.default_rng(number).integers(0, 1000, (len(file_labels), 187)) / 1000
        np.savetxt(
            folder / f"{name}.csv",
            np.column_stack([signals, file_labels]),
            fmt="%.3f",
            delimiter=",",
        )
        written[name] = signals.astype(np.float32)
    return written


def write_small_kaggle(folder: Path, train_rows: int) -> None:
    """Write Kaggle's CSVs: shuffled rows of each class for training, and one for testing."""
    train = np.random.default_rng(0).permutation(np.repeat(np.arange(5), train_rows)).tolist()
    write_kaggle(folder, {"mitbih_train": train, "mitbih_test": [0, 1, 2, 3, 4]})


def counted(labels: npt.ArrayLike) -> dict[str, int]:
    """Return class name to number of beats, counted one by one."""
    counts = dict.fromkeys(CLASS_NAMES, 0)
    for label in np.asarray(labels).tolist():
        counts[CLASS_NAMES[label]] += 1
    return counts


def make_no_file(path: Path, kind: str) -> None:
    """Put `a pipe`, `a folder` or `a device` where a regular file is expected."""
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
