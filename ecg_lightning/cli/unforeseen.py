"""The net below all commands: errors of the surroundings that nothing else has turned into a line.

A TypeError, a KeyError and their like are faults of this program, and keep their traceback.
"""

import os
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.system.os_errors import FULL, advice, reason, working_folder

SURROUNDINGS = (OSError, UnicodeError, MemoryError, RecursionError, ModuleNotFoundError)
# Lightning and torch read these as numbers, some at import.
NUMBERS = (
    *("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_PORT"),
    *("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "JSM_NAMESPACE_RANK"),
)
_PACKAGE = __name__.partition(".")[0]
_NO_TEMPORARY_FOLDER = "No usable temporary directory"


def as_input_error(error: BaseException) -> InputError:
    """Return the line for one of `SURROUNDINGS`."""
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError):
        hint = "choose smaller settings, such as the size of a batch, or close other programs"
        return InputError("memory", expected="more", found=reason(error), hint=hint)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        hint = f"run: python -m pip install {package}" if package else "install it"
        if package == _PACKAGE:  # a name on a registry that is not this package
            hint = "a file of this package is missing: install it again from its checkout"
        subject = f"package {package}" if package else "a package"
        return InputError(subject, expected="an installed package", found=reason(error), hint=hint)
    if isinstance(error, UnicodeError):
        hint = "check the names and the files that the command reads"
        return InputError("a text", expected="valid characters", found=reason(error), hint=hint)
    return InputError(
        "an input",
        expected="one of limited depth",
        found=reason(error),
        hint="check the files and settings that the command reads",
    )


def _of_system(error: OSError) -> InputError:
    name = error.filename if error.filename is not None else error.filename2
    if _NO_TEMPORARY_FOLDER in str(error):
        return InputError(
            "the folder of temporary files",
            expected="one that can be written",
            found="none",
            hint="set the variable TMPDIR to a folder that can be written",
        )
    path = None if name is None or isinstance(name, int) else os.fsdecode(name)
    if error.errno in FULL:
        subject, expected = path or "the disk", "room to write"
        hint = f"{advice(error)}, then repeat the command"
    else:
        subject, expected = path or "the system", "no error of the system"
        hint = advice(error, None if path is None else Path(path))
    return InputError(subject, expected=expected, found=reason(error), hint=hint)


def check_surroundings() -> None:
    """Refuse a working folder that is gone, and variables that must be numbers and are none.

    Raises:
        InputError: It names the folder or the variable.
    """
    working_folder()
    for name in NUMBERS:
        value = os.environ.get(name)
        try:
            int(value or 0)
        except ValueError as error:
            raise InputError(
                f"the variable {name}",
                expected="a whole number",
                found=value or "",
                hint=f"set {name} to a number, or remove it from the environment",
            ) from error
