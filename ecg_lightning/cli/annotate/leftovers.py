"""What `annotate` removes when an error ends it: nothing half-made stays."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.states import State, path_of
from ecg_lightning.cli.annotate.work import Job


@contextlib.contextmanager
def none_left(job: Job, inputs: Sequence[Input]) -> Iterator[None]:
    """Within it, an error removes what the command has made for recordings without annotations.

    These are their states and the folders that were missing before and are empty. Other tasks of an
    array read the states of failed recordings, so those of a shard stay.

    Args:
        job: What is done with each recording.
        inputs: The recordings of this command.
    """
    output = job.settings.output
    states = [path_of(output, one.name) for one in inputs]
    files = [*states, *(output / one.name for one in inputs)]
    missing = {folder for file in files for folder in file.parents if not os.path.lexists(folder)}
    try:
        yield
    except BaseException:
        if job.settings.shard is None:
            _remove_states(output, inputs)
        for folder in sorted(missing, key=_depth, reverse=True):
            with contextlib.suppress(OSError):  # it is not empty, or was never made
                folder.rmdir()
        raise


def _remove_states(output: Path, inputs: Sequence[Input]) -> None:
    for one in inputs:
        state = State.read(output, one.name)
        if state is not None and state.status != "done":
            with contextlib.suppress(OSError):
                path_of(output, one.name).unlink(missing_ok=True)


def _depth(folder: Path) -> int:
    return len(folder.parts)
