"""summary.csv and index.html: one row for each recording of a command, or of all shards."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.annotation.inputs import Input
from ecg_lightning.annotation.states import State
from ecg_lightning.cli.annotate_work import VERB, Job, Outcome
from ecg_lightning.cli.messages import error_line
from ecg_lightning.errors import InputError
from ecg_lightning.system.atomic_files import write_output

SUMMARY = "summary"  # the name of the state; no recording may have it
SUMMARY_FILES = ("summary.csv", "index.html")
Row = dict[str, Any]


def write_summary(job: Job, inputs: Sequence[Input], outcomes: Mapping[Input, Outcome]) -> bool:
    """Write both files, if all recordings are finished.

    Args:
        job: What was done.
        inputs: All recordings, also those of other shards.
        outcomes: How the work of this command on its recordings ended.

    Returns:
        Whether all recordings are finished.
    """
    rows: list[Row] = []
    for one in inputs:
        row = _row_of(one, outcomes[one]) if one in outcomes else _row_of_state(job, one)
        if row is None:
            return False
        rows.append(row)
    output = job.settings.output
    State("done", job.fingerprint, "", SUMMARY_FILES).write(output, SUMMARY)
    write_output(output / SUMMARY_FILES[0], _csv(rows), setting="output")
    return True


def _row_of(one: Input, outcome: Outcome) -> Row:
    if outcome.facts is None:
        return _failed_row(one, outcome.problem)
    row: Row = json.loads(json.dumps(outcome.facts.row))  # as a state has it
    return row


def _row_of_state(job: Job, one: Input) -> Row | None:
    """The row of a recording that another command has worked on; None if it is not finished."""
    if one.problem is not None:
        return _failed_row(one, one.problem)
    output = job.settings.output
    state = State.read(output, one.name)
    if state is None or not state.is_finished(output, job.fingerprint, job.inputs_of(one)):
        return None
    if state.status == "failed":
        return _problem_row(one, state.problem)
    return dict(state.row or {})


def _failed_row(one: Input, problem: InputError | None) -> Row:
    return _problem_row(one, "" if problem is None else error_line(problem, VERB))


def _problem_row(one: Input, problem: str) -> Row:
    return {"record": one.name, "problem": problem}


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    table = csv.DictWriter(text, list(columns), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")
