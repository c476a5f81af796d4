"""Optional packages, which the extras of this package install."""

import importlib
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError


def import_optional(name: str, extra: str) -> Any:
    """Import an optional package by its name.

    An `import` statement would make the package a requirement of every user.

    Raises:
        InputError: The package cannot be imported; the hint names the extra that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_package(name, extra) from error


def missing_package(name: str, extra: str) -> InputError:
    """The error for a package that is not installed."""
    is_copy = bool({"site-packages", "dist-packages"} & {*Path(__file__).parts})
    place = f"'.[{extra}]'" if is_copy else f"-e '.[{extra}]'"  # without -e it would become a copy
    return InputError(
        f"package {name}",
        expected="an installed package",
        found="none",
        hint=f"run in the folder of ecg-lightning's code: python -m pip install {place}",
    )
