"""What a command says of an annotated recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.classes import CLASS_NAMES


@dataclass(frozen=True)
class Facts:
    """What is known of an annotated recording, without its samples.

    Attributes:
        path: The path as it was named.
        format: Such as `EDF`.
        lead: The name of the classified lead.
        fs_hz: Its sampling rate.
        length_s: Its length.
        unusable_s: The length of the stretches without usable signal.
        counts: How many beats each class has.
        notes: What a user has to know.
        row: What the summary says of the recording.
    """

    path: str
    format: str
    lead: str
    fs_hz: float
    length_s: float
    unusable_s: float
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    row: Mapping[str, Any]

    @property
    def n_beats(self) -> int:
        """The number of beats."""
        return sum(self.counts.values())


def facts_of(annotations: Annotations, path: str) -> Facts:
    """Return what a command says of annotations.

    Args:
        annotations: Those of one recording.
        path: The path as it was named.
    """
    lead, beats = annotations.recording.leads[annotations.lead], annotations.beats
    counts = np.bincount(beats.labels, minlength=len(CLASS_NAMES)).tolist()
    unusable = int(np.diff(beats.unusable, axis=1).sum())
    notes = dict.fromkeys(note.text for note in annotations.notes)
    return Facts(
        path,
        annotations.recording.format,
        lead.name,
        lead.fs_hz,
        lead.samples / lead.fs_hz,
        unusable / lead.fs_hz,
        dict(zip(CLASS_NAMES, counts, strict=True)),
        tuple(notes),
        {},
    )
