"""Annotations as the annotator returns them, made by hand."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import Recording


def beats_of(
    samples: npt.ArrayLike,
    classes: str,
    unusable: npt.ArrayLike = (),
    symbols: str = "",
) -> FoundBeats:
    """Return beats with these classes; probabilities from 0.5 to 1 differ from beat to beat."""
    n_beats, random = len(classes), np.random.default_rng(0)
    labels = np.array([CLASS_NAMES.index(name) for name in classes], np.int64)
    probabilities = random.random((n_beats, 5)) / 8
    probabilities[np.arange(n_beats), labels] = 0
    probabilities[np.arange(n_beats), labels] = 1 - probabilities.sum(1)
    return FoundBeats(
        np.array(samples, np.int64),
        random.random(n_beats).astype(np.float32),
        probabilities.astype(np.float32),
        random.random(n_beats).astype(np.float32),
        np.array(unusable, np.int64).reshape(-1, 2),
        np.array(list(symbols), "<U1"),
    )


def annotations_of(
    beats: FoundBeats, recording: Recording | None = None, lead: int = 0
) -> Annotations:
    """Return the annotations of a recording; default: 40 s at 250 Hz in an array."""
    recording = recording or read_recording(np.zeros(10_000), fs_hz=250)
    return Annotations(recording, lead, (lead,), beats, "DeepConv1d", "BeatDetector")


def write_two_rates(folder: Path) -> None:
    """Write the record `r` of 10 s with V1 at 125 Hz and II at 500 Hz: four samples a frame."""
    wave = np.round(100 * np.sin(np.arange(5000) / 20)).astype("<i2")
    frames = np.concatenate([wave[::4, None], wave.reshape(-1, 4)], axis=1)
    (folder / "r.dat").write_bytes(frames.astype("<i2").tobytes())
    lines = ["r 2 125 1250"]
    for name, form, signal in (("V1", "16", wave[::4]), ("II", "16x4", wave)):
        checksum = int(signal.astype(np.int64).sum().astype(np.int16))
        lines.append(f"r.dat {form} 200/mV 16 0 {signal[0]} {checksum} 0 {name}")
    (folder / "r.hea").write_text("\n".join(lines) + "\n")
