"""The page that lists the recordings of a command, with a link to the page of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ecg_lightning import __version__
from ecg_lightning.report.page import page_head
from ecg_lightning.report.rendering import render
from ecg_lightning.report.summary_rows import DONE, SummaryRow, Value, checked_row
from ecg_lightning.text import counted, duration, percent

_NONE = "\N{EN DASH}"


class IndexRow(NamedTuple):
    """A recording that was annotated; `page` is a link that holds no character of HTML."""

    record: str
    page: str
    length: str
    unusable: str
    beats: str
    rate: str
    limits: str
    ventricular: str
    supraventricular: str
    unsure: str
    runs: str
    longest_rr: str


class Problem(NamedTuple):
    """A recording that was skipped, and why."""

    record: str
    text: str


def recordings_index(rows: Sequence[Mapping[str, Any]], title: str = "Recordings") -> str:
    """Return the page as text.

    Args:
        rows: As `summary_row` and `skipped_row` make them, in the order of the table.
        title: The heading.
    """
    checked = [checked_row(row) for row in rows]
    done = [row for row in checked if row["status"] == DONE]
    problems = [_problem(row) for row in checked if row["status"] != DONE]
    models = dict.fromkeys(f"{row['model']}; detector: {row['detector']}" for row in done)
    return render(
        "recordings.j2",
        title=title,
        program=f"ecg-lightning {__version__}",
        facts=_facts(done, problems),
        weights=list(models),
        rows=[_index_row(row) for row in done],
        has_unsure=any(row["n_unsure"] != "" for row in done),
        problems=problems,
        **page_head("recording.css"),
    )


def _facts(done: Sequence[SummaryRow], problems: Sequence[Problem]) -> list[tuple[str, str]]:
    beats = sum(int(row["n_beats"] or 0) for row in done)
    seconds = sum(float(row["duration_s"] or 0) for row in done)
    return [
        ("Annotated", counted(len(done), "recording")),
        ("Skipped", counted(len(problems), "recording")),
        ("Length together", duration(seconds)),
        ("Beats", f"{beats:,}"),
    ]


def _index_row(row: SummaryRow) -> IndexRow:
    page = str(row["page"])
    return IndexRow(
        record=str(row["record"]),
        page=link_to(page) if page else "",
        length=_NONE if row["duration_s"] == "" else duration(float(row["duration_s"])),
        unusable=_percent(row["unusable_share"]),
        beats=_number(row["n_beats"]),
        rate=_number(row["mean_rate_bpm"]),
        limits=_limits(row["min_rate_bpm"], row["max_rate_bpm"]),
        ventricular=_percent(row["V_share"]),
        supraventricular=_percent(row["S_share"]),
        unsure=_number(row["n_unsure"]),
        runs=f"{_number(row['V_runs'])} / {_number(row['S_runs'])}",
        longest_rr=_number(row["longest_rr_s"], 1),
    )


def link_to(path: str) -> str:
    """Return the address of a file, whatever its name is.

    Example:
        >>> link_to("a b/c:1?.html")
        './a%20b/c%3A1%3F.html'
    """
    return "./" + quote(path, errors="surrogateescape")


def _problem(row: SummaryRow) -> Problem:
    """A recording and its problem, whose line begins with the path."""
    name = str(row["file"] or row["record"])
    return Problem(name, str(row["problem"]).removeprefix(f"{name}: "))


def _number(value: Value, digits: int = 0) -> str:
    return _NONE if value == "" else f"{float(value):,.{digits}f}"


def _limits(low: Value, high: Value) -> str:
    return _NONE if "" in (low, high) else f"{_number(low)}\N{EN DASH}{_number(high)}"


def _percent(value: Value) -> str:
    return _NONE if value == "" else percent(float(value))
