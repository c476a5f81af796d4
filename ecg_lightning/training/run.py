"""A run and its folder: new, resumed from its last checkpoint, or already finished."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import read_input
from ecg_lightning.system.locks import locked
from ecg_lightning.system.paths import cannot_write
from ecg_lightning.text import printed_path
from ecg_lightning.training.callbacks.last_checkpoint import progress
from ecg_lightning.training.checkpoints import checked_checkpoint
from ecg_lightning.training.distributed import is_first_local_rank, is_first_rank
from ecg_lightning.training.metrics_file import METRICS, MOST_BYTES
from ecg_lightning.training.run_settings import refuse_other_files, refuse_other_settings

CONFIG, CHECKPOINTS = "config.yaml", "checkpoints"
RUN_VARIABLE = "ECG_LIGHTNING_RUN"  # tells other processes of the run the name of its new folder
EVENTS = "events.out.tfevents.*"  # TensorBoard's log: a resumed run adds a file
REWRITTEN = ("metrics.csv",)  # a log, written again from the checkpoint
HALF_WRITTEN = (".*.tmp", f"{CHECKPOINTS}/.*.tmp")  # what a kill has left


@dataclass(frozen=True)
class Run:
    """A run of `fit`, or of an evaluation.

    Attributes:
        folder: The run folder.
        checkpoint: The last checkpoint, to resume from; None for a run that begins.
        finished: Whether there is nothing left to do.
    """

    folder: Path
    checkpoint: Path | None = None
    finished: bool = False

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return self.folder / CHECKPOINTS

    @classmethod
    @contextlib.contextmanager
    def begin(cls, root: Path, name: str) -> Iterator["Run"]:
        """Begin a run in a new folder; remove the folder if the command is refused.

        Args:
            root: The folder of all runs.
            name: The end of the folder's name; it begins with the time.

        Raises:
            InputError: The folder cannot be made.
        """
        folder = new_folder(root, name)
        with _removed_if_refused(folder):
            yield cls(folder)

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, settings: Mapping[str, Any], tested: bool) -> Iterator["Run"]:
        """Begin or resume the run of a folder, and keep other commands out of it meanwhile.

        The first process of the run takes the lock and clears the folder for the others. A
        finished run is left as it is.

        Args:
            folder: The folder that the user named; it need not exist.
            settings: The settings of the command, as plain values.
            tested: Whether the test part belongs to the run, as for `scripts/train.py`.

        Raises:
            InputError: The folder belongs to a run with other settings or to something else,
                another command is using it, or its last checkpoint is damaged.
        """
        run = cls._read(folder, settings, tested)
        if run.finished:
            yield run
        elif not is_first_rank():
            run._check()  # refuse what the first process refuses, which would wait for this one
            yield run
        else:
            remove = not folder.exists()
            with (
                locked(folder),
                _removed_if_refused(folder) if remove else contextlib.nullcontext(),
            ):
                run = cls._read(folder, settings, tested)  # again: now nobody else changes it
                os.environ[RUN_VARIABLE] = str(folder)
                if not run.finished:
                    run._resume()
                yield run

    @classmethod
    def _read(cls, folder: Path, settings: Mapping[str, Any], tested: bool) -> "Run":
        """The state of the run in a folder."""
        if is_first_rank():  # it may already have begun the folder for the other processes
            refuse_other_files(folder, CONFIG, "fit")
        if not any((folder / CHECKPOINTS).glob("*.ckpt")):  # the old settings had no result
            return cls(folder)
        refuse_other_settings(folder / CONFIG, settings)
        last = folder / CHECKPOINTS / "last.ckpt"
        if not last.is_file():
            return cls(folder)
        return cls(folder, last, is_finished(folder, tested))

    def _check(self) -> dict[str, Any] | None:
        """The content of the last checkpoint; refuses a damaged one."""
        if self.checkpoint is None:
            return None
        advice = f"delete it to begin {self.folder} again"
        return checked_checkpoint(str(self.checkpoint), "fit", advice)

    def _resume(self) -> None:
        """Clear the folder for the next epoch, and say where the run resumes."""
        content = self._check()
        begins = () if content else (EVENTS,)
        for pattern in (*REWRITTEN, *HALF_WRITTEN, *begins):
            for path in self.folder.glob(pattern):
                path.unlink()
        if content:
            print(f"resumed from {printed_path(self.checkpoint)}, {progress(content)}", flush=True)


def is_finished(folder: Path, tested: bool) -> bool:
    """Whether a run has come to its end.

    Args:
        folder: The run folder.
        tested: Whether the test part, with the weights of the last epoch, belongs to the run.
    """
    try:
        metrics = json.loads(read_input(folder / METRICS, MOST_BYTES))
        if "finished" in metrics:  # earlier versions did not write it
            return metrics["finished"]["tested"] is True or not tested
        return "test" in metrics.get("last_epoch", {}) if tested else "validation" in metrics
    except (InputError, ValueError, AttributeError, TypeError, KeyError):
        return False


def new_folder(root: Path, name: str) -> Path:
    """Make a new folder; other processes of the same run get the folder of the first one.

    Args:
        root: Where to make it.
        name: The end of its name; it begins with the time.

    Raises:
        InputError: It cannot be made.
    """
    first = os.environ.get(RUN_VARIABLE)
    if first and not is_first_local_rank():
        return Path(first)
    name, number = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}", 0
    folder = root / name
    while not _made(folder, root):  # another job has started in the same second
        number += 1
        folder = root / f"{name}-{number}"
    os.environ[RUN_VARIABLE] = str(folder)
    return folder


def _made(folder: Path, root: Path) -> bool:
    """Make a folder; False if it exists."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if folder.exists():
            return False
        expected = "a folder that runs can be written to"
        raise cannot_write(root, error, expected, setting="default_root_dir") from error
    return True


@contextlib.contextmanager
def _removed_if_refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        remove_unused(folder)
        raise


def remove_unused(folder: Path) -> None:
    """Remove the folder of a run that was refused before its first epoch."""
    used = [*folder.rglob("*.ckpt"), *folder.glob("metrics.*")]
    if is_first_local_rank() and not used:
        shutil.rmtree(folder, ignore_errors=True)
