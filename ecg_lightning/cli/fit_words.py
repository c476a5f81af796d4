"""The last words of a fit: which file holds which weights, and the command to type next."""

import shlex
from pathlib import Path

from ecg_lightning.annotation.classifiers import load_classifier
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.models.checkpoint import read_checkpoint
from ecg_lightning.report.writer import REPORT
from ecg_lightning.text import printed_path
from ecg_lightning.training.run import CONFIG


def fit_words(folder: Path, best: str, last: str, monitor: str, own: bool) -> list[str]:
    """Return the lines; those that begin with two spaces are paths and a command, to be copied.

    Args:
        folder: The run folder.
        best: The checkpoint of the best epoch; empty where there is none.
        last: The checkpoint of the last epoch.
        monitor: The metric that chooses the best epoch.
        own: Whether the network is one of the user, so that a command has to name it.
    """
    trained, lines = _epoch(last), list[str]()
    if best:
        which = f"{'highest' if monitor.endswith('accuracy') else 'lowest'} {monitor}"
        epoch = f"epoch {_epoch(best)} of {trained}"
        lines += [f"Best weights, of {epoch}, which has the {which}:", f"  {_place(best)}"]
    lines += [f"Last weights, of epoch {trained} of {trained}:", f"  {_place(last)}"]
    if tested := (page := folder / REPORT).is_file():
        lines += ["Report of the test:", f"  {_place(page)}"]
    weights = shlex.quote(_place(best or last))
    if tested and _annotates(best or last):
        purpose, verb = "classify the beats of a recording", "annotate RECORDING --model"
        return [*lines, f"Next, {purpose}:", f"  {PROGRAM} {verb} {weights} --output annotated"]
    purpose = "write the class probabilities" if tested else "evaluate on the test part"
    config = f" --config {shlex.quote(_place(folder / CONFIG))}" if own else ""
    command = f"{'predict' if tested else 'test'}{config} --ckpt_path {weights}"
    return [*lines, f"Next, {purpose}:", f"  {PROGRAM} {command}"]


def _annotates(path: str) -> bool:
    """Whether `annotate` takes these weights."""
    try:
        load_classifier(path)
    except InputError:  # such as a network of the user
        return False
    return True


def _place(path: str | Path) -> str:
    """A path relative to the working folder, where it lies below it."""
    place, here = Path(path).absolute(), Path.cwd()
    return printed_path(place.relative_to(here) if place.is_relative_to(here) else place)


def _epoch(path: str) -> int:
    """The epoch in which a checkpoint was saved, as people count."""
    return int(read_checkpoint(Path(path))["epoch"]) + 1
