"""metrics.json of a run folder: how parts are added to it, without Lightning or matplotlib."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.input_files import read_input

SCHEMA = 1
METRICS = "metrics.json"
MOST_BYTES = 1 << 28  # of such a file; far more than a run writes
HISTORY_KEYS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


def shown_checkpoint(path: Any, folder: Path) -> str | None:
    """Return a checkpoint's name in metrics: relative to the run, else its last part.

    Args:
        path: The file; None for weights that no file has.
        folder: The run folder.

    Example:
        >>> shown_checkpoint("runs/1/checkpoints/best.ckpt", Path("runs/1"))
        'checkpoints/best.ckpt'
        >>> shown_checkpoint("/home/somebody/other.ckpt", Path("runs/1"))
        'other.ckpt'
    """
    if not path:
        return None
    place = Path(str(path)).absolute()
    inside = place.is_relative_to(folder.absolute())
    return place.relative_to(folder.absolute()).as_posix() if inside else place.name


def head(counts: Mapping[str, Mapping[str, int]], checkpoint: str | None) -> dict[str, Any]:
    """Return the file without results: schema, classes, checkpoint, the training part's beats.

    Args:
        counts: Part -> class -> number of beats.
        checkpoint: The file of the weights that were evaluated, see `shown_checkpoint`.
    """
    classes = list(next(iter(counts.values())))
    train = {"train": {"beats": dict(counts["train"])}} if "train" in counts else {}
    return {"schema": SCHEMA, "classes": classes, "checkpoint": checkpoint, **train}


def merged(
    old: Mapping[str, Any],
    new_head: Mapping[str, Any],
    part: str,
    results: Mapping[str, Any],
    section: str | None,
) -> dict[str, Any]:
    """Return the old file with one more part.

    Args:
        old: The file so far.
        new_head: From `head`.
        part: `validation` or `test`.
        results: The part's metrics.
        section: The key that the part goes below. None is the top level, which keeps the parts of
            one checkpoint only.
    """
    if section is not None:
        return {**new_head, **old, section: {**old.get(section, {}), part: results}}
    same = old.get("checkpoint") == new_head["checkpoint"]
    kept = {key: value for key, value in old.items() if same or key not in ("validation", "test")}
    return {**new_head, **kept, "checkpoint": new_head["checkpoint"], part: results}


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read the folder's metrics.json, empty where there is none.

    A file that cannot be read gets another name, so that it is never overwritten.
    """
    path = folder / METRICS
    if not path.exists():
        return {}
    try:
        metrics = json.loads(read_input(path, MOST_BYTES, "the metrics of a run"))
        if isinstance(metrics, dict) and metrics.get("schema") == SCHEMA:
            return metrics
    except ValueError:
        pass
    aside = path.with_name(f"{METRICS}.unreadable")
    os.replace(path, aside)
    warnings.warn(
        f"{path}: expected a JSON object with schema {SCHEMA}; renamed to {aside.name}, "
        "and a new file is written",
        stacklevel=2,
    )
    return {}


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write metrics.json whole or not at all.

    Raises:
        InputError: It cannot be written there.
    """
    text = json.dumps(metrics, indent=2, allow_nan=False)
    write_output(folder / METRICS, f"{text}\n".encode())
