"""YAML from config files and from the command line: within bounds, and refused in one line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import escaped

MOST_BYTES = 1 << 20
MOST_VALUES = 100_000  # with all aliases written out; a long text counts several times
MOST_DEPTH = 64
_TEXT_OF_ONE_VALUE = 100  # characters
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Group of settings -> those that are paths; "" has those without a group.
PATHS = {
    "": ("output", "ckpt_path"),
    "data": ("root", "cache_dir", "patients"),
    "trainer": ("default_root_dir",),
    "checkpoint": ("dirpath",),
}
STANDARD_OUTPUT = ("--output", "-")  # of predict; to YAML this is a list
SEVERAL = ("root",)  # these may be lists
FILES = ("data", "model")  # groups whose settings may be in a file of their own


class UnusableError(yaml.YAMLError):
    """A text that a YAML parser takes, and that is too large, too deep or no value."""


def load_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        YAMLError: It is no YAML, or its values are too many, too deep or not of their type.
    """
    return _loaded(text, lambda text: yaml.load(text, Loader=_LOADER))


def use_bounds() -> None:
    """Let jsonargparse read YAML within the same bounds, in configs and on the command line."""
    load = get_loader("yaml")
    if getattr(load, "bounded", False):
        return

    def bounded(text: str) -> Any:
        return _loaded(text, load)

    bounded.bounded = True  # type: ignore[attr-defined]
    set_loader("yaml", bounded, exceptions=(yaml.YAMLError,))


def _loaded(text: str, load: Any) -> Any:
    try:
        _check_size(text)
        return load(text)
    except yaml.YAMLError:
        raise
    except UnicodeEncodeError:  # a name with bytes that are no UTF-8
        return text
    except Exception as error:  # !!int abc, a number of 5,000 digits
        raise UnusableError(" ".join(str(error).split())) from error


def _check_size(text: str) -> None:
    """Count the values before they are built. Aliases of aliases can stand for billions."""
    anchors: dict[str, int] = {}
    open_parts: list[tuple[str | None, int]] = []  # anchor and values before it
    n_values = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            open_parts.append((event.anchor, n_values))
            n_values += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_parts.pop()
            if anchor is not None:
                anchors[anchor] = n_values - before
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_parts):
                raise UnusableError("a part that contains itself")
            n_values += anchors.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            size = 1 + len(event.value) // _TEXT_OF_ONE_VALUE
            n_values += size
            if event.anchor is not None:
                anchors[event.anchor] = size
        if n_values > MOST_VALUES:
            raise UnusableError(f"more than {MOST_VALUES:,} values")
        if len(open_parts) > MOST_DEPTH:
            raise UnusableError(f"parts within parts, {MOST_DEPTH} deep")


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings of a config file.

    Raises:
        InputError: It is no regular file, too large, no YAML, or its settings are refused.
    """
    name = f"config {path}"
    try:
        content = read_input(path, MOST_BYTES, "a YAML file", "correct the file", "config")
        settings = load_yaml(content.decode())
    except InputError as error:
        raise _refused(name, error.expected, error.found, error.hint) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refused(name, "a YAML file", _where(error), "correct the file") from error
    if not isinstance(settings, dict):
        expected, found = "settings such as `data:`", type(settings).__name__
        raise _refused(name, expected, found, "start from a shipped config")
    _check_config(name, settings, path.parent)
    return settings


def _check_config(name: str, settings: Mapping[Any, Any], folder: Path) -> None:
    """Refuse other configs in a config, and paths that are none."""
    parts = [settings, *(part for part in settings.values() if isinstance(part, Mapping))]
    if any("config" in part for part in parts):
        hint = "name both files on the command line"
        raise _refused(name, "settings", "the key `config`, which names another file", hint)
    for part in parts:  # the settings of a verb may lie below its name
        for group, value in ("", part), *part.items():
            _check_group(name, group, value, folder)


def _check_group(name: str, group: Any, value: Any, folder: Path) -> None:
    if not isinstance(group, str) or group not in PATHS:
        return
    if isinstance(value, str) and group in FILES and (folder / value).exists():
        read_config(folder / value)
    if isinstance(value, Mapping):
        for path in PATHS[group]:
            _check_path(f"{name}: {group}{'.' if group else ''}{path}", value.get(path), path)


def _check_path(name: str, value: Any, setting: str) -> None:
    found = ""
    if isinstance(value, list) and setting in SEVERAL:
        for item in value:
            _check_path(name, item, "")
    elif isinstance(value, Mapping | list):
        found = "a mapping" if isinstance(value, Mapping) else "a list"
    elif isinstance(value, str) and "\0" in value:
        found = "a null character in it"
    if found:
        raise _refused(name, "a path", found, "write it as a text", setting="")


def check_words(args: Sequence[str]) -> None:
    """Refuse values on the command line that no parser should see, as `read_config` does.

    Args:
        args: The words after the program's name.

    Raises:
        InputError: It names the argument.
    """
    for flag, text in flag_values(args):
        if not flag.startswith("--") or ((flag, text) == STANDARD_OUTPUT and "predict" in args):
            continue
        group, _, rest = flag.removeprefix("--").rpartition(".")
        try:
            value = load_yaml(text)
        except UnusableError as error:
            raise _refused(flag, "a value", _where(error), f"change {flag}", "") from error
        except yaml.YAMLError:
            continue  # a text
        if rest in PATHS.get(group, ()) and not Path(text).exists():
            _check_path(flag, value, rest)
        elif not group and rest in PATHS:
            _check_group(flag, rest, value, Path())


def _where(error: Exception) -> str:
    """What is wrong with a YAML text, and where, without its content."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return escaped(" ".join(str(error).split()))
    problem = escaped(str(getattr(error, "problem", "") or "something else"))
    return f"{problem} in line {mark.line + 1}, column {mark.column + 1}"


def _refused(
    subject: str, expected: str, found: str, hint: str, setting: str = "config"
) -> InputError:
    return InputError(subject, expected=expected, found=found, hint=hint, setting=setting)
