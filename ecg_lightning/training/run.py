"""The folder of a run: a new one named by its time, or the one that `--output` names, which the same command goes on with."""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ecg_lightning.errors import InputError
from ecg_lightning.system.locks import LOCK
from ecg_lightning.training.metrics_file import METRICS
from ecg_lightning.training.distributed import is_first_rank

CONFIG = "config.yaml"
OUR_KEYS = {"model", "data", "early_stopping", "checkpoint"}  # at its top level
RUN_VARIABLE = "ECG_LIGHTNING_RUN"  # hands a new folder to the processes that Lightning starts for other devices
FREE = (
    "data.cache_dir",
    "trainer.default_root_dir",
    "trainer.enable_progress_bar",
)  # without a bearing on the figures


def flat(settings: Mapping[str, Any], free: Sequence[str] = FREE) -> dict[str, Any]:
    """Dotted name to value, of what has to stay the same when a command is repeated.

    Args:
        settings: Nested, as in a YAML file.
        free: Dotted names of what may differ.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        below = flat(value, ()) if isinstance(value, Mapping) and value else {"": value}
        found |= {f"{name}.{key}".rstrip("."): of_key for key, of_key in below.items()}
    return {name: value for name, value in found.items() if name not in free}


def refuse_other_settings(
    path: Path, settings: Mapping[str, Any], free: Sequence[str] = FREE
) -> None:
    """Compares a command's settings with those that a folder was begun with.

    Args:
        path: The file in that folder that holds the old settings.
        settings: The new ones.
        free: See `flat`.

    Raises:
        InputError: they differ, or the file holds none.
    """
    try:
        old, new = (
            flat(yaml.safe_load(path.read_text(encoding="utf-8")), free),
            flat(settings, free),
        )
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: expected the settings of a run, found {type(error).__name__}; give another --output"
        ) from error
    if differ := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        shown = ", ".join(
            f"{name} {repr(old.get(name))[:60]} (found {repr(new.get(name))[:60]})"
            for name in differ[:3]
        )
        more = f" and {len(differ) - 3} more" if len(differ) > 3 else ""
        advice = "repeat the command with the settings it was begun with, or give another --output"
        raise InputError(f"{path.parent}: begun with {shown}{more}; {advice}")


def refuse_other_files(folder: Path, settings: str, program: str) -> None:
    """Refuses a folder that something else has filled.

    Args:
        folder: What `--output` names.
        settings: The name of the file that every folder of this program has.
        program: Its name, for the message.
    """
    if _ours(folder / settings) or not folder.is_dir():
        return
    if [
        other
        for other in folder.iterdir()
        if other.name != LOCK and not other.name.endswith(".tmp")
    ]:
        raise InputError(
            f"{folder}: expected a new folder or one that {program} began, found other files; give another --output"
        )


def _ours(path: Path) -> bool:
    """Whether a file holds settings of this program; many others name theirs config.yaml too, plain Lightning among them."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")).keys() >= OUR_KEYS
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return False


def last_checkpoint(folder: Path, settings: Mapping[str, Any]) -> Path | None:
    """Where a repeated `fit --output FOLDER` goes on from; None if it begins.

    Args:
        folder: What `--output` names.
        settings: The command's.

    Raises:
        InputError: the folder is another run's or something else's.
    """
    if is_first_rank():  # which may be ahead of the other ranks, and have begun the folder
        refuse_other_files(folder, CONFIG, "fit")
    if not any(folder.glob("checkpoints/*.ckpt")):  # nothing has come of the old settings
        return None
    refuse_other_settings(folder / CONFIG, settings)
    path = folder / "checkpoints" / "last.ckpt"
    return path if path.is_file() else None


def is_finished(folder: Path, tested: bool) -> bool:
    """Whether a run has come to its end.

    Args:
        folder: The run's.
        tested: Whether the test part, with the last weights, belongs to it, as for `scripts/train.py`.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        return "test" in metrics.get("last_epoch", {}) if tested else "validation" in metrics
    except (OSError, ValueError, AttributeError):
        return False


def clear_logs(folder: Path) -> None:
    """Removes the logs of a run that goes on, which the callback writes anew from its checkpoint, and what a kill has left half-written."""
    for pattern in ("metrics.csv", "events.out.tfevents.*", ".*.tmp", "checkpoints/.*.tmp"):
        for path in folder.glob(pattern):
            path.unlink()


def new_folder(root: Path, what: str) -> Path:
    """Makes a new folder below `root`, named by time and content; other ranks of the same run take the first one's."""
    given = os.environ.get(RUN_VARIABLE)
    if given and int(os.environ.get("LOCAL_RANK", 0)) > 0:
        return Path(given)
    name, again = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{what}", 0
    folder = root / name
    while True:
        try:
            folder.mkdir(parents=True)
            break
        except OSError as error:
            if not folder.exists():
                found = f"found: {error.strerror}; choose another --trainer.default_root_dir"
                raise InputError(
                    f"{root}: expected a folder that runs can be written to, {found}"
                ) from error
            again += 1  # another job started in the same second
            folder = root / f"{name}-{again}"
    os.environ[RUN_VARIABLE] = str(folder)
    return folder


def remove_unused(folder: Path | None) -> None:
    """A run that was refused before its first epoch leaves no folder."""
    first = int(os.environ.get("LOCAL_RANK", 0)) == 0
    if folder and first and not [*folder.rglob("*.ckpt"), *folder.glob("metrics.*")]:
        shutil.rmtree(folder, ignore_errors=True)
