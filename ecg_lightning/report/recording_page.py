"""The page about one annotated recording: what was read, how good it is, and what was found.

The page fetches nothing and runs nothing, like the page of an evaluation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from ecg_lightning import __version__
from ecg_lightning.arrays import Floats, Integers
from ecg_lightning.classes import CLASS_MEANINGS, CLASS_NAMES
from ecg_lightning.report.event_strip import EventStrip, Piece, draw_pieces
from ecg_lightning.report.moments import Moments
from ecg_lightning.report.page import page_head
from ecg_lightning.report.rate_chart import Beats, overview
from ecg_lightning.report.rendering import render
from ecg_lightning.text import counted, duration, listed, percent

MOST_STRETCHES = 10
NO_BEAT_S = 10.0  # no pause is that long in a heart that beats
NONE = "\N{EN DASH}"
_NOT_MEASURED = "not measured"
_QUIET = {True: "quiet", False: "not quiet", None: NONE}
_HORIZONS = {False: "the whole recording", True: "the signal up to 5 s after it"}


class Run(NamedTuple):
    """Three beats of a class or more in a row.

    Attributes:
        n_beats: Their number.
        start_s: When the first of them is.
        seconds: From the first to the last.
        rate_bpm: Their mean rate.
    """

    n_beats: int
    start_s: float
    seconds: float
    rate_bpm: float


class Episodes(NamedTuple):
    """Episodes of bigeminy or trigeminy, and the beats of the class in them."""

    number: int
    n_beats: int


@dataclass(frozen=True)
class Ectopy:
    """The beats of one class (V or S) in groups.

    Attributes:
        n_beats: All beats of the class.
        single: Those without a neighbour of the class.
        couplets: Groups of exactly two.
        runs: Groups of three or more.
        longest: The longest run; None without runs.
        fastest: The run of the highest mean rate.
        bigeminy: One normal beat and one of the class, three times in a row or more.
        trigeminy: Two normal beats and one of the class, three times in a row or more.
    """

    n_beats: int
    single: int
    couplets: int
    runs: int
    longest: Run | None
    fastest: Run | None
    bigeminy: Episodes
    trigeminy: Episodes


class Pause(NamedTuple):
    """A long RR interval.

    Attributes:
        start_s: When it begins.
        rr_s: Its length.
        is_quiet: Whether the signal in it is much smaller than the beats; None: unknown.
    """

    start_s: float
    rr_s: float
    is_quiet: bool | None = None


@dataclass(frozen=True)
class SignalShares:
    """The shares of the classified lead's samples that are invalid, flat and clipped."""

    invalid: float
    flat: float
    clipped: float


