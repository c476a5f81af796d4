"""Annotations of beats that a text lists, one letter for each, on a lead with a wave at each."""

from datetime import datetime

import numpy as np

from ecg_lightning.annotation.annotations import Annotations
from tests.helpers.annotated import annotations_of, beats_of
from tests.helpers.recordings import recording_of

FS_HZ = 100.0


def annotations_of_text(
    text: str,
    rr_s: float = 0.8,
    unusable_s: tuple[tuple[float, float], ...] = (),
    name: str = "x1",
    start_time: datetime | None = None,
) -> Annotations:
    """Return annotations; the first beat is at `rr_s`, and a space is the time of a beat."""
    places = [place for place, letter in enumerate(text) if letter != " "]
    samples = np.round((np.array(places, np.float64) + 1) * rr_s * FS_HZ).astype(np.int64)
    signal = np.zeros(round((len(text) + 1) * rr_s * FS_HZ))
    signal[samples] = 1.0
    leads = [("II", "mV", FS_HZ, signal), ("V1", "mV", FS_HZ, -signal)]
    recording = recording_of(leads, name=name, start_time=start_time)
    unusable = np.round(np.array(unusable_s).reshape(-1, 2) * FS_HZ).astype(np.int64)
    return annotations_of(beats_of(samples, text.replace(" ", ""), unusable), recording)
