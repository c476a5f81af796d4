"""Annotates recordings one after the other, or several at a time in worker processes."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path

from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.states import FOLDER
from ecg_lightning.cli.annotate.text import progress_text
from ecg_lightning.cli.annotate.work import Job, Outcome, failure
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.system.preemption import PreemptedError, Preemption
from ecg_lightning.system.terminal import progress_bar
from ecg_lightning.system.worker_pool import WorkerDied, run_tasks
from ecg_lightning.text import counted

_LOG_EVERY_S = 30.0
_PROBE = ".probe.tmp"


def annotate_all(job: Job, inputs: Sequence[Input]) -> dict[Input, Outcome]:
    """Annotate recordings.

    Args:
        job: What is done with each.
        inputs: The recordings.

    Returns:
        How the work on each ended, in their order.

    Raises:
        InputError: The weights cannot be read, the output folder cannot be written, or a recording
            cannot be annotated and the first problem is to end the command.
        PreemptedError: A signal ended the command.
    """
    outcomes = {one: failure(one, one.problem) for one in inputs if one.problem is not None}
    _stop_at_problem(job, outcomes.values())
    readable = [one for one in inputs if one.problem is None]
    preemption = Preemption()
    with preemption.watched():
        try:
            with contextlib.closing(_outcomes(job, readable)) as ends:
                for one, outcome in ends:
                    outcomes[one] = outcome
                    _stop_at_problem(job, [outcome])
        except PreemptedError as end:
            n_done = sum(outcome.problem is None for outcome in outcomes.values())
            text = f"{n_done:,} of {counted(len(inputs), 'recording')} annotated"
            hint = "; repeat the command to resume"
            if job.settings.shard is None:  # repeated, it would begin anew
                hint = "; to resume, repeat the command with --shard 1/1" if n_done else ""
            line = f"{preemption.received}: stopped; {text}{hint}"
            raise PreemptedError(line, end.status) from None
    return {one: outcomes[one] for one in inputs}


def _stop_at_problem(job: Job, outcomes: Iterable[Outcome]) -> None:
    problem = next((end.problem for end in outcomes if end.problem is not None), None)
    if job.settings.stops and problem is not None:
        raise problem


def _outcomes(job: Job, inputs: Sequence[Input]) -> Generator[tuple[Input, Outcome], None, None]:
    """Each recording and its outcome, in the order in which the work on them ends."""
    if not inputs:
        return
    run = _one_by_one if min(job.settings.jobs, len(inputs)) == 1 else _in_workers
    with progress_bar(_LOG_EVERY_S, PROGRAM) as show:
        progress = _Progress(inputs, show)
        with contextlib.closing(run(job, inputs, progress)) as ends:
            for index, outcome in ends:
                progress.end(index, outcome.problem is not None)
                yield inputs[index], outcome


class _Progress:
    """The share of all recordings that is done."""

    def __init__(self, inputs: Sequence[Input], show: Callable[[str, float], None]) -> None:
        self._inputs, self._show = inputs, show
        self._shares = [0.0] * len(inputs)
        self._sum, self._n_ended = 0.0, 0

    def __call__(self, index: int, share: float) -> None:
        """Show the share of one recording that is done."""
        self._sum += share - self._shares[index]
        self._shares[index] = share
        text = progress_text(self._inputs[index], self._n_ended, len(self._inputs))
        self._show(text, self._sum / len(self._inputs))

    def end(self, index: int, failed: bool) -> None:
        """Show that the work on a recording has ended, but for one alone that failed."""
        self._n_ended += 1
        if not failed or len(self._inputs) > 1:
            self(index, 1.0)


_Results = Generator[tuple[int, Outcome], None, None]


def _one_by_one(job: Job, inputs: Sequence[Input], progress: _Progress) -> _Results:
    work = job.open()
    _check_writable(job.settings.output)
    for index, one in enumerate(inputs):
        yield index, work(one, partial(progress, index))


def _in_workers(job: Job, inputs: Sequence[Input], progress: _Progress) -> _Results:
    _check_writable(job.settings.output)
    with contextlib.closing(run_tasks(inputs, job.settings.jobs, job.open, progress)) as results:
        for index, result in results:
            if isinstance(result, WorkerDied):
                result = job.note_failure(inputs[index], _death(inputs[index], result))
            yield index, result


def _death(one: Input, death: WorkerDied) -> InputError:
    return InputError(
        one.path,
        expected="a worker process that annotates it",
        found=f"one that was {death.reason}",
        hint="if memory was short, work on fewer recordings at a time",
        setting="jobs",
    )


def _check_writable(output: Path) -> None:
    """Make the output folder with that of the states, and refuse one that cannot be written."""
    probe = output / FOLDER / _PROBE
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        is_blocked = os.path.lexists(probe.parent) and not probe.parent.is_dir()
        path = probe.parent if is_blocked else output
        raise cannot_write(path, error, place="folder", setting="output") from error
