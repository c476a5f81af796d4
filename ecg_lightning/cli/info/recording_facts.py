"""What `info` tells about a recording, as Python values and as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecg_lightning.cli.messages import error_line
from ecg_lightning.errors import InputError
from ecg_lightning.records.formats import read_recording
from ecg_lightning.records.recording import FileAnnotations, Lead, Recording
from ecg_lightning.signals.lead_quality import LeadQuality, Progress, lead_qualities
from ecg_lightning.text import counted

VERB = "info"


@dataclass(frozen=True)
class Facts:
    """What a recording holds.

    Attributes:
        path: The path as it was named.
        recording: The recording.
        qualities: The quality of each lead.
        symbols: How many annotations each symbol has, the most frequent first; None where there
            are no annotations.
        notes: What a user has to know.
        annotations_error: Why the annotations cannot be read; "" where they can.
    """

    path: str
    recording: Recording
    qualities: tuple[LeadQuality, ...]
    symbols: dict[str, int] | None
    notes: tuple[str, ...]
    annotations_error: str = ""

    @property
    def quality(self) -> LeadQuality:
        """The quality of the lead that would be used."""
        return self.qualities[self.recording.used]


@dataclass(frozen=True)
class Unread:
    """A recording that cannot be read.

    Attributes:
        path: The path as it was named.
        cause: Why.
    """

    path: str
    cause: InputError

    @property
    def error(self) -> str:
        """Why, in one line."""
        return error_line(self.cause, VERB)


def read_facts(
    path: str, options: dict[str, Any], progress: Progress = lambda _share: None
) -> Facts:
    """Read a recording from start to end.

    Args:
        path: As `read_recording` takes it.
        options: More arguments of `read_recording`.
        progress: As `lead_qualities` takes it.

    Raises:
        InputError: It cannot be read.
    """
    recording = read_recording(path, **options)
    qualities = lead_qualities(recording, progress)
    annotations, error = _annotations(recording)
    notes = dict.fromkeys(note.text for note in recording.notes)
    notes |= dict.fromkeys(annotations.notes if annotations else ())
    return Facts(path, recording, qualities, _counted(annotations), tuple(notes), error)


def _annotations(recording: Recording) -> tuple[FileAnnotations | None, str]:
    try:
        return recording.annotations, ""
    except InputError as error:
        return None, error_line(error, VERB)


def _counted(annotations: FileAnnotations | None) -> dict[str, int] | None:
    if annotations is None:
        return None
    return dict(Counter(annotations.symbols.tolist()).most_common())


def as_json(facts: Facts | Unread) -> dict[str, Any]:
    """Return what is known of a recording for programs.

    Returns:
        `path` and `error` of a recording that cannot be read. Of others `path`, `name`, `format`,
        `tried`, `start_time` (ISO 8601 or null), `lead_used` (an index), `notes`, `leads` and
        `annotations`: null where there are none, else `count` and `by_symbol`, or `error`. A lead
        has `name`, `unit` ("" where it is unknown), `fs_hz`, `samples`, `length_s`,
        `invalid_share`, `flat_share` and `clipped_share`, from 0 to 1.
    """
    if isinstance(facts, Unread):
        return {"path": facts.path, "error": facts.error}
    recording = facts.recording
    start = recording.start_time
    return {
        "path": facts.path,
        "name": recording.name,
        "format": recording.format,
        "tried": recording.is_tried,
        "start_time": start and start.isoformat(),
        "lead_used": recording.used,
        "leads": [
            _lead_json(lead, quality)
            for lead, quality in zip(recording.leads, facts.qualities, strict=True)
        ],
        "annotations": _annotations_json(facts),
        "notes": list(facts.notes),
    }


def _lead_json(lead: Lead, quality: LeadQuality) -> dict[str, Any]:
    return {
        "name": lead.name,
        "unit": lead.unit,
        "fs_hz": lead.fs_hz,
        "samples": lead.samples,
        "length_s": lead.samples / lead.fs_hz,
        "invalid_share": quality.share(quality.invalid),
        "flat_share": quality.share(quality.flat),
        "clipped_share": quality.share(quality.clipped),
    }


def _annotations_json(facts: Facts) -> dict[str, Any] | None:
    if facts.annotations_error:
        return {"error": facts.annotations_error}
    if facts.symbols is None:
        return None
    return {"count": sum(facts.symbols.values()), "by_symbol": facts.symbols}


def problem_line(results: Sequence[Facts | Unread]) -> str:
    """Return how many recordings, and annotations of recordings, cannot be read; "" for none."""
    unread = sum(isinstance(facts, Unread) for facts in results)
    damaged = sum(isinstance(facts, Facts) and bool(facts.annotations_error) for facts in results)
    parts = (
        (unread, f"{unread:,} of {counted(len(results), 'recording')}"),
        (damaged, f"the annotations of {damaged:,} of {counted(len(results), 'recording')}"),
    )
    named = " and ".join(text for count, text in parts if count)
    return f"{named} could not be read" if named else ""
