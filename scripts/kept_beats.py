"""Cases that detectors are compared on, and the beats that were found in them, kept as files."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from noisy_records import second_half, with_noise

import ecg_lightning as ecg
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.records.recording import FileAnnotations


@dataclass(frozen=True)
class Case:
    """A record, with noise or without.

    Attributes:
        folder: The folder of the database.
        record: The name of the record.
        noise: The name of a noise; "" for none.
        snr_db: The signal-to-noise ratio.
    """

    folder: Path
    record: str
    noise: str = ""
    snr_db: int = 0

    @property
    def condition(self) -> str:
        """The name of the folder of its beats, such as `mitdb` or `mitdb-em-6`."""
        return self.folder.name + (f"-{self.noise}-{self.snr_db}" if self.noise else "")


@dataclass(frozen=True, eq=False)
class Signals:
    """The signal of a record and its reference.

    Attributes:
        leads: (leads, T) float64 in mV.
        fs_hz: The sampling rate.
        reference: The annotations that are right.
    """

    leads: Floats
    fs_hz: float
    reference: FileAnnotations


@dataclass(frozen=True, eq=False)
class Beats:
    """Beats that a detector found.

    Attributes:
        samples: (N,) positions.
        cpu_s: The time of the processor.
        hours: The length of the record.
    """

    samples: Integers
    cpu_s: float
    hours: float


@cache
def _noise(folder: Path, name: str) -> Floats:
    return second_half(folder, name)


def read_case(case: Case, noise_folder: Path | None) -> Signals:
    """Read the leads and the reference of a record, and add its noise."""
    recording = ecg.read_recording(case.folder / case.record)
    leads = recording.read_exactly(leads=[*range(len(recording.leads))])
    reference = recording.annotations
    assert reference is not None, f"{case.record} has no annotations"
    if case.noise:
        assert noise_folder is not None
        noise = _noise(noise_folder, case.noise)
        marks = (reference.samples, reference.symbols)
        leads = with_noise(leads, *marks, noise, recording.fs_hz, case.snr_db)
    return Signals(leads, recording.fs_hz, reference)


def timed(find: Callable[[], Integers], signals: Signals) -> Beats:
    """Call a detector and take the time of the processor."""
    started = time.process_time()
    samples = find()
    cpu_s = time.process_time() - started
    return Beats(samples, cpu_s, signals.leads.shape[1] / signals.fs_hz / 3600)


def kept(path: Path, make: Callable[[], Beats]) -> Beats:
    """Return the beats of a file; make them and write the file if it is missing."""
    if path.is_file():
        with np.load(path) as file:
            return Beats(file["samples"], float(file["cpu_s"]), float(file["hours"]))
    beats = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:
        np.savez(file, samples=beats.samples, cpu_s=beats.cpu_s, hours=beats.hours)
    os.replace(part, path)
    return beats
