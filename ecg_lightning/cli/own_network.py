"""Networks of the user in the current folder: `--model.network mynet.MyNet` for ./mynet.py.

The current folder is the last entry of the import path, and only while the module of a network is
imported that the command line or the user's own config names. So no file there replaces an
installed package, and a class named in a checkpoint is never looked up there.
"""

import contextlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from torch import nn

from ecg_lightning import models
from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.cli.yaml_values import load_yaml
from ecg_lightning.errors import InputError

FLAGS = ("--model.network", "--model.network.class_path")
CONFIGS = ("--config", "-c", "--model")


def import_networks(args: Sequence[str]) -> None:
    """Import the networks that a command names.

    Args:
        args: The command line, with paths for the names of configs.

    Raises:
        InputError: A network cannot be imported, or is no torch module.
    """
    for name in dict.fromkeys(_names(args)):
        if "." in name:  # else it is a short name for the parser
            _check(name, _import(name))


def _names(args: Sequence[str]) -> Iterator[str]:
    """The class paths on the command line and in the config files that it names."""
    for flag, value in flag_values(args):
        if flag in FLAGS:
            yield from _of_network(_yaml(value) if value.lstrip().startswith("{") else value)
        elif flag in CONFIGS:
            settings = _yaml(Path(value).read_text("utf-8") if Path(value).is_file() else value)
            yield from _of_settings({"model": settings} if flag == "--model" else settings)


def _of_settings(settings: Any) -> Iterator[str]:
    """The class paths in settings; those of a verb may lie below its name."""
    if not isinstance(settings, Mapping):
        return
    for part in (settings, *settings.values()):
        if isinstance(part, Mapping) and isinstance(part.get("model"), Mapping):
            yield from _of_network(part["model"].get("network"))


def _of_network(network: Any) -> Iterator[str]:
    name = network.get("class_path") if isinstance(network, Mapping) else network
    if isinstance(name, str) and not Path(name).is_file():
        yield name


def _yaml(text: str) -> Any:
    """The content of a YAML text; None where it is none, which the parser reports."""
    try:
        return load_yaml(text)
    except yaml.YAMLError:
        return None


def _import(name: str) -> Any:
    """The object that a class path names: the module's, or one inside a class."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        path = ".".join(parts[:length])
        module = _module(path, name)
        if module is not None:
            return _attribute(module, parts[length:], name)
    raise _refused(
        f"{name}, and no module {parts[0]} in the current folder or among the installed packages",
        "correct the name",
    )


def _module(path: str, name: str) -> ModuleType | None:
    """The module, or None where there is none of that name."""
    try:
        with current_folder_last():
            return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(f"{error.name}.")):
            return None
        raise _failed(path, name, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(path, name, error) from error


@contextlib.contextmanager
def current_folder_last() -> Iterator[None]:
    """Put the current folder last on the import path, and take it away again."""
    folder = os.getcwd()
    sys.path.append(folder)
    importlib.invalidate_caches()  # the file may be newer than the folder's listing
    try:
        yield
    finally:
        for place in range(len(sys.path) - 1, -1, -1):  # the import may have appended others
            if sys.path[place] == folder:
                del sys.path[place]
                break


def _attribute(module: ModuleType, names: Iterable[str], name: str) -> Any:
    value: Any = module
    for part in names:
        if not hasattr(value, part):
            raise _refused(
                f"the module {module.__name__} without a class {'.'.join(names)}",
                "correct the name",
            )
        value = getattr(value, part)
    return value


def _check(name: str, value: Any) -> None:
    """Refuse what is neither a torch module's class nor a function, which may return one."""
    if inspect.isclass(value) and issubclass(value, nn.Module):
        return
    if not inspect.isfunction(value):
        what = "a class that is no torch.nn.Module" if inspect.isclass(value) else "no class"
        raise _refused(f"{name}, {what}", "correct the name")


def _failed(path: str, name: str, error: BaseException) -> InputError:
    """The error for an exception inside the module: its type, its text and its place."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename not in _MACHINERY
    ]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    return _refused(
        f"{name}, but the import of {path} failed with {text}{place}", "fix that module"
    )


_MACHINERY = (__file__, importlib.__file__)


def _refused(found: str, hint: str) -> InputError:
    return InputError(
        "model.network",
        expected=f"one of {', '.join(models.NETWORKS)}, or the import path of a torch module",
        found=found,
        hint=hint,
        setting="network",
    )
