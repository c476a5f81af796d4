"""Networks, losses and other classes of the user in the current folder: `mynet.MyNet`.

The class is then that of ./mynet.py. The current folder is the last entry of the import path, and
only while a module is imported that the command line or the user's own config names. So no file
there replaces an installed package, and a class named in a checkpoint is never looked up there.
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

from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.cli.messages import OURS
from ecg_lightning.cli.yaml_values import load_yaml
from ecg_lightning.errors import InputError
from ecg_lightning.nested import value_at

CONFIGS = ("--config", "-c", "--model")
OTHERS = ("trainer.callbacks", "trainer.logger", "optimizer", "lr_scheduler")  # besides OURS
Setting = str


class _NoModuleError(Exception):
    """What a class path names instead of a torch module, and the next step."""

    def __init__(self, found: str, hint: str) -> None:
        super().__init__(found, hint)
        self.found, self.hint = found, hint


def import_networks(args: Sequence[str]) -> None:
    """Import the networks and the losses that a command names, and its other classes from here.

    Args:
        args: The command line, with paths for the names of configs.

    Raises:
        InputError: One cannot be imported, or a network or a loss is no torch module.
    """
    configs = list(_configs(args))
    for setting, name in dict.fromkeys(_names(args, configs)):
        if "." in name:  # else it is a short name for the parser
            import_module_class(name, setting)
    for setting, name in dict.fromkeys(_others(args, configs)):
        try:
            _import(name)
        except _NoModuleError as error:
            expected = "the import path of a class"
            raise InputError(
                setting, expected=expected, found=error.found, hint=error.hint, setting=setting
            ) from error.__cause__


def import_module_class(name: str, setting: Setting) -> Any:
    """Return the torch module's class, or the function, that a class path names.

    Args:
        name: The class path.
        setting: `network` or `loss`, for messages.

    Raises:
        InputError: It cannot be imported, or is no torch module.
    """
    try:
        value = _import(name)
        _check(name, value)
    except _NoModuleError as error:
        expected = f"one of {', '.join(OURS[setting])}, or the import path of a torch module"
        raise InputError(
            f"model.{setting}",
            expected=expected,
            found=error.found,
            hint=error.hint,
            setting=setting,
        ) from error.__cause__
    return value


def _configs(args: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The settings in the config files that a command names, and those below a verb's name."""
    for flag, value in flag_values(args):
        if flag in CONFIGS:
            settings = _yaml(Path(value).read_text("utf-8") if Path(value).is_file() else value)
            whole = {"model": settings} if flag == "--model" else settings
            if isinstance(whole, Mapping):
                yield from (part for part in (whole, *whole.values()) if isinstance(part, Mapping))


def _names(
    args: Sequence[str], configs: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Setting, str]]:
    """The class paths of networks and losses on the command line and in the configs it names."""
    for flag, value in flag_values(args):
        setting = flag.removeprefix("--model.").removesuffix(".class_path")
        if setting in OURS:
            inner = _yaml(value) if value.lstrip().startswith("{") else value
            yield from _of_setting(setting, inner)
    for settings in configs:
        for setting in OURS:
            yield from _of_setting(setting, value_at(settings, "model", setting))


def _others(
    args: Sequence[str], configs: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Setting, str]]:
    """The class paths of other settings whose modules lie in the current folder."""
    for flag, value in flag_values(args):
        setting = flag.removeprefix("--").removesuffix("+").removesuffix(".class_path")
        if setting in OTHERS:
            for name in _class_paths(_yaml(value)):
                yield setting, name
    for settings in configs:
        for setting in OTHERS:
            for name in _class_paths(value_at(settings, *setting.split("."))):
                yield setting, name


def _class_paths(value: Any) -> Iterator[str]:
    """The class paths in a value, or in each part of a list, of modules in the current folder."""
    for part in value if isinstance(value, list) else [value]:
        name = part.get("class_path") if isinstance(part, Mapping) else part
        if isinstance(name, str) and "." in name:
            module = Path(name.partition(".")[0])
            if module.with_suffix(".py").is_file() or (module / "__init__.py").is_file():
                yield name


def _of_setting(setting: Setting, value: Any) -> Iterator[tuple[Setting, str]]:
    name = value.get("class_path") if isinstance(value, Mapping) else value
    if isinstance(name, str) and not Path(name).is_file():
        yield setting, name


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
    raise _NoModuleError(
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
            raise _NoModuleError(
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
        raise _NoModuleError(f"{name}, {what}", "correct the name")


def _failed(path: str, name: str, error: BaseException) -> _NoModuleError:
    """The error for an exception inside the module: its type, its text and its place."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename not in _MACHINERY
    ]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    return _NoModuleError(
        f"{name}, but the import of {path} failed with {text}{place}", "fix that module"
    )


_MACHINERY = (__file__, importlib.__file__)
