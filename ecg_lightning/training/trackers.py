"""Loggers of other services, such as W&B and MLflow, whose runs a run folder belongs to."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from ecg_lightning.errors import InputError
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.input_files import read_input

TRACKERS = "loggers.json"
MOST_BYTES = 1 << 20
ID = {"WandbLogger": "id", "MLFlowLogger": "run_id"}  # the argument that names the service's run
FOLDER = {"WandbLogger": ("save_dir", ".")}  # the argument for files, and its default


def of_run(logger: Logger, settings: Any, folder: Path, known: str | None) -> Logger:
    """Return a logger that writes into the run folder and resumes the run of its service.

    Args:
        logger: What was built from the settings.
        settings: The settings, with `init_args` and `dict_kwargs`.
        folder: The run folder.
        known: The service's run that this run has begun; None for a new one.
    """
    name = type(logger).__name__
    changed = {ID[name]: known} if name in ID and known else {}
    arguments = {**(settings.get("init_args") or {}), **(settings.get("dict_kwargs") or {})}
    place, default = FOLDER.get(name, ("", None))
    if place and arguments.get(place) == default:
        changed[place] = str(folder.absolute())
    return type(logger)(**{**arguments, **changed}) if changed else logger


def note_trackers(folder: Path, loggers: Sequence[Logger]) -> None:
    """Write the names of the services' runs into the run folder, so that it resumes them.

    Raises:
        InputError: The file cannot be written.
    """
    runs = {type(one).__name__: one.version for one in loggers if type(one).__name__ in ID}
    if runs:
        write_output(folder / TRACKERS, f"{json.dumps(runs, indent=2)}\n".encode())


def known_trackers(folder: Path) -> dict[str, str]:
    """Return the names of the services' runs that a run folder belongs to, by class of logger."""
    try:
        runs = json.loads(read_input(folder / TRACKERS, MOST_BYTES))
    except (InputError, OSError, ValueError):
        return {}
    known = runs.items() if isinstance(runs, dict) else ()
    return {name: run for name, run in known if name in ID and isinstance(run, str)}
