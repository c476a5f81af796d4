"""The page about one annotated recording: what was read, how good it is, and what was found.

The page fetches nothing and runs nothing, like the page of an evaluation.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ecg_lightning import __version__
from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.report.event_strip import EventStrip, Piece, draw_pieces
from ecg_lightning.report.moments import Moments
from ecg_lightning.report.page import page_head
from ecg_lightning.report.rate_chart import Beats, overview
from ecg_lightning.report.recording_summary import Episodes, RecordingSummary, Run
from ecg_lightning.report.rendering import render
from ecg_lightning.text import counted, duration, listed, percent

MOST_STRETCHES = 10
NO_BEAT_S = 10.0  # no pause is that long in a heart that beats
NONE = "\N{EN DASH}"
_NOT_MEASURED = "not measured"
_QUIET = {True: "quiet", False: "not quiet", None: NONE}
_HORIZONS = {False: "the whole recording", True: "the signal up to 5 s after it"}


class ClassRow(NamedTuple):
    """A row of the table of classes."""

    name: str
    meaning: str
    beats: str
    share: str
    unsure: str


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
        clock=moments.clock,
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
        ("Start", f"{start:%Y-%m-%d %H:%M:%S %Z}".strip() if start else "not stated"),
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
        *([] if summary.n_unsure is None else [Tile("Unsure beats", f"{summary.n_unsure:,}")]),
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
    n_stretches = len(summary.unusable_s)
    unusable = f"{_percent(summary.unusable_share)} %" if n_stretches else "none"
    return [
        Row("Unusable time", [unusable]),
        Row("Unusable stretches", [f"{n_stretches:,}"]),
        *(
            Row(f"{name} of {summary.lead}", [_NOT_MEASURED if s is None else f"{percent(s)} %"])
            for name, s in zip(names, measured, strict=True)
        ),
        Row("Beats next to invalid samples, the start or the end", [f"{summary.n_partial:,}"]),
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
    unsure = summary.unsure_counts or {}
    return [
        ClassRow(
            name,
            CLASS_MEANINGS[name],
            f"{count:,}",
            _percent(count / len(summary.labels) if len(summary.labels) else None),
            f"{unsure[name]:,}" if name in unsure else "",
        )
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
