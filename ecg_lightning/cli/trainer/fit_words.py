"""The last words of a fit: which file holds which weights, and the command to type next."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from ecg_lightning.annotation.classifying.classifiers import load_classifier
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.models.checkpoint import read_checkpoint
from ecg_lightning.report.writer import REPORT
from ecg_lightning.text import printed_path
from ecg_lightning.training.run import CONFIG


def fit_words(
    folder: Path,
    best: str,
    last: str,
    reason: str,
    own: bool,
    tests: bool,
    example: Path | None = None,
) -> list[str]:
    """Return the lines; those that begin with two spaces are paths and a command, to be copied.

    A checkpoint that no command takes, such as one of a network that has diverged, is not named.

    Args:
        folder: The run folder.
        best: The checkpoint of the best epoch; empty where there is none.
        last: The checkpoint of the last epoch.
        reason: Why the best epoch is the best, see `reason_of`.
        own: Whether the network is one of the user, so that a command has to name it.
        tests: Whether the data have a test part.
        example: A synthetic record, where the network has learnt such records alone.
    """
    epochs, lines = {path: _epochs(path) for path in (best, last)}, list[str]()
    if epochs[best]:
        lines += [f"Best weights, of epoch {epochs[best]}{reason}:", _line(best)]
    if epochs[last]:
        lines += [f"Last weights, of epoch {epochs[last]}:", _line(last)]
    if (page := folder / REPORT).is_file():
        lines += ["Report of the test:", _line(page)]
    if not (weights := best if epochs[best] else last if epochs[last] else ""):
        return lines
    return [*lines, *_next(folder, weights, own, tests, example)]


def reason_of(checkpoint: Any) -> str:
    """Return why a checkpoint's epoch is the best, such as `, which has the lowest val_loss`.

    Args:
        checkpoint: The callback that has saved it; None where there is none.
    """
    if not (monitor := getattr(checkpoint, "monitor", None)):
        return ""
    return f", which has the {'highest' if checkpoint.mode == 'max' else 'lowest'} {monitor}"


def _next(folder: Path, weights: str, own: bool, tests: bool, example: Path | None) -> list[str]:
    """The command that comes next, after a line that says what it does."""
    name = shlex.quote(_place(weights))
    config = f" --config {shlex.quote(_place(folder / CONFIG))}" if own else ""
    if tests and not (folder / REPORT).is_file():
        purpose, command = "evaluate on the test part", f"test{config} --ckpt_path {name}"
    elif _annotates(weights):
        purpose = f"classify the beats of a {'synthetic record' if example else 'recording'}"
        recording = shlex.quote(_place(example)) if example else "RECORDING"
        command = f"annotate {recording} --model {name} --output annotated"
    elif tests:
        purpose = "write the class probabilities"
        command = f"predict{config} --ckpt_path {name}"
    else:
        return []
    return [f"Next, {purpose}:", f"  {_program()} {command}"]


def _program() -> str:
    """How a user calls this program, also from an environment that is not activated."""
    installed = Path(sys.executable).with_name(PROGRAM)
    return PROGRAM if shutil.which(PROGRAM) or not installed.exists() else _place(installed)


def _annotates(path: str) -> bool:
    """Whether `annotate` takes these weights."""
    try:
        load_classifier(path)
    except InputError:  # such as a network of the user
        return False
    return True


def _line(path: str | Path) -> str:
    return f"  {_place(path)}"


def _place(path: str | Path) -> str:
    """A path relative to the working folder, where it lies below it."""
    place, here = Path(path).absolute(), Path.cwd()
    return printed_path(place.relative_to(here) if place.is_relative_to(here) else place)


def _epochs(path: str) -> int | None:
    """For how many epochs a checkpoint was trained; None where no command takes the file."""
    try:
        return int(read_checkpoint(Path(path))["epoch"]) + 1 if path else None
    except (InputError, KeyError):
        return None
