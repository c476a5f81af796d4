"""The page of annotations: what `report` needs of them, as plain values."""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ecg_lightning.annotation.found_beats import FoundBeats, without_signal
from ecg_lightning.annotation.output.quiet import AROUND_S, is_quiet
from ecg_lightning.annotation.output.worth_a_look import (
    MOST_UNSURE,
    Place,
    events_of,
    places_of,
    unsure_events,
)
from ecg_lightning.arrays import Flags, Floats, Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.recording import Lead, Recording
from ecg_lightning.report.event_strip import STRIP_S, EventStrip
from ecg_lightning.report.recording_page import recording_page
from ecg_lightning.report.recording_summary import (
    Ectopy,
    Episodes,
    Pause,
    RecordingSummary,
    Run,
    SignalShares,
)
from ecg_lightning.signals.lead_quality import LeadQuality, lead_quality
from ecg_lightning.signals.quality import flat_samples, stretches
from ecg_lightning.signals.rhythm_events import PAUSE_S, Rhythm
from ecg_lightning.text import escaped

LONGEST_PAUSES = 5
_MOST_NOTE = 1000  # characters
_LONGEST_READ_S = 300.0  # of an RR interval


class Annotated(Protocol):
    """What a page needs of `Annotations`, which writes it."""

    @property
    def recording(self) -> Recording: ...  # noqa: D102
    @property
    def lead(self) -> int: ...  # noqa: D102
    @property
    def detection_leads(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def beats(self) -> FoundBeats: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def detector(self) -> str: ...  # noqa: D102
    @property
    def causal(self) -> bool: ...  # noqa: D102
    @property
    def notes(self) -> tuple[RecordNote, ...]: ...  # noqa: D102
    @property
    def lead_quality(self) -> LeadQuality | None: ...  # noqa: D102
    @property
    def unsure_below(self) -> float | None: ...  # noqa: D102
    @property
    def unsure(self) -> Flags | None: ...  # noqa: D102


def page_of(annotations: Annotated) -> str:
    """Return the page of annotations as text."""
    return recording_page(summary_of(annotations))


def summary_of(annotations: Annotated, with_signal: bool = True) -> RecordingSummary:
    """Return what the page and the row of `summary.csv` say of annotations.

    Args:
        annotations: The annotations and their recording.
        with_signal: Whether to read the signal: in pieces to measure its quality, and the strips.
            A row needs neither.

    Raises:
        InputError: The recording is damaged.
    """
    recording, lead = annotations.recording, annotations.recording.leads[annotations.lead]
    beats, rhythm = annotations.beats, rhythm_of(annotations)
    return RecordingSummary(
        record=escaped(recording.name),
        file=escaped(recording.path.name) if recording.path else "",
        format=recording.format,
        leads=tuple(map(_lead_text, recording.leads)),
        lead=escaped(lead.name),
        unit=escaped(lead.unit),
        detection_leads=tuple(
            escaped(recording.leads[i].name) for i in annotations.detection_leads
        ),
        fs_hz=lead.fs_hz,
        n_samples=lead.samples,
        start_time=recording.start_time,
        model=escaped(annotations.model),
        detector=escaped(annotations.detector),
        causal=annotations.causal,
        times_s=rhythm.times_s,
        labels=rhythm.labels,
        rr_s=rhythm.rr_s,
        rates_bpm=rhythm.rates_bpm,
        rate_intervals=rhythm.rate_intervals,
        mean_rate_bpm=rhythm.mean_rate_bpm,
        unusable_s=rhythm.unusable_s,
        unsure_below=annotations.unsure_below,
        unsure=annotations.unsure,
        n_partial=int(np.count_nonzero(beats.quality < 1)),
        n_unseen=int(np.count_nonzero(without_signal(beats.probabilities))),
        shares=_shares(recording, annotations.lead, annotations.lead_quality)
        if with_signal
        else None,
        ectopy={name: ectopy_of(rhythm, CLASS_NAMES.index(name)) for name in "VS"},
        pause_limit_s=PAUSE_S,
        n_pauses=len(rhythm.pauses()),
        pauses=tuple(_longest_rr(annotations, rhythm, with_signal)),
        strips=tuple(_strips(annotations, rhythm)) if with_signal else (),
        notes=tuple(dict.fromkeys(escaped(note.text, _MOST_NOTE) for note in annotations.notes)),
    )


def rhythm_of(annotations: Annotated) -> Rhythm:
    """Return the rhythm of annotations, in seconds."""
    fs_hz, beats = annotations.recording.leads[annotations.lead].fs_hz, annotations.beats
    return Rhythm(beats.samples / fs_hz, beats.labels, beats.unusable / fs_hz)


def ectopy_of(rhythm: Rhythm, label: int) -> Ectopy:
    """Return the beats of a class in groups."""
    groups = rhythm.groups(label)
    runs = [_run(rhythm, *limits) for limits in rhythm.runs(label).tolist()]
    return Ectopy(
        n_beats=int(np.count_nonzero(rhythm.labels == label)),
        single=int(np.count_nonzero(groups[:, 1] - groups[:, 0] == 1)),
        couplets=len(rhythm.couplets(label)),
        runs=len(runs),
        longest=max(runs, key=lambda run: run.n_beats, default=None),
        fastest=max(runs, key=lambda run: run.rate_bpm, default=None),
        bigeminy=_episodes(rhythm.episodes(label, 1), 2),
        trigeminy=_episodes(rhythm.episodes(label, 2), 3),
    )


def _run(rhythm: Rhythm, first: int, stop: int) -> Run:
    start_s, end_s = float(rhythm.times_s[first]), float(rhythm.times_s[stop - 1])
    return Run(stop - first, start_s, end_s - start_s, rhythm.rate_of(first, stop))


def _episodes(limits: Integers, length: int) -> Episodes:
    return Episodes(len(limits), int((limits[:, 1] - limits[:, 0]).sum()) // length)


def _longest_rr(annotations: Annotated, rhythm: Rhythm, with_signal: bool) -> Iterator[Pause]:
    order = np.argsort(np.where(rhythm.joined, -rhythm.rr_s, math.inf), kind="stable")
    for beat in order[: min(LONGEST_PAUSES, np.count_nonzero(rhythm.joined))].tolist():
        start_s, rr_s = float(rhythm.times_s[beat - 1]), float(rhythm.rr_s[beat])
        is_pause = with_signal and PAUSE_S < rr_s < _LONGEST_READ_S
        yield Pause(start_s, rr_s, _is_quiet(annotations, beat) if is_pause else None)


def _is_quiet(annotations: Annotated, beat: int) -> bool | None:
    """Whether the signal before a beat is quiet; None where the recording has not all of it."""
    lead = annotations.recording.leads[annotations.lead]
    around = round(AROUND_S * lead.fs_hz)
    first, last = annotations.beats.samples[beat - 1 : beat + 1].tolist()
    start, stop = first - around, last + around
    if start < 0 or stop > lead.samples:
        return None
    return is_quiet(annotations.recording.read(start, stop, [annotations.lead])[0], lead.fs_hz)


def _shares(recording: Recording, lead: int, known: LeadQuality | None) -> SignalShares:
    quality = known or lead_quality(recording, lead)
    return SignalShares(*map(quality.share, (quality.invalid, quality.flat, quality.clipped)))


def _lead_text(lead: Lead) -> str:
    unit = f", {escaped(lead.unit)}" if lead.unit else ""
    return f"{escaped(lead.name)} ({lead.fs_hz:g} Hz{unit})"


def _strips(annotations: Annotated, rhythm: Rhythm) -> Iterator[EventStrip]:
    recording, beats = annotations.recording, annotations.beats
    lead = recording.leads[annotations.lead]
    length_s, unsure = lead.samples / lead.fs_hz, annotations.unsure
    first: list[Place] = []
    if unsure is not None:
        doubts = unsure_events(rhythm, beats.probabilities, unsure)
        first = places_of(doubts, length_s, STRIP_S, most=MOST_UNSURE)
    events = events_of(rhythm, beats.probabilities, beats.p_beat, with_least_certain=not first)
    for place in places_of(events, length_s, STRIP_S, first):
        yield _strip(recording, annotations.lead, rhythm, place, unsure)


def _strip(
    recording: Recording, lead: int, rhythm: Rhythm, place: Place, unsure: Flags | None
) -> EventStrip:
    fs_hz, n_samples = recording.leads[lead].fs_hz, recording.leads[lead].samples
    start = round(place.start_s * fs_hz)
    stop = min(n_samples, start + math.ceil(STRIP_S * fs_hz) + 1)
    limits_s = start / fs_hz, stop / fs_hz
    first, last = np.searchsorted(rhythm.times_s, limits_s).tolist()
    main = place.events[0]
    signal = recording.read(start, stop, [lead])[0]
    return EventStrip(
        titles=tuple(dict.fromkeys(event.title for event in place.events)),
        detail=main.detail,
        mark=main.mark,
        start_s=limits_s[0],
        event_s=(main.start_s, main.end_s),
        fs_hz=fs_hz,
        signal=signal,
        beat_times_s=rhythm.times_s[first:last].tolist(),
        beat_names=[CLASS_NAMES[label] for label in rhythm.labels[first:last].tolist()],
        without_signal_s=tuple(_without_signal_s(signal, fs_hz, limits_s, rhythm)),
        beat_unsure=[] if unsure is None else unsure[first:last].tolist(),
    )


def _without_signal_s(
    signal: Floats, fs_hz: float, limits_s: tuple[float, float], rhythm: Rhythm
) -> Iterator[tuple[float, float]]:
    """Start and end of each stretch of a strip that is flat, or unusable."""
    for start, stop in zip(*stretches(flat_samples(signal, fs_hz)), strict=True):
        yield limits_s[0] + int(start) / fs_hz, limits_s[0] + int(stop) / fs_hz
    for start_s, end_s in rhythm.unusable_s.tolist():
        if start_s < limits_s[1] and end_s > limits_s[0]:
            yield start_s, end_s
