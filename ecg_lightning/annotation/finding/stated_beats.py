"""The beats that a recording's own annotations state, instead of those that a detector finds."""

from dataclasses import dataclass

import numpy as np

from ecg_lightning.annotation.finding.beat_finder import Positions
from ecg_lightning.annotation.finding.signal_buffer import SignalBuffer
from ecg_lightning.annotation.finding.usable import DeadLeads
from ecg_lightning.arrays import Integers, Names
from ecg_lightning.classes import CLASS_MAPS, NO_BEAT
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.signals.annotated_beats import odd_texts, repeated_text
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
    samples = samples.astype(np.int64)
    dropped = [*annotations.notes, *([repeated_text(repeated)] if repeated else [])]
    notes = [RecordNote(recording.name, "dropped", text) for text in dropped]
    lead = (recording.samples, recording.fs_hz)
    texts = odd_texts(lambda a, b: recording.read_exactly(a, b)[0], *lead, samples)
    notes += [RecordNote(recording.name, "signal", text) for text in texts]
    return StatedBeats(samples, annotations.symbols[kept][places], tuple(notes))


class StatedFinder:
    """Gives stated positions in blocks, and says where the lead is unusable.

    Args:
        samples: (B,) int64 the positions, ascending.
        fs_hz: The sampling rate of the lead.
        block_s: The length of a block in seconds.
    """

    def __init__(self, samples: Integers, fs_hz: float, block_s: float) -> None:
        self._samples, self._dead = samples, DeadLeads(fs_hz)
        self._block, self._start = max(1, round(block_s * fs_hz)), 0

    @property
    def needed(self) -> int:
        """How many samples must have come for the next block."""
        return self._start + self._block + self._dead.margin

    @property
    def oldest(self) -> int:
        """The oldest sample that the next block reads; no later beat comes before it."""
        return self._start - self._dead.margin

    def is_done(self, length: int) -> bool:
        """Return whether a signal of `length` samples has no further block."""
        return self._start >= length

    def next(self, buffer: SignalBuffer, length: int | None = None) -> Positions:
        """Return the positions in the next block; see `BeatFinder.next`."""
        start, stop = self._start, self._start + self._block
        dead = self._dead.of_all(buffer.read(self.oldest, self.needed))
        stop = stop if length is None else min(stop, length)
        rows = slice(*np.searchsorted(self._samples, (start, stop)).tolist())
        samples, self._start = self._samples[rows], stop
        unusable = dead[self._dead.margin :][: stop - start]
        return Positions(samples, np.ones(len(samples), np.float32), unusable, start)


def _refused(recording: Recording, annotator: str, found: str) -> InputError:
    return InputError(
        f"recording {recording.name}",
        expected=f"beats of the annotator {escaped(annotator, 40)}",
        found=found,
        hint="name another annotator, or none, so that beats are found",
        setting="beats",
    )
