"""The beats that a recording's own annotations state, instead of those that a detector finds."""

from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.classes import CLASS_MAPS, NO_BEAT
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.text import counted, escaped


@dataclass(frozen=True, eq=False)
class StatedBeats:
    """The beats that annotations mark.

    Attributes:
        samples: (B,) int64 positions in the classified lead, ascending, each once.
        symbols: (B,) `<U1` the annotations' symbols.
        notes: What a user has to know about them.
    """

    samples: Integers
    symbols: Names
    notes: tuple[RecordNote, ...] = ()


def stated_beats(recording: Recording, classes: str, annotator: str) -> StatedBeats:
    """Return the beats of a recording's annotations.

    Args:
        recording: The recording, opened with this annotator.
        classes: The name of the class map that says which symbols are beats.
        annotator: For messages.

    Raises:
        InputError: The recording has no annotations, they are damaged, or none of them is a beat
            within the lead.
    """
    annotations = recording.annotations
    if annotations is None:
        raise _refused(recording, annotator, "none")
    is_beat = CLASS_MAPS[classes].labels(annotations.symbols) != NO_BEAT
    is_inside = (annotations.samples >= 0) & (annotations.samples < recording.samples)
    kept = is_beat & is_inside
    if not kept.any():
        found = f"none in {counted(len(annotations.samples), 'annotation')}"
        raise _refused(recording, annotator, found)
    samples, places = np.unique(annotations.samples[kept], return_index=True)
    repeated = int(kept.sum()) - len(samples)
    texts = [*annotations.notes, _repeated(repeated)] if repeated else annotations.notes
    return StatedBeats(
        samples.astype(np.int64),
        annotations.symbols[kept][places],
        tuple(RecordNote(recording.name, "dropped", text) for text in texts),
    )


def _repeated(count: int) -> str:
    verb = "is" if count == 1 else "are"
    return f"{counted(count, 'beat')} at the position of another one {verb} dropped"


def _refused(recording: Recording, annotator: str, found: str) -> InputError:
    return InputError(
        f"recording {recording.name}",
        expected=f"beats of the annotator {escaped(annotator, 40)}",
        found=found,
        hint="name another annotator, or none, so that beats are found",
        setting="beats",
    )
