"""Rows of `summary.csv`: one for each recording of a command, annotated or skipped.

A row holds texts and numbers only, so that it can be written as JSON: the tasks of an array write
their rows whenever they finish, and the last one collects them.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ecg_lightning.report.recording_summary import Ectopy, RecordingSummary
from ecg_lightning.text import as_cell

Value = str | int | float
SummaryRow = dict[str, Value]  # a value of "" is unknown
_BETWEEN_NOTES = "; "

SUMMARY_COLUMNS = (
    *("record", "file", "page", "status", "problem", "format", "lead", "fs_hz", "duration_s"),
    *("start_time", "unusable_share", "n_beats", "n_N", "n_S", "n_V", "n_F", "n_Q"),
    *("n_unsure", "unsure_below"),
    *("mean_rate_bpm", "min_rate_bpm", "max_rate_bpm", "V_share", "S_share"),
    *("V_couplets", "V_runs", "V_longest_run", "V_fastest_run_bpm", "V_bigeminy", "V_trigeminy"),
    *("S_couplets", "S_runs", "S_longest_run", "S_fastest_run_bpm", "S_bigeminy", "S_trigeminy"),
    *("n_pauses", "longest_rr_s", "model", "detector", "notes"),
)
TEXT_COLUMNS = {
    *("record", "file", "page", "status", "problem", "format", "lead", "start_time", "model"),
    *("detector", "notes"),
}
DONE, SKIPPED = "done", "skipped"
_SHARE_DIGITS = 8  # one beat of a week of beats is more than nothing


def summary_row(summary: RecordingSummary, file: str = "", page: str = "") -> SummaryRow:
    """Return the row of an annotated recording.

    Args:
        summary: What its page says.
        file: The path of the recording as the user gave it; default: the name of the file.
        page: The path of its page relative to the folder of `summary.csv`; "" where there is none.
    """
    low, high = summary.rate_limits_bpm
    longest_s = summary.pauses[0].rr_s if summary.pauses else math.nan
    return _row(
        record=summary.record,
        file=file or summary.file,
        page=page,
        status=DONE,
        format=summary.format,
        lead=summary.lead,
        fs_hz=summary.fs_hz,
        duration_s=_known(summary.duration_s, 3),
        start_time=summary.start_time.isoformat() if summary.start_time else "",
        unusable_share=_known(summary.unusable_share, _SHARE_DIGITS),
        n_beats=len(summary.labels),
        **{f"n_{name}": number for name, number in summary.counts.items()},
        n_unsure="" if summary.n_unsure is None else summary.n_unsure,
        unsure_below="" if summary.unsure_below is None else summary.unsure_below,
        mean_rate_bpm=_known(summary.mean_rate_bpm, 3),
        min_rate_bpm=_known(low, 3),
        max_rate_bpm=_known(high, 3),
        **_ectopy(summary, "V"),
        **_ectopy(summary, "S"),
        n_pauses=summary.n_pauses,
        longest_rr_s=_known(longest_s, 3),
        model=summary.model,
        detector=summary.detector,
        notes=_BETWEEN_NOTES.join(note.replace(_BETWEEN_NOTES, ", ") for note in summary.notes),
    )


def notes_of(row: SummaryRow) -> list[str]:
    """Return the notes of a row, one by one."""
    return [note for note in str(row["notes"]).split(_BETWEEN_NOTES) if note]


def skipped_row(record: str, file: str, problem: str) -> SummaryRow:
    """Return the row of a recording that could not be annotated, and why."""
    return _row(record=record, file=file, status=SKIPPED, problem=problem)


def checked_row(values: Mapping[str, Any]) -> SummaryRow:
    """Return a row with all columns, from values that a file may hold in another form.

    A column that is missing, or of which the value is of another type, is "" (unknown).
    """
    row = {name: values.get(name, "") for name in SUMMARY_COLUMNS}
    return {name: value if _fits(name, value) else "" for name, value in row.items()}


def _fits(name: str, value: Any) -> bool:
    if name in TEXT_COLUMNS:
        return isinstance(value, str)
    return isinstance(value, int | float) and math.isfinite(value)


def summary_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return `summary.csv`; no cell is a formula to a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    for row in rows:
        cells = checked_row(row).values()
        writer.writerow([as_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return file.getvalue()


def _row(**values: Value) -> SummaryRow:
    """A row with all columns in their order."""
    return {name: values.get(name, "") for name in SUMMARY_COLUMNS}


def _ectopy(summary: RecordingSummary, name: str) -> SummaryRow:
    part: Ectopy = summary.ectopy[name]
    share = summary.burden(name)
    return {
        f"{name}_share": "" if share is None else round(share, _SHARE_DIGITS),
        f"{name}_couplets": part.couplets,
        f"{name}_runs": part.runs,
        f"{name}_longest_run": part.longest.n_beats if part.longest else 0,
        f"{name}_fastest_run_bpm": _known(part.fastest.rate_bpm, 3) if part.fastest else "",
        f"{name}_bigeminy": part.bigeminy.number,
        f"{name}_trigeminy": part.trigeminy.number,
    }


def _known(value: float, digits: int) -> Value:
    return round(value, digits) if math.isfinite(value) else ""