@dataclass(frozen=True, eq=False)
class RecordingSummary:
    """What the page and the row of `summary.csv` say of a recording. B is its number of beats.

    Attributes:
        record: Its name.
        file: The name of its file.
        format: Such as `EDF+C`.
        leads: Its leads, in words.
        lead: The name of the lead that was classified.
        unit: The unit of that lead.
        detection_leads: The names of the leads in which beats were found; none where their
            positions were stated.
        fs_hz: The sampling rate of the classified lead.
        n_samples: Its length.
        start_time: When the recording began, where the file says so.
        model: The weights of the classifier.
        detector: The weights of the detector, or the annotator of the positions.
        causal: Whether each beat was judged without what comes more than 5 s after it.
        times_s: (B,) the beats, in seconds from the start.
        labels: (B,) indices into `CLASS_NAMES`.
        rr_s: (B,) the RR interval that ends at each beat; NaN where there is none.
        rates_bpm: (B,) the heart rate at each beat; NaN where there is none.
        rate_intervals: The number of RR intervals of a heart rate.
        mean_rate_bpm: 60 divided by the mean RR interval; NaN without intervals.
        unusable_s: (U, 2) the stretches without usable signal.
        n_partial: The beats of which the window holds invalid samples.
        shares: Of invalid, flat and clipped samples; None where they were not measured.
        ectopy: Class to its groups, for V and S.
        pause_limit_s: An RR interval above it is a pause.
        n_pauses: The number of pauses.
        pauses: The longest RR intervals, longest first, pauses or not.
        strips: The strips worth a look.
        notes: What a user has to know about the recording and the weights.
    """

    record: str
    file: str
    format: str
    leads: tuple[str, ...]
    lead: str
    unit: str
    detection_leads: tuple[str, ...]
    fs_hz: float
    n_samples: int
    start_time: datetime | None
    model: str
    detector: str
    causal: bool
    times_s: Floats = field(repr=False)
    labels: Integers = field(repr=False)
    rr_s: Floats = field(repr=False)
    rates_bpm: Floats = field(repr=False)
    rate_intervals: int
    mean_rate_bpm: float
    unusable_s: Floats = field(repr=False)
    n_partial: int
    shares: SignalShares | None
    ectopy: Mapping[str, Ectopy]
    pause_limit_s: float
    n_pauses: int
    pauses: tuple[Pause, ...]
    strips: tuple[EventStrip, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """The length of the recording."""
        return self.n_samples / self.fs_hz

    @property
    def unusable_share(self) -> float:
        """The share of the time without usable signal."""
        unusable_s = float((self.unusable_s[:, 1] - self.unusable_s[:, 0]).sum())
        return unusable_s / self.duration_s if self.n_samples else 0.0

    @property
    def counts(self) -> dict[str, int]:
        """The number of beats of each class."""
        counts = np.bincount(self.labels, minlength=len(CLASS_NAMES)).tolist()
        return dict(zip(CLASS_NAMES, counts, strict=True))

    @property
    def rate_limits_bpm(self) -> tuple[float, float]:
        """The lowest and the highest heart rate; NaN without any."""
        known = self.rates_bpm[np.isfinite(self.rates_bpm)]
        return (float(known.min()), float(known.max())) if len(known) else (math.nan, math.nan)

    def burden(self, name: str) -> float | None:
        """Return the share of the beats that are of a class; None without beats."""
        return self.counts[name] / len(self.labels) if len(self.labels) else None


class ClassRow(NamedTuple):
    """A row of the table of classes."""

    name: str
    meaning: str
    beats: str
    share: str


class Row(NamedTuple):
    """A row of a table: a heading and its cells."""

    heading: str
    cells: Sequence[str]


class DrawnStrip(NamedTuple):
    """A strip and its caption."""

    titles: Sequence[str]
    detail: str
    when: str
    pieces: Sequence[Piece]


def recording_page(summary: RecordingSummary) -> str:
    """Return the page about a recording as text."""
    moments = Moments(summary.start_time, summary.duration_s)
    beats = Beats(
        summary.times_s, summary.labels, summary.rr_s, summary.rates_bpm, summary.unusable_s
    )
    return render(
        "recording.j2",
        title=summary.record,
        program=f"ecg-lightning {__version__}",
        facts=list(_facts(summary)),
        tiles=list(_tiles(summary)),
        notes=_notes(summary),
        quality=list(_quality(summary)),
        stretches=_stretches(summary, moments),
        chart=overview(beats, moments),
        clock="time of day" if summary.start_time else "time from the start",
        is_voltage=summary.unit == "mV",
        unit=summary.unit,
        summary=summary,
        classes=list(_classes(summary)),
        groups=list(_groups(summary, moments)),
        pauses=[
            Row(moments.text(pause.start_s), [f"{pause.rr_s:.2f} s", _QUIET[pause.is_quiet]])
            for pause in summary.pauses
        ],
        strips=[_drawn(strip, summary, moments) for strip in summary.strips],
        **page_head("recording.css"),
    )


def _facts(summary: RecordingSummary) -> list[tuple[str, str]]:
    start = summary.start_time
    found_in = listed(summary.detection_leads)
    return [
        ("File", summary.file or "none"),
        ("Format", summary.format),
        ("Start", f"{start:%Y-%m-%d %H:%M:%S}" if start else "not stated"),
        ("Length", duration(summary.duration_s)),
        ("Leads", listed(summary.leads, 12)),
        ("Classified lead", f"{summary.lead}, {summary.fs_hz:g} Hz"),
        ("Positions of the beats", f"found in {found_in}" if found_in else "stated"),
        ("Detector" if found_in else "Annotator of the positions", summary.detector),
        ("Classifier", summary.model),
        ("Each beat judged from", _HORIZONS[summary.causal]),
    ]


class Tile(NamedTuple):
    """A number at the top of the page."""

    name: str
    number: str


def _tiles(summary: RecordingSummary) -> list[Tile]:
    low, high = summary.rate_limits_bpm
    limits = f"{low:.0f}\N{EN DASH}{high:.0f}" if math.isfinite(low) else NONE
    longest = summary.pauses[0].rr_s if summary.pauses else math.nan
    return [
        Tile("Beats", f"{len(summary.labels):,}"),
        Tile("Mean rate, bpm", _number(summary.mean_rate_bpm)),
        Tile("Rate range, bpm", limits),
        Tile("V beats, %", _percent(summary.burden("V"))),
        Tile("S beats, %", _percent(summary.burden("S"))),
        Tile("Longest RR, s", _number(longest, 2)),
        Tile("Unusable signal, %", _percent(summary.unusable_share)),
    ]


def _notes(summary: RecordingSummary) -> list[str]:
    """What a user has to know: that of the recording and the weights, and times without a beat."""
    long_s = summary.rr_s[summary.rr_s > NO_BEAT_S]
    if not len(long_s):
        return list(summary.notes)
    times = f"{counted(len(long_s), 'RR interval')} of more than {NO_BEAT_S:g} s"
    text = (
        f"{times} without an unusable stretch, {duration(float(long_s.sum()))} in all: beats may "
        "have been missed there (flutter, fibrillation, noise). They lower the mean rate."
    )
    return [*summary.notes, text]


def _quality(summary: RecordingSummary) -> list[Row]:
    shares = summary.shares
    measured = (shares.invalid, shares.flat, shares.clipped) if shares else (None, None, None)
    names = ("Invalid samples", "Flat samples", "Clipped samples")
    unusable = f"{_percent(summary.unusable_share)} %, {len(summary.unusable_s):,} in all"
    return [
        Row("Unusable time", [unusable if len(summary.unusable_s) else "none"]),
        *(
            Row(f"{name} of {summary.lead}", [_NOT_MEASURED if s is None else f"{percent(s)} %"])
            for name, s in zip(names, measured, strict=True)
        ),
        Row("Beats with invalid samples around them", [f"{summary.n_partial:,}"]),
    ]


def _stretches(summary: RecordingSummary, moments: Moments) -> dict[str, Any]:
    """The longest unusable stretches in the order of time."""
    lengths_s = summary.unusable_s[:, 1] - summary.unusable_s[:, 0]
    longest = np.sort(np.argsort(-lengths_s, kind="stable")[:MOST_STRETCHES])
    rows = [
        Row(moments.span(*summary.unusable_s[place]), [duration(float(lengths_s[place]))])
        for place in longest
    ]
    more = len(lengths_s) - len(rows)
    return {"rows": rows, "more": f"{more:,}" if more else ""}


def _classes(summary: RecordingSummary) -> list[ClassRow]:
    return [
        ClassRow(name, CLASS_MEANINGS[name], f"{count:,}", _percent(summary.burden(name)))
        for name, count in summary.counts.items()
    ]


def _groups(summary: RecordingSummary, moments: Moments) -> list[Row]:
    parts = [(name, summary.ectopy[name]) for name in "VS"]
    return [
        Row("Beats", [f"{part.n_beats:,}" for _, part in parts]),
        Row("Single beats", [f"{part.single:,}" for _, part in parts]),
        Row("Couplets", [f"{part.couplets:,}" for _, part in parts]),
        Row("Runs of three or more", [f"{part.runs:,}" for _, part in parts]),
        Row("Longest run", [_run_text(part.longest, moments) for _, part in parts]),
        Row("Fastest run", [_run_text(part.fastest, moments) for _, part in parts]),
        Row("Bigeminy", [_episodes_text(part.bigeminy, name) for name, part in parts]),
        Row("Trigeminy", [_episodes_text(part.trigeminy, name) for name, part in parts]),
    ]


def _run_text(run: Run | None, moments: Moments) -> str:
    if run is None:
        return NONE
    size = f"{run.n_beats:,} beats, {_number(run.rate_bpm)} bpm, {run.seconds:.1f} s"
    return f"{size}, at {moments.text(run.start_s)}"


def _episodes_text(episodes: Episodes, name: str) -> str:
    number, n_beats = episodes
    return f"{counted(number, 'episode')} with {n_beats:,} {name}" if number else NONE


def _drawn(strip: EventStrip, summary: RecordingSummary, moments: Moments) -> DrawnStrip:
    label = f"ECG of lead {summary.lead} at {moments.text(strip.start_s)}: {strip.titles[0]}"
    pieces = draw_pieces(strip, summary.unit, label)
    return DrawnStrip(strip.titles, strip.detail, moments.full_text(strip.start_s), pieces)


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else NONE


def _percent(share: float | None) -> str:
    return NONE if share is None else percent(share)
