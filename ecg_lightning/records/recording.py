"""Recordings: what a file holds, read piece by piece, and one lead with its annotations."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ecg_lightning.arrays import Floats, Floats32, Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import WantedLead, index_of_lead
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.text import escaped

_PIECE = 1 << 18  # samples of each lead
TEXT_SYMBOL = '"'  # of an annotation that has only a text
# Marks of all waves of a mouse, whose heart beats ten times in a second, are fewer.
MOST_ANNOTATIONS_PER_SECOND = 50


@dataclass(frozen=True)
class Lead:
    """One lead of a recording.

    Attributes:
        name: Its name in the file; where it has none, `channel` and its index, as `channel 0`.
        unit: `mV` for every voltage, the word of the file for another unit, "" where it is unknown.
        fs_hz: Its sampling rate.
        samples: Its length in samples.
        start_s: How long after the first lead it begins, as in a DICOM file whose leads were
            recorded one after the other.
    """

    name: str
    unit: str
    fs_hz: float
    samples: int
    start_s: float = 0.0


@dataclass(frozen=True, eq=False)
class FileAnnotations:
    """The annotations that a recording comes with.

    Attributes:
        samples: (A,) int64 positions in the lead that would be used, ascending.
        symbols: (A,) `<U1`, PhysioNet's annotation codes; `"` for a mark that has only a text.
        texts: (A,) the text of each; "" where it has none.
        notes: What a user has to know about them, such as "2 annotations outside the signal are
            dropped".
        subtypes: (A,) int64, WFDB's subtype of each, such as which signals are noisy at a `~`.
            Default: 0, as for formats that have none.
    """

    samples: Integers
    symbols: Names
    texts: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    subtypes: Integers = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)

    def __post_init__(self) -> None:
        """Give each annotation the subtype 0 where no subtypes are stated."""
        if not len(self.subtypes):
            object.__setattr__(self, "subtypes", np.zeros(len(self.samples), np.int64))


class Samples(Protocol):
    """The samples of a recording. Each format has its own."""

    def read(self, start: int, stop: int, leads: Sequence[int]) -> Floats:
        """Read a piece of some leads of one sampling rate.

        Args:
            start: The first sample, 0 or more.
            stop: The sample after the last one, at most the length of the leads.
            leads: The indices of the leads, at least one.

        Returns:
            (leads, stop - start) float64 in the unit of each `Lead`; invalid samples are NaN.

        Raises:
            InputError: The file is shorter than it was, or damaged.
        """


@dataclass(frozen=True)
class ReadOptions:
    """What a user states about a recording.

    Attributes:
        lead: The lead to use, as `choose_lead` takes it; None: the first that looks like an ECG.
        fs_hz: The sampling rate of a file that has none.
        unit: The unit of a file that has none.
        column: The columns of a table that are leads: a name, a number from 1, or several of both
            separated by commas.
        annotator: The ending of the annotation file of a WFDB record.
    """

    lead: WantedLead | None = None
    fs_hz: float | None = None
    unit: str | None = None
    column: int | str | None = None
    annotator: str = "atr"


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording whose samples are read when they are asked for.

    Attributes:
        name: The name of the file without folder and ending, or of the WFDB record.
        format: Such as `WFDB`, `EDF+C` or `CSV`.
        leads: Its leads, in the order of the file.
        used: The index of the lead that would be used.
        source: Reads the samples.
        path: The file, or the WFDB header; None for an array.
        start_time: When it began, as the file says.
        notes: What a user has to know about it.
        find_annotations: Reads the annotations; None where there are none.
        is_tried: Whether this format was tried with a real file.

    Example:
        >>> recording = read_recording("mitdb/100")      # doctest: +SKIP
        >>> recording.read(0, 3600).shape                # doctest: +SKIP
        (1, 3600)
    """

    name: str
    format: str
    leads: tuple[Lead, ...]
    used: int
    source: Samples = field(repr=False)
    path: Path | None = None
    start_time: datetime | None = None
    notes: tuple[RecordNote, ...] = ()
    find_annotations: Callable[[], FileAnnotations | None] = field(default=lambda: None, repr=False)
    is_tried: bool = True

    @property
    def lead(self) -> Lead:
        """The lead that would be used."""
        return self.leads[self.used]

    @property
    def fs_hz(self) -> float:
        """The sampling rate of the lead that would be used."""
        return self.lead.fs_hz

    @property
    def samples(self) -> int:
        """The length of the lead that would be used."""
        return self.lead.samples

    @cached_property
    def annotations(self) -> FileAnnotations | None:
        """The annotations; None where there are none.

        Raises:
            InputError: The annotations are damaged.
        """
        return self.find_annotations()

    def read(
        self,
        start: int = 0,
        stop: int | None = None,
        leads: int | str | Sequence[int | str] | None = None,
    ) -> Floats32:
        """Read a piece of one lead, or of several of one sampling rate.

        Args:
            start: The first sample, counted at the rate of these leads.
            stop: The sample after the last one. Default: the end.
            leads: Indices or names. Default: the lead that would be used.

        Returns:
            (leads, stop - start) float32: voltages in mV, others in their own unit; invalid samples
            are NaN.

        Raises:
            InputError: There is no such lead, the leads have several rates, or several lengths and
                `stop` is not stated, the piece is not in the recording, or the file is damaged.
        """
        return self.read_exactly(start, stop, leads).astype(np.float32)

    def read_exactly(
        self,
        start: int = 0,
        stop: int | None = None,
        leads: int | str | Sequence[int | str] | None = None,
    ) -> Floats:
        """Read a piece as `read` does, in float64."""
        indices = self._indices(leads)
        first = self.leads[indices[0]]
        other = next((i for i in indices if self.leads[i].fs_hz != first.fs_hz), None)
        if other is not None:
            raise self._refused(
                "leads of one sampling rate",
                f"{first.name} at {first.fs_hz:g} Hz and {self.leads[other].name} at "
                f"{self.leads[other].fs_hz:g} Hz",
                "read them one at a time",
            )
        length = (
            self._length(indices) if stop is None else min(self.leads[i].samples for i in indices)
        )
        start, stop = self._whole(start), length if stop is None else self._whole(stop)
        if not 0 <= start <= stop <= length:
            expected = f"a piece within its {length:,} samples"
            raise self._refused(expected, f"{start:,} to {stop:,}", "choose another piece")
        return self.source.read(start, stop, indices)

    def pieces(
        self,
        leads: int | str | Sequence[int | str] | None = None,
        n_samples: int = _PIECE,
    ) -> Iterator[tuple[int, Floats32]]:
        """Read leads of one rate and length from start to end, piece by piece.

        Args:
            leads: As for `read`.
            n_samples: The samples of each lead in a piece.

        Yields:
            The first sample of the piece, and (leads, T) as `read` returns it.

        Raises:
            InputError: As `read`, or the leads have several lengths, or `n_samples` is below 1.
        """
        if self._whole(n_samples) < 1:
            raise self._refused("pieces of one or more samples", f"{n_samples}", "choose a number")
        length = self._length(self._indices(leads))
        for start in range(0, length, n_samples):
            yield start, self.read(start, min(start + n_samples, length), leads)

    def _length(self, indices: Sequence[int]) -> int:
        """The length of leads that all have the same."""
        first = self.leads[indices[0]]
        other = next((i for i in indices if self.leads[i].samples != first.samples), None)
        if other is not None:
            raise self._refused(
                "leads of one length",
                f"{first.name} with {first.samples:,} samples and {self.leads[other].name} "
                f"with {self.leads[other].samples:,}",
                "read them one at a time, or say where the piece ends",
            )
        return first.samples

    def _indices(self, leads: int | str | Sequence[int | str] | None) -> list[int]:
        if leads is None:
            return [self.used]
        wanted = leads if isinstance(leads, Iterable) and not isinstance(leads, str) else [leads]
        indices = [used_lead(self.name, self.leads, lead) for lead in wanted]
        if not indices:
            raise self._refused("one or more leads", "none", "name a lead")
        return indices

    def _whole(self, number: int) -> int:
        try:
            return operator.index(number)
        except TypeError:
            found = escaped(repr(number))
            raise self._refused("whole numbers of samples", found, "use int") from None

    def _refused(self, expected: str, found: str, hint: str) -> InputError:
        return InputError(f"recording {self.name}", expected=expected, found=found, hint=hint)


