"""Records as the beat detector is trained on them: leads at 120 Hz, and where the beats are."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

from ecg_lightning.arrays import Flags, Floats, Floats32, Integers
from ecg_lightning.classes import AAMI, CLASS_NAMES, NO_BEAT
from ecg_lightning.data.dechazal import DS1, DS2, PACED
from ecg_lightning.data.noises import NOISES, TRAINING_SHARE
from ecg_lightning.models.beat_detector import BeatDetector
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import FileAnnotations
from ecg_lightning.signals.beat_picker import BeatPicker
from ecg_lightning.signals.detection import (
    BAND_SAMPLES,
    FS_HZ,
    band_passed,
    lead_scale,
    window_maxima,
)

MATCH_S = 0.15
THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
# Where waves are, in seconds: the P wave and the T wave from the R peak and how wide, the QRS, and
# how far a QRS keeps other waves away.
P_S, T_S, QRS_S, NEAR_S = (-0.18, 0.04), (0.28, 0.07), 0.035, 0.08
# The patient of 201 (in DS1) and 202 (in DS2) trains neither of the crosswise detectors, and so do
# the paced records, which are judged by the mean of both.
CROSSWISE = {
    "ds1": tuple(sorted(set(DS1) - {"201"} - set(PACED))),
    "ds2": tuple(sorted(set(DS2) - {"202"} - set(PACED))),
}


@dataclass(frozen=True, eq=False)
class DetectorRecord:
    """A record at 120 Hz.

    Attributes:
        name: Its name.
        leads: (L, T) filtered and scaled; T is even.
        beats: (B,) the positions of the beats, ascending, fractions too.
        usual: (B,) which of them have a P wave before and a T wave after: those of class N and S.
        counted: (T,) which samples count: all but ventricular flutter.
    """

    name: str
    leads: Floats32
    beats: Floats
    usual: Flags
    counted: Flags


def read_detector_record(path: Path) -> DetectorRecord:
    """Read a record with its `atr` annotations and prepare it."""
    recording = read_recording(path)
    annotations = recording.annotations
    if annotations is None:
        raise SystemExit(f"{path}: expected annotations, found none; name a folder of records")
    signals = recording.read_exactly(leads=range(len(recording.leads)))
    leads = np.stack([prepared(lead, recording.fs_hz) for lead in signals])
    leads = leads[:, : leads.shape[1] // 2 * 2]
    factor = FS_HZ / recording.fs_hz
    labels = AAMI.labels(annotations.symbols)
    beats = annotations.samples[labels != NO_BEAT] * factor
    usual = np.isin(labels[labels != NO_BEAT], [CLASS_NAMES.index("N"), CLASS_NAMES.index("S")])
    counted = np.ones(leads.shape[1], np.bool_)
    for start, stop in flutter(annotations):
        counted[int(start * factor) : int(stop * factor) + 1] = False
    inside = beats < leads.shape[1]
    return DetectorRecord(recording.name, leads, beats[inside], usual[inside], counted)


def flutter(annotations: FileAnnotations) -> list[tuple[int, int]]:
    """Return the stretches between `[` and `]`."""
    starts = annotations.samples[annotations.symbols == "["]
    stops = annotations.samples[annotations.symbols == "]"]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def at_detector_rate(lead: Floats, fs_hz: float) -> Floats:
    """Return a lead (T,) resampled to 120 Hz and band-passed; invalid samples are its median."""
    filled = np.where(np.isnan(lead), np.nanmedian(lead), lead)
    ratio = Fraction(FS_HZ / fs_hz).limit_denominator(10_000)
    slow = resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line")
    return band_passed(np.pad(slow, BAND_SAMPLES, mode="edge"))


def prepared(lead: Floats, fs_hz: float) -> Floats32:
    """Return a lead (T,) in mV as the detector sees it."""
    filtered = at_detector_rate(lead, fs_hz)
    return (filtered / lead_scale(window_maxima(filtered))).astype(np.float32)


def read_noises(folder: Path) -> list[Floats32]:
    """Read the training part of each record of noise: (2, T) each, of an RMS of 1 unfiltered."""
    return [_noise(folder / name) for name in NOISES]


def _noise(path: Path) -> Floats32:
    recording = read_recording(path)
    stop = int(recording.samples * TRAINING_SHARE)
    signals = recording.read_exactly(0, stop, range(len(recording.leads)))
    leads = [at_detector_rate(lead, recording.fs_hz) / lead.std() for lead in signals]
    return np.stack(leads).astype(np.float32)


def read_all(folder: Path, names: Iterable[str]) -> list[DetectorRecord]:
    """Read records of a folder."""
    return [read_detector_record(folder / name) for name in names]


def targets(record: DetectorRecord, width_samples: float) -> Floats32:
    """Return (T,) what the detector is to say: 1 at a beat, falling as a Gaussian around it."""
    return _around(record.beats, width_samples, record.leads.shape[1])


def waves(record: DetectorRecord) -> Floats32:
    """Return (3, T) where P waves, QRS complexes and T waves are expected, from 0 to 1."""
    samples, usual = record.leads.shape[1], record.beats[record.usual]
    near = 1 - _around(record.beats, NEAR_S * FS_HZ, samples)
    p, t = (
        near * _around(usual + shift_s * FS_HZ, width_s * FS_HZ, samples)
        for shift_s, width_s in (P_S, T_S)
    )
    return np.stack([p, _around(record.beats, QRS_S * FS_HZ, samples), t])


def _around(centres: Floats, width: float, samples: int) -> Floats32:
    """(samples,) the largest of Gaussians of height 1 and a standard deviation around centres."""
    result, nearest = np.zeros(samples, np.float32), np.rint(centres).astype(np.int64)
    reach = math.ceil(4 * width)
    for shift in range(-reach, reach + 1):
        places = nearest + shift
        inside = (places >= 0) & (places < samples)
        heights = np.exp(-0.5 * ((places - centres) / width) ** 2)
        np.maximum.at(result, places[inside], heights[inside].astype(np.float32))
    return result


def paired(
    reference: Floats | Integers, test: Floats | Integers, window: float
) -> tuple[int, int, int]:
    """Return how many beats are paired one to one, missed and false; nearest pairs in order."""
    i = j = pairs = 0
    while i < len(reference) and j < len(test):
        distance = test[j] - reference[i]
        if abs(distance) > window:
            i, j = (i, j + 1) if distance < 0 else (i + 1, j)
            continue
        if j + 1 < len(test) and abs(test[j + 1] - reference[i]) < abs(distance):
            j += 1
            continue
        pairs, i, j = pairs + 1, i + 1, j + 1
    return pairs, len(reference) - pairs, len(test) - pairs


@torch.no_grad()
def probabilities(detectors: Sequence[BeatDetector], leads: Floats32) -> Floats32:
    """Return the mean probability (T,) of a beat that detectors see in leads (L, T)."""
    logits = torch.stack([detector(torch.from_numpy(leads)[None])[0] for detector in detectors])
    return torch.sigmoid(logits).mean(0).numpy()


def errors(record: DetectorRecord, chances: Floats32, threshold: float) -> tuple[int, int]:
    """Return how many beats of a record were missed, and how many were false."""
    picker = BeatPicker(threshold)
    picked = np.concatenate([picker.push(chances)[0], picker.finish()[0]])
    expected = record.beats[record.counted[record.beats.astype(np.int64)]]
    _, missed, false = paired(expected, picked[record.counted[picked]], MATCH_S * FS_HZ)
    return missed, false


def errors_by_threshold(
    detector: BeatDetector, records: Sequence[DetectorRecord], n_leads: int
) -> dict[float, tuple[int, int]]:
    """Return threshold to missed and false beats of the first leads of records."""
    result = dict.fromkeys(THRESHOLDS, (0, 0))
    for record in records:
        chances = probabilities([detector], record.leads[:n_leads])
        for threshold, (missed, false) in result.items():
            more = errors(record, chances, threshold)
            result[threshold] = (missed + more[0], false + more[1])
    return result
