"""What `annotate` prints: a block for one recording, a table for several, and what failed."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecg_lightning.annotation.facts import Facts
from ecg_lightning.annotation.inputs import Input
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.cli.annotate_arguments import Settings
from ecg_lightning.cli.annotate_summary import SUMMARY_FILES
from ecg_lightning.cli.annotate_work import VERB, Outcome
from ecg_lightning.cli.messages import error_line
from ecg_lightning.cli.text_table import Layout, table_lines, wrapped
from ecg_lightning.errors import InputError
from ecg_lightning.records.notes import MOST_SKIPPED, bounded
from ecg_lightning.text import counted, duration, escaped, percent, printed_path

_WIDTH = 80  # where standard output is no terminal
_LABEL = 11  # cells of "recording" and the gap after it
_MOST_LINES, _OTHER_LINES = 50, 6  # of a table; of what comes above and below it
_DOT = " \N{MIDDLE DOT} "
_LAYOUT = Layout(
    ("recording", "lead", "length", "beats", *CLASS_NAMES, "unusable", "notes"),
    right=("length", "beats", *CLASS_NAMES, "unusable", "notes"),
    shortened={"recording": 8},
    dropped=("lead", "notes", "length", "unusable", "Q", "F"),
    cut_at_start=("recording",),
)


def block(facts: Facts, files: Sequence[Path], width: int | None) -> list[str]:
    """Return the lines about the only recording of a command.

    Args:
        facts: What is known of it.
        files: What was written.
        width: The cells of the terminal; a path may be longer.
    """
    length = duration(facts.length_s)
    values = [
        ("recording", f"{facts.format}, lead {facts.lead} at {facts.fs_hz:g} Hz, {length}"),
        ("beats", _beats(facts)),
        ("burden", _burden(facts)),
        ("unusable", _unusable(facts)),
        *(("note", note) for note in facts.notes),
    ]
    lines = [printed_path(facts.path)]
    for label, value in values:
        first, *rest = wrapped(escaped(value, 2000), (width or _WIDTH) - _LABEL)
        lines += [f"{label:{_LABEL}}{first}", *(f"{'':{_LABEL}}{line}" for line in rest)]
    labels = ("written", *("" for _ in files))
    return [
        *lines,
        *(
            f"{label:{_LABEL}}{printed_path(file)}"
            for label, file in zip(labels, files, strict=False)
        ),
    ]


def _beats(facts: Facts) -> str:
    each = _DOT.join(f"{name} {count:,}" for name, count in facts.counts.items())
    return f"{facts.n_beats:,}: {each}" if facts.n_beats else "0"


def _burden(facts: Facts) -> str:
    """The shares of supraventricular and ventricular beats."""
    if not facts.n_beats:
        return "unknown, as there are no beats"
    return _DOT.join(
        f"{name} {percent(facts.counts[name] / facts.n_beats)} %" for name in ("S", "V")
    )


def _unusable(facts: Facts) -> str:
    if not facts.unusable_s:
        return "none"
    return f"{duration(facts.unusable_s)} ({percent(facts.unusable_s / facts.length_s)} %)"


def table(outcomes: Mapping[Input, Outcome], width: int | None) -> list[str]:
    """Return a line for each annotated recording, at most a screen of them."""
    rows = [_row(one, end.facts) for one, end in outcomes.items() if end.facts is not None]
    if not rows:
        return []
    most = min(_MOST_LINES, shutil.get_terminal_size((80, 30)).lines) - _OTHER_LINES
    shown = rows if len(rows) <= most else rows[: max(1, most - 1)]
    head = {name: name for name in _LAYOUT.columns}
    lines = table_lines([head, *shown], _LAYOUT, width)
    rest = len(rows) - len(shown)
    return [*lines, f"and {counted(rest, 'more recording')}"] if rest else lines


def _row(one: Input, facts: Facts) -> dict[str, str]:
    return {
        "recording": escaped(one.name),
        "lead": escaped(facts.lead, 12),
        "length": duration(facts.length_s),
        "beats": f"{facts.n_beats:,}",
        **{name: f"{count:,}" for name, count in facts.counts.items()},
        "unusable": duration(facts.unusable_s) if facts.unusable_s else "none",
        "notes": str(len(facts.notes)) if facts.notes else "",
    }


def totals(
    settings: Settings, n_mine: int, outcomes: Mapping[Input, Outcome], has_summary: bool
) -> list[str]:
    """Return the last lines: how many recordings are annotated, and where the summary is.

    Args:
        settings: Those of the command.
        n_mine: How many recordings this command was to work on.
        outcomes: Those that it has worked on.
        has_summary: Whether the summary was written.
    """
    n_failed = sum(end.problem is not None for end in outcomes.values())
    n_before = n_mine - len(outcomes)
    shard = f"shard {settings.shard}: " if settings.shard else ""
    before = f", {n_before:,} of them before" if n_before else ""
    skipped = f", {n_failed:,} skipped" if n_failed else ""
    line = f"{shard}{n_mine - n_failed:,} of {counted(n_mine, 'recording')} annotated"
    files = [printed_path(settings.output / name) for name in SUMMARY_FILES] if has_summary else []
    waits = [] if has_summary else ["no summary yet: other shards are not finished"]
    return [f"{line}{before}{skipped}", *waits, *files]


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