def leads_alike(leads: Sequence[Lead], indices: Iterable[int]) -> list[list[int]]:
    """Return the indices of leads in groups that can be read together.

    The leads of a group have one rate and length and begin at the same time.
    """
    groups: dict[tuple[float, int, float], list[int]] = {}
    for index in indices:
        lead = leads[index]
        groups.setdefault((lead.fs_hz, lead.samples, lead.start_s), []).append(index)
    return list(groups.values())


def used_lead(name: str, leads: Sequence[Lead], wanted: WantedLead | None) -> int:
    """Return the index of the lead that a user wants; default: the first that looks like an ECG.

    Args:
        name: Of the recording, for the message.
        leads: Its leads.
        wanted: As `choose_lead` takes it.

    Raises:
        InputError: The recording has no such lead.
    """
    names, units = [lead.name for lead in leads], [lead.unit for lead in leads]
    return index_of_lead(f"recording {name}", names, units, wanted)


@dataclass(frozen=True, eq=False)
class Record:
    """One lead of a record, and the annotations of the record.

    Args:
        name: The path of the record relative to the folder of its database, without an ending:
            `"100"` or `"sub/100"`.
        fs_hz: The sampling rate of `signal`.
        lead: The name of the lead in the header, such as `"MLII"`.
        signal: (T,) in mV, or in the unit of the header where that is no voltage; invalid samples
            are NaN.
        annotation_samples: (A,) positions in `signal`, ascending.
        annotation_symbols: (A,) `<U1`, PhysioNet's annotation codes.
        unit: The unit of `signal`: `mV` for every voltage, or the header's word for another unit.
        notes: What a user has to know about this record.
        second_signal: (T,) a further ECG lead, see `detection_leads`; None where the record has
            none, or none was asked for.
    """

    name: str
    fs_hz: float
    lead: str
    signal: Floats
    annotation_samples: Integers
    annotation_symbols: Names
    unit: str = "mV"
    notes: tuple[RecordNote, ...] = ()
    second_signal: Floats | None = None
