"""The settings that a run folder was begun with, compared with those of a repeated command."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import read_input
from ecg_lightning.system.locks import LOCK
from ecg_lightning.system.paths import folders_in
from ecg_lightning.text import listed, names_in

SECTIONS = {"model", "data", "early_stopping", "checkpoint"}  # every settings file of ours has them
FREE = (  # settings that do not change the metrics, so they may differ
    "data.cache_dir",
    "trainer.default_root_dir",
    "trainer.enable_progress_bar",
)
ADDED = {"batch_norm.batches": 0}  # settings of later versions: what earlier runs did
PATHS = ("root", "patients")  # of the data; a relative one is relative to the working folder
SHOWN = 3  # differences in a message
MOST_BYTES = 1 << 20  # of a file of settings
WORKING_FOLDER = "# working folder: "  # a comment, so that the file stays a config


def flat(settings: Mapping[str, Any], free: Sequence[str] = FREE) -> dict[str, Any]:
    """The settings that must stay the same when a command is repeated, by dotted name.

    Args:
        settings: Nested, as in a YAML file.
        free: Dotted names of settings that may differ.

    Example:
        >>> flat({"data": {"fold": 1, "cache_dir": "x"}, "seed_everything": 0})
        {'data.fold': 1, 'seed_everything': 0}
    """
    result: dict[str, Any] = {}
    for name, value in settings.items():
        below = flat(value, ()) if isinstance(value, Mapping) and value else {"": value}
        result |= {f"{name}.{key}".rstrip("."): inner for key, inner in below.items()}
    return {name: value for name, value in result.items() if name not in free}


def refuse_other_settings(
    path: Path, settings: Mapping[str, Any], free: Sequence[str] = FREE
) -> None:
    """Compare the settings of a command with those that a folder was begun with.

    Args:
        path: The file in that folder that holds the old settings.
        settings: The new ones.
        free: See `flat`.

    Raises:
        InputError: They differ, or the file holds none.
    """
    try:
        content = read_input(path, MOST_BYTES, "the settings of a run")
        old = {**ADDED, **_with_lead(flat(yaml.safe_load(content), free))}
    except (ValueError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            str(path),
            expected="the settings of a run",
            found=type(error).__name__,
            hint="choose another folder",
            setting="output",
        ) from error
    new = {**ADDED, **_with_lead(flat(settings, free))}
    if different := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        raise InputError(
            f"{path.parent}: begun with other settings",
            expected=_shown(old, different),
            found=_shown(new, different),
            hint="repeat the command with the settings that it was begun with, "
            "or choose another folder",
            setting="output",
        )


def begun_without(path: Path, name: str) -> bool:
    """Return whether a run of an earlier version has no such setting.

    Args:
        path: The file that holds the settings of the run; False where there is none.
        name: The dotted name of the setting.
    """
    try:
        settings = yaml.safe_load(read_input(path, MOST_BYTES))
        return settings.keys() >= SECTIONS and name not in flat(settings)
    except (InputError, ValueError, AttributeError, yaml.YAMLError):
        return False


def paths_in(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the paths in settings of the data, by the names of `PATHS`.

    Several sources have several roots, in the order of the sources. The root of one that lies in
    the cache is an empty text.
    """
    count = len(names_in(data.get("source")))
    root = folders_in(data.get("root"), count)
    return {**{name: folders_in(data.get(name), 1) for name in PATHS}, "root": root}


def with_working_folder(text: str, data: Mapping[str, Any]) -> str:
    """Return a run's settings with the folder that relative paths of the data are relative to.

    Args:
        text: The settings as YAML.
        data: The settings of the data.
    """
    places = [path for paths in paths_in(data).values() for path in paths if path]
    if all(Path(place).is_absolute() for place in places):
        return text
    return f"{WORKING_FOLDER}{json.dumps(str(Path.cwd()))}\n{text}"


def working_folder(text: str) -> Path | None:
    """Return the folder that `with_working_folder` has noted; None without such a note."""
    line = re.match(f'{WORKING_FOLDER}(".*")\n', text)
    try:
        return Path(json.loads(line[1])) if line else None
    except ValueError:
        return None


def _with_lead(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings with the default lead of version 0.1.0, which runs of it hold.

    The default of WFDB folders, several sources and beats in context is another one.
    """
    sources = names_in(settings.get("data.source"))
    in_context = str(settings.get("data.segmentation")).startswith("context")
    if "data.lead" in settings and len(sources) <= 1 and "wfdb" not in sources and not in_context:
        settings["data.lead"] = settings["data.lead"] or 0
    return settings


def _shown(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these settings, for a message."""
    return listed([f"{name} {repr(settings.get(name))[:60]}" for name in names], SHOWN)


def refuse_other_files(folder: Path, settings_file: str, program: str) -> None:
    """Refuse a folder that something else has filled.

    Args:
        folder: The folder that the user named.
        settings_file: The name of the file that every folder of this program has.
        program: The name of the program, for the message.

    Raises:
        InputError: The folder holds other files.
    """
    if not folder.is_dir() or _is_ours(folder / settings_file):
        return
    others = [
        path for path in folder.iterdir() if path.name != LOCK and not path.name.endswith(".tmp")
    ]
    if others:
        raise InputError(
            str(folder),
            expected=f"a new folder or one that {program} began",
            found="other files",
            hint="choose another folder",
            setting="output",
        )


def _is_ours(path: Path) -> bool:
    """Whether a file holds settings of this program; Lightning also writes a config.yaml."""
    try:
        return yaml.safe_load(read_input(path, MOST_BYTES)).keys() >= SECTIONS
    except (InputError, ValueError, AttributeError, yaml.YAMLError):
        return False
