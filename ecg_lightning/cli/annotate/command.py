"""`ecg-lightning annotate`: recordings in, annotations and pages out.

It writes into the output folder:

    NAME.ecl, .csv, .html     the annotations of one recording, see docs/annotate.md
    summary.csv, index.html   one row for each recording, where there are several
    .annotate/NAME.json       how a recording was annotated, see `ecg_lightning.cli.annotate.states`
"""

import os
import sys
import warnings
from collections.abc import Mapping, Sequence

from ecg_lightning.annotation.output.own_files import check_output
from ecg_lightning.cli.annotate.arguments import parse_arguments
from ecg_lightning.cli.annotate.fingerprint import settings_fingerprint
from ecg_lightning.cli.annotate.inputs import Input, find_inputs
from ecg_lightning.cli.annotate.leftovers import none_left
from ecg_lightning.cli.annotate.run import annotate_all
from ecg_lightning.cli.annotate.states import State
from ecg_lightning.cli.annotate.summary import check_summary, rows_of, write_summary
from ecg_lightning.cli.annotate.text import block, failure_lines, table, totals
from ecg_lightning.cli.annotate.work import Job, Outcome
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.records.notes import SkippedRecordWarning
from ecg_lightning.system.terminal import width_of_output
from ecg_lightning.text import counted

LOADER = "ecg_lightning.annotation.annotator:Annotator.from_pretrained"


def annotate_command(args: Sequence[str]) -> None:
    """`ecg-lightning annotate PATH [PATH ...] --output FOLDER`.

    Raises:
        InputError: A mistake in the command, or no recording could be annotated.
        PreemptedError: A signal ended the command.
    """
    settings = parse_arguments(args)
    inputs = find_inputs(settings.paths, settings.keep_folders)
    job = Job(settings, settings_fingerprint(settings), LOADER)
    _refuse_foreign_outputs(job, inputs)
    mine = settings.shard.items(inputs) if settings.shard else list(inputs)
    with none_left(job, mine):
        outcomes = annotate_all(job, [one for one in mine if not _is_done(job, one)])
        if len(inputs) == 1:
            _end_of_one(job, inputs[0], outcomes)
        else:
            _end_of_several(job, inputs, mine, outcomes)


def _refuse_foreign_outputs(job: Job, inputs: Sequence[Input]) -> None:
    """Refuse to replace a file that this program has not written, such as an input."""
    for one in inputs:
        for kind, path in job.paths_of(one.name).items():
            if os.path.lexists(path):
                check_output(path, kind)
    if len(inputs) > 1:
        check_summary(job.settings.output)


def _is_done(job: Job, one: Input) -> bool:
    """Whether a task of an array has nothing left to do for a recording."""
    if job.settings.shard is None or one.problem is not None:
        return False
    output = job.settings.output
    state = State.read(output, one.name)
    return state is not None and state.is_done(output, job.fingerprint, job.inputs_of(one))


def _end_of_one(job: Job, one: Input, outcomes: Mapping[Input, Outcome]) -> None:
    """Print what was done, also where an earlier task has done it."""
    if one in outcomes and (problem := outcomes[one].problem) is not None:
        raise problem
    for row in rows_of(job, [one], outcomes).values():
        print("\n".join(block(row, list(job.paths_of(one.name).values()), width_of_output())))


def _end_of_several(
    job: Job, inputs: Sequence[Input], mine: Sequence[Input], outcomes: Mapping[Input, Outcome]
) -> None:
    """Write the summary, and print what was done and what failed.

    Raises:
        InputError: No recording is annotated.
    """
    rows = rows_of(job, inputs, outcomes)
    is_last = len(rows) == len(inputs)
    if is_last:
        write_summary(job, list(rows.values()))
    lines = table([rows[one] for one in mine if one in rows], width_of_output())
    print("\n".join([*lines, *totals(job, mine, outcomes, is_last)]), flush=True)
    failed = {one: end.problem for one, end in outcomes.items() if end.problem is not None}
    if failed and len(failed) == len(mine):
        for line in failure_lines(failed):
            print(f"{PROGRAM}: warning: {line}", file=sys.stderr, flush=True)
        raise InputError(f"none of {counted(len(mine), 'recording')} could be annotated")
    for line in failure_lines(failed):
        warnings.warn(line, SkippedRecordWarning, stacklevel=2)
