"""What `info` prints: a block for one recording, one line each for several."""

import re
from collections.abc import Sequence
from datetime import datetime

from ecg_lightning.cli.info.recording_facts import Facts, Unread
from ecg_lightning.cli.text_table import Layout, table_lines, wrapped
from ecg_lightning.records.recording import Lead, Recording
from ecg_lightning.signals.lead_quality import LeadQuality
from ecg_lightning.text import counted, duration, escaped, percent, printed_path

_LABEL = 13  # cells of "annotations" and the gap after it
_NOT_TRIED = "not tried"
_LINES = Layout(
    ("path", "format", "leads", "lead used", "rate", "length", "annotations", "remarks"),
    right=("leads", "rate", "length", "annotations"),
    shortened={"remarks": 12, "path": 12},
    dropped=("leads", "rate", "format", "annotations", "lead used", "remarks"),
    cut_at_start=("path",),
)
_SYMBOLS = {'"': "text"}  # marks that have only a text
_SHARES = ("invalid", "flat", "clipped")
_USED = ""  # the head of the column that marks the lead that would be used


def block(facts: Facts, width: int) -> list[str]:
    """Return the lines about one recording.

    Args:
        facts: What is known of it.
        width: The cells of the terminal; a path may be longer.
    """
    recording = facts.recording
    start = recording.start_time
    untried = "" if recording.is_tried else f" ({_NOT_TRIED} with a real file)"
    values = [
        ("format", f"{recording.format}{untried}"),
        ("start", _start(start) if start else "unknown"),
        ("length", _length(recording.lead)),
        ("lead used", escaped(recording.lead.name)),
        ("annotations", _annotations(facts)),
        *(("note", note) for note in facts.notes),
    ]
    lines = [printed_path(facts.path)]
    for label, value in values:
        first, *rest = wrapped(escaped(value, 2000), max(1, width - _LABEL))
        lines += [f"{label:{_LABEL}}{first}", *(f"{'':{_LABEL}}{line}" for line in rest)]
    return [*lines, "", *_leads(recording, facts.qualities, width)]


def _start(start: datetime) -> str:
    """A date and a time, with the fraction of a second where it is not zero."""
    return re.sub(r"(\.\d*?)0+(?=[+-]|$)", r"\1", start.isoformat(" "))


def _length(lead: Lead) -> str:
    samples = f"{counted(lead.samples, 'sample')} at {lead.fs_hz:g} Hz"
    return f"{duration(lead.samples / lead.fs_hz)} ({samples})"


def _annotations(facts: Facts) -> str:
    if facts.annotations_error:
        return f"error: {facts.annotations_error}"
    if facts.symbols is None:
        return "none"
    each = " \N{MIDDLE DOT} ".join(
        f"{_SYMBOLS.get(name, name)} {count:,}" for name, count in facts.symbols.items()
    )
    return f"{sum(facts.symbols.values()):,}{each and ': '}{each}"


def _leads(recording: Recording, qualities: Sequence[LeadQuality], width: int) -> list[str]:
    """The table of the leads. Rates and lengths are columns only where they differ."""
    unequal = len({(lead.fs_hz, lead.samples) for lead in recording.leads}) > 1
    layout = Layout(
        ("lead", "unit", *(("rate", "length") if unequal else ()), *_SHARES, _USED),
        right=("rate", "length", *_SHARES),
        shortened={"lead": 8},
        dropped=(_USED, "length", "unit", "rate"),
    )
    rows = [
        _lead_row(lead, quality) for lead, quality in zip(recording.leads, qualities, strict=True)
    ]
    rows[recording.used][_USED] = "used"
    return table_lines([{name: name for name in layout.columns}, *rows], layout, width)


def _lead_row(lead: Lead, quality: LeadQuality) -> dict[str, str]:
    counts = (quality.invalid, quality.flat, quality.clipped)
    shares = (f"{percent(quality.share(count))} %" for count in counts)
    return {
        "lead": escaped(lead.name),
        "unit": escaped(lead.unit, 12) or "unknown",
        "rate": f"{lead.fs_hz:g} Hz",
        "length": duration(lead.samples / lead.fs_hz),
        **dict(zip(_SHARES, shares, strict=True)),
        _USED: "",
    }


def lines(results: Sequence[Facts | Unread], width: int | None) -> list[str]:
    """Return one line for each recording, below a line with the names of the columns.

    Args:
        results: What is known of each.
        width: The cells of the terminal; None where lines may have any length. The line of an
            error may be longer.
    """
    rows = [_row(facts) for facts in results if isinstance(facts, Facts)]
    if not rows:
        return [_error(facts) for facts in results if isinstance(facts, Unread)]
    no_remarks = not any(row["remarks"] for row in rows)
    head = {name: name for name in _LINES.columns} | ({"remarks": ""} if no_remarks else {})
    first, *rest = table_lines([head, *rows], _LINES, width)
    table = iter(rest)
    told = (next(table) if isinstance(facts, Facts) else _error(facts) for facts in results)
    return [first, *told]


def _row(facts: Facts) -> dict[str, str]:
    lead, symbols = facts.recording.lead, facts.symbols
    annotations = "none" if symbols is None else f"{sum(symbols.values()):,}"
    return {
        "path": printed_path(facts.path),
        "format": facts.recording.format,
        "leads": str(len(facts.recording.leads)),
        "lead used": escaped(lead.name, 16),
        "rate": f"{lead.fs_hz:g} Hz",
        "length": duration(lead.samples / lead.fs_hz),
        "annotations": "error" if facts.annotations_error else annotations,
        "remarks": ", ".join(_remarks(facts)),
    }


def _remarks(facts: Facts) -> list[str]:
    quality = facts.quality
    counts = {"invalid": quality.invalid, "flat": quality.flat, "clipped": quality.clipped}
    return [
        *([_NOT_TRIED] * (not facts.recording.is_tried)),
        *(f"{_whole_percent(quality.share(n))} % {name}" for name, n in counts.items() if n),
        *([counted(len(facts.notes), "note")] * bool(facts.notes)),
    ]


def _whole_percent(share: float) -> str:
    """Short, as remarks have little room; only a whole lead is 100."""
    return "<1" if share < 0.005 else f"{min(round(100 * share), 99 if share < 1 else 100)}"


def _error(unread: Unread) -> str:
    path, line = printed_path(unread.path), unread.error
    for said in (f"{path}: ", f"{path}.hea: ", f"{path}, "):
        line = line.removeprefix(said)
    return f"{path}  error: {line}"
