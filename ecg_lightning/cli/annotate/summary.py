"""summary.csv and index.html: one row for each recording of a command, or of all shards."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecg_lightning.annotation.output.own_files import check_output, foreign_output
from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.states import State
from ecg_lightning.cli.annotate.work import Job, Outcome, failure
from ecg_lightning.report.recordings_index import recordings_index
from ecg_lightning.report.summary_rows import SUMMARY_COLUMNS, SummaryRow, summary_csv
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.input_files import open_input

SUMMARY, INDEX = "summary.csv", "index.html"
_OWN_START = ",".join(SUMMARY_COLUMNS[:4]).encode()


def check_summary(output: Path) -> None:
    """Refuse to replace a summary or an index that this program has not written.

    Raises:
        InputError: There is one.
    """
    if os.path.lexists(output / INDEX):
        check_output(output / INDEX, "html")
    if os.path.lexists(path := output / SUMMARY):
        with open_input(path, setting="output") as file:
            if file.read(len(_OWN_START)) != _OWN_START:
                raise foreign_output(path)


def write_summary(job: Job, rows: Sequence[SummaryRow]) -> None:
    """Write both files.

    Args:
        job: What was done.
        rows: One for each recording, in order.

    Raises:
        InputError: They cannot be written.
    """
    files = {SUMMARY: summary_csv(rows), INDEX: recordings_index(rows)}
    for name, text in files.items():
        content = text.encode(errors="backslashreplace")  # a name may be invalid Unicode
        write_output(job.settings.output / name, content, setting="output")


def rows_of(
    job: Job, inputs: Sequence[Input], outcomes: Mapping[Input, Outcome]
) -> dict[Input, SummaryRow]:
    """Return the row of each recording that is finished.

    Args:
        job: What was done.
        inputs: All recordings, also those of other shards.
        outcomes: How the work of this command on its recordings ended.
    """
    rows = {one: outcomes[one].row if one in outcomes else _earlier(job, one) for one in inputs}
    return {one: row for one, row in rows.items() if row is not None}


def _earlier(job: Job, one: Input) -> SummaryRow | None:
    """The row of a recording that another command has worked on; None if it is not finished."""
    if one.problem is not None:
        return failure(one, one.problem).row
    output = job.settings.output
    state = State.read(output, one.name)
    is_finished = state and state.is_finished(output, job.fingerprint, job.inputs_of(one))
    return state.row if state and is_finished else None
