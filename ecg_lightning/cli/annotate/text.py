"""What `annotate` prints: a block for one recording, a table for several, and what failed."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.summary import INDEX, SUMMARY
from ecg_lightning.cli.annotate.work import VERB, Job, Outcome
from ecg_lightning.cli.messages import error_line
from ecg_lightning.cli.text_table import Layout, table_lines, wrapped
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import MOST_SKIPPED, bounded
from ecg_lightning.report.summary_rows import DONE, SummaryRow, notes_of
from ecg_lightning.text import counted, duration, escaped, percent, printed_path

_WIDTH = 80  # where standard output is no terminal
_LABEL = 11  # cells of "recording" and the gap after it
_MOST_LINES, _OTHER_LINES = 50, 6  # of a table; of what comes above and below it
_LONGEST_NAME = 48
_DOT = " \N{MIDDLE DOT} "
_LAYOUT = Layout(
    ("recording", "lead", "length", "beats", *CLASS_NAMES, "unsure", "unusable", "notes"),
    right=("length", "beats", *CLASS_NAMES, "unsure", "unusable", "notes"),
    shortened={"recording": len("recording")},
    dropped=("lead", "notes", "length", "unusable", "Q", "F", "unsure"),
    cut_at_start=("recording",),
)


def block(row: SummaryRow, files: Sequence[Path], width: int | None) -> list[str]:
    """Return the lines about the only recording of a command.

    Args:
        row: What is known of it.
        files: What was written.
        width: The cells of the terminal; a path may be longer.
    """
    about = f"{row['format']}, lead {row['lead']} at {row['fs_hz']:g} Hz, {_length(row)}"
    values = [
        ("recording", about),
        ("beats", _beats(row)),
        *([] if row["mean_rate_bpm"] == "" else [("rate", _rate(row))]),
        ("burden", _burden(row)),
        *([] if row["n_unsure"] == "" else [("unsure", _unsure(row))]),
        ("unusable", _unusable(row)),
        *(("note", note) for note in notes_of(row)),
    ]
    lines = [printed_path(row["file"])]
    for label, value in values:
        first, *rest = wrapped(escaped(value, 2000), max(1, (width or _WIDTH) - _LABEL))
        lines += [f"{label:{_LABEL}}{first}", *(f"{'':{_LABEL}}{line}" for line in rest)]
    labels = ["written", *[""] * len(files)]
    written = zip(labels, map(printed_path, files), strict=False)
    return [*lines, *(f"{label:{_LABEL}}{file}" for label, file in written)]


def _length(row: SummaryRow) -> str:
    return duration(float(row["duration_s"]))


def _beats(row: SummaryRow) -> str:
    each = _DOT.join(f"{name} {row[f'n_{name}']:,}" for name in CLASS_NAMES)
    return f"{row['n_beats']:,}: {each}" if row["n_beats"] else "0"


def _rate(row: SummaryRow) -> str:
    """The heart rate: of a wrong sampling rate it is wrong too."""
    mean, low, high = (row[f"{name}_rate_bpm"] for name in ("mean", "min", "max"))
    limits = "" if "" in (low, high) else f" ({float(low):.0f} to {float(high):.0f})"
    return f"{float(mean):.0f} bpm{limits}"


def _burden(row: SummaryRow) -> str:
    """The shares of supraventricular and ventricular beats."""
    if not row["n_beats"]:
        return "unknown, as there are no beats"
    if row["S_share"] == "":
        return "unknown, as no beat has a signal in the classified lead"
    return _DOT.join(f"{name} {percent(float(row[f'{name}_share']))} %" for name in "SV")


def _unsure(row: SummaryRow) -> str:
    """How many beats a person should look at."""
    number, limit = int(row["n_unsure"]), 100 * float(row["unsure_below"])
    if not number:
        return f"no beat: each class has a probability of {limit:g} % or more"
    share = percent(number / int(row["n_beats"]))
    return f"{counted(number, 'beat')} to check ({share} %): class probability below {limit:g} %"


def _unusable(row: SummaryRow) -> str:
    share = float(row["unusable_share"] or 0)
    return f"{percent(share)} % of the time" if share else "nothing"


def table(rows: Sequence[SummaryRow], width: int | None) -> list[str]:
    """Return a line for each annotated recording, at most a screen of them."""
    done = [row for row in rows if row["status"] == DONE]
    if not done:
        return []
    most = min(_MOST_LINES, shutil.get_terminal_size((80, 30)).lines) - _OTHER_LINES
    shown = done if len(done) <= most else done[: max(1, most - 1)]
    head = {name: name for name in _LAYOUT.columns}
    has_unsure = any(row["n_unsure"] != "" for row in done)
    columns = [name for name in _LAYOUT.columns if name != "unsure" or has_unsure]
    lines = table_lines([head, *map(_row, shown)], replace(_LAYOUT, columns=columns), width)
    rest = len(done) - len(shown)
    return [*lines, f"and {counted(rest, 'more recording')}"] if rest else lines


def _row(row: SummaryRow) -> dict[str, str]:
    return {
        "recording": escaped(str(row["record"]), _LONGEST_NAME),
        "lead": escaped(str(row["lead"]), 12),
        "length": _length(row),
        "beats": f"{row['n_beats']:,}",
        **{name: f"{row[f'n_{name}']:,}" for name in CLASS_NAMES},
        "unsure": "" if row["n_unsure"] == "" else f"{row['n_unsure']:,}",
        "unusable": f"{percent(float(row['unusable_share'] or 0))} %",
        "notes": str(len(notes_of(row)) or ""),
    }


def totals(
    job: Job, mine: Sequence[Input], outcomes: Mapping[Input, Outcome], has_summary: bool
) -> list[str]:
    """Return the last lines: how many recordings are annotated, and where the summary is.

    Args:
        job: What was done.
        mine: The recordings that this command was to work on.
        outcomes: Those that it has worked on.
        has_summary: Whether the summary was written.
    """
    settings = job.settings
    n_failed = sum(end.problem is not None for end in outcomes.values())
    n_earlier = len(mine) - len(outcomes)
    shard = f"shard {settings.shard}: " if settings.shard else ""
    earlier = f" ({n_earlier:,} earlier)" if n_earlier else ""
    skipped = f", {n_failed:,} skipped" if n_failed else ""
    line = f"{len(mine) - n_failed:,} of {counted(len(mine), 'recording')} annotated"
    if has_summary:
        rest = [printed_path(settings.output / name) for name in (SUMMARY, INDEX)]
        if any(end.row is not None and notes_of(end.row) for end in outcomes.values()):
            rest.append(
                f"the notes are in the page of each recording, and in the column notes of {SUMMARY}"
            )
    else:
        rest = ["no summary yet, as recordings of other shards are not finished"]
    return [f"{shard}{line}{earlier}{skipped}", *rest]


def failure_lines(failed: Mapping[Input, InputError]) -> list[str]:
    """Return a line for each recording that is not annotated, at most a hundred."""
    lines = []
    for one, problem in failed.items():
        path, line = printed_path(one.path), error_line(problem, VERB)
        lines.append(line if line.startswith(path) else f"{path}: {line}")
    return bounded(lines, MOST_SKIPPED)


def progress_text(one: Input, n_ended: int, n_all: int) -> str:
    """Return what stands before a progress bar, or begins a line of a log."""
    name = escaped(one.name, 40)
    return name if n_all == 1 else f"{n_ended:,} of {n_all:,}, {name}"
