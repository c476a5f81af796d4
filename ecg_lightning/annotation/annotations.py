"""The annotations of a recording: what was found, and how it is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.annotation.output.file_contents import csv_content, parquet_content, wfdb_content
from ecg_lightning.annotation.output.own_files import Kind, check_output, input_files
from ecg_lightning.arrays import Flags, Floats32, Integers, Names
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.strips import Strip, samples_between, strip_of
from ecg_lightning.signals.lead_quality import LeadQuality
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import expanded


@dataclass(frozen=True, eq=False)
class Annotations:
    """The beats of a recording, with their classes.

    Attributes:
        recording: The recording, for its name, its leads and its samples.
        lead: The index of the lead that was classified; positions are samples of this lead.
        detection_leads: The indices of the leads in which the beats were found; empty where their
            positions were stated.
        beats: The beats, and the stretches without usable signal.
        model: The name or the path of the classifier's weights.
        detector: The name or the path of the detector's weights, or the annotator of the positions.
        causal: Whether each beat was judged without what comes more than 5 s after it.
        notes: What a user has to know about the recording and the weights.
        lead_quality: How much of the classified lead carries no signal; None where it was not
            measured.
        unsure_below: A beat is unsure if its most probable class has a lower probability; None:
            this was not asked.

    Example:
        >>> annotations = annotate("mitdb/208")        # doctest: +SKIP
        >>> annotations.to_wfdb("208.ecl")             # doctest: +SKIP
    """

    recording: Recording
    lead: int
    detection_leads: tuple[int, ...]
    beats: FoundBeats = field(repr=False)
    model: str
    detector: str
    causal: bool = False
    notes: tuple[RecordNote, ...] = ()
    lead_quality: LeadQuality | None = None
    unsure_below: float | None = None

    def __len__(self) -> int:
        """The number of beats, B."""
        return len(self.beats)

    @property
    def fs_hz(self) -> float:
        """The sampling rate of the positions."""
        return self.recording.leads[self.lead].fs_hz

    @property
    def samples(self) -> Integers:
        """(B,) positions of the R peaks, in samples of the classified lead, ascending."""
        return self.beats.samples

    @property
    def classes(self) -> Names:
        """(B,) the class of each beat, one of `CLASS_NAMES`."""
        return np.array(CLASS_NAMES)[self.beats.labels]

    @property
    def probabilities(self) -> Floats32:
        """(B, 5) class probabilities, in the order of `CLASS_NAMES`."""
        return self.beats.probabilities

    @property
    def quality(self) -> Floats32:
        """(B,) the share of each beat's window that holds valid samples."""
        return self.beats.quality

    @property
    def unsure(self) -> Flags | None:
        """(B,) the beats that a person should look at; None where this was not asked.

        See `FoundBeats.unsure`.
        """
        return None if self.unsure_below is None else self.beats.unsure(self.unsure_below)

    def strip(
        self, start_s: float, duration_s: float = 10.0, leads: Sequence[int] | None = None
    ) -> Strip:
        """Read a strip of the recording with the beats that were found; see `strip_of`.

        `figures.strip_figure` draws it. Classes are the symbols of its annotations.

        Args:
            start_s: Start of the strip, in seconds from the start of the recording.
            duration_s: Length in seconds, 1 to 20.
            leads: The indices of the leads. Default: the lead that was classified.

        Raises:
            InputError: As `strip_of`.
        """
        shown = [self.lead] if leads is None else leads
        strip = strip_of(self.recording, start_s, duration_s, shown)
        inside = slice(*np.searchsorted(self.samples, samples_between(strip.limits_s, self.fs_hz)))
        times_s = self.samples[inside] / self.fs_hz
        return replace(strip, annotation_times_s=times_s, annotation_symbols=self.classes[inside])

    @property
    def inputs(self) -> list[Path]:
        """The files that were read, which nothing may replace."""
        return input_files(self.recording, "" if self.detection_leads else self.detector)

    def to_wfdb(self, path: str | Path) -> Path:
        """Write a WFDB annotation file such as `208.ecl`; return its path.

        Symbols are the classes. The text of a beat is the probability of its class, then a space
        and `unsure` if the beat is unsure. A stretch without usable signal begins at `~` with
        subtype 48 and ends at `~` with subtype 0. Positions are samples of the classified lead,
        whose rate is the file's time resolution.

        Raises:
            InputError: The file cannot be written, or is there and not one of this program.
        """
        lead = self.recording.leads[self.lead]
        content = wfdb_content(self.beats, lead.fs_hz, lead.samples, self.unsure)
        return self._write(path, "wfdb", content)

    def to_csv(self, path: str | Path) -> Path:
        """Write a CSV file with a row for each beat; return its path.

        Its columns are those of a run's predictions.csv without the true class, and besides
        `seconds`, the time of the R peak, and `p_beat`, the detector's probability of a beat.
        `unsure` follows, 0 or 1, where that was asked.

        Raises:
            InputError: As `to_wfdb`.
        """
        content = csv_content(self.beats, self.recording.name, self.fs_hz, self.unsure)
        return self._write(path, "csv", content)

    def to_parquet(self, path: str | Path) -> Path:
        """Write the table of `to_csv` as Parquet; return its path.

        Raises:
            InputError: As `to_wfdb`, or pyarrow is not installed.
        """
        content = parquet_content(self.beats, self.recording.name, self.fs_hz, self.unsure)
        return self._write(path, "parquet", content)

    def to_html(self, path: str | Path) -> Path:
        """Write a page that shows the recording at a glance; return its path.

        Raises:
            InputError: As `to_wfdb`.
        """
        from ecg_lightning.annotation.output.page_of import (
            page_of,  # jinja2 is loaded for a page only
        )

        return self._write(path, "html", page_of(self).encode(errors="backslashreplace"))

    def _write(self, path: str | Path, kind: Kind, content: bytes) -> Path:
        path = expanded(path)
        check_output(path, kind, self.inputs)
        write_output(path, content, setting="output")
        return path
