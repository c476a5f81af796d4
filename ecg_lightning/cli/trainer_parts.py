"""What a command adds to the Trainer that the user configured: devices, loggers, clear errors."""

import contextlib
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

import ecg_lightning
from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped
from ecg_lightning.training.distributed import plugins

# What Lightning and torch raise for settings that they cannot work with.
SETTING_ERRORS = (
    MisconfigurationException,
    ImportError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
NO_TENSORFLOW = "tensorboard.compat.notf"


def one_device(configured: Any) -> dict[str, Any]:
    """The arguments of a Trainer that evaluates: it uses the first of the configured devices.

    Args:
        configured: The user's Trainer settings.
    """
    devices = configured.devices[:1] if isinstance(configured.devices, list) else 1
    return {
        "devices": devices,
        "num_nodes": 1,
        "strategy": "auto",
        "plugins": plugins(configured.plugins, one_device=True),
    }


def default_loggers(folder: Path) -> list[Logger]:
    """Loggers for metrics.csv and TensorBoard, which write into the run folder.

    Args:
        folder: The run folder.
    """
    # With this module TensorBoard does not import TensorFlow, which takes seconds and prints lines.
    sys.modules.setdefault(NO_TENSORFLOW, ModuleType(NO_TENSORFLOW))
    place = str(folder.absolute())
    return [
        CSVLogger(save_dir=place, name="", version=""),
        TensorBoardLogger(save_dir=place, name="", version=""),
    ]


@contextlib.contextmanager
def trainer_errors(subject: str = "trainer") -> Iterator[None]:
    """Turn what a Trainer, or one of its parts, refuses to be built with into an InputError.

    Args:
        subject: What is built, for the message.
    """
    try:
        yield
    except SETTING_ERRORS as error:
        raise _refused(error, subject) from error


@contextlib.contextmanager
def refusals(trainer: lightning.Trainer) -> Iterator[None]:
    """Turn what Lightning refuses in a run into an InputError.

    Until the first step these are the errors of settings, except those that this program's own
    code raises: they are its bugs. From then on only a misconfiguration is one.

    Args:
        trainer: The Trainer that runs.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise _refused(error, "trainer") from error
    except SETTING_ERRORS as error:
        if trainer.global_step or trainer.fit_loop.batch_idx > 0 or _is_ours(error):
            raise
        raise _refused(error, "trainer") from error


def _refused(error: BaseException, subject: str) -> InputError:
    causes = list(_causes(error))
    if ours := next((one for one in causes if isinstance(one, InputError)), None):
        return ours
    if missing := next((one for one in causes if isinstance(one, ModuleNotFoundError)), None):
        return _missing(missing, subject)
    if str(error).startswith("Does not validate against any"):  # jsonargparse lists all it tried
        error = causes[-1]
    text = escaped(" ".join(str(error).split()).rstrip(".") or type(error).__name__)
    hint = f"change the --{subject} argument that it names"
    return InputError(f"{subject}: {text}", hint=hint)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _missing(error: ModuleNotFoundError, subject: str) -> InputError:
    """The error for a package that Lightning uses and this program does not require."""
    text = " ".join(str(error).split())
    named = re.search(r"[Rr]equirement '([\w.-]+)|[Nn]o module named '([\w.-]+)", text)
    quoted = named or re.search(r"`([\w-]+)`|pip install (?:-U )?'?([\w-]+)", text)
    package = next((part for part in quoted.groups() if part), "") if quoted else ""
    return InputError(
        subject,
        expected=f"the package {package}" if package else "a package that is installed",
        found="none of that name" if package else escaped(text),
        hint=f"run `pip install {package or 'NAME'}`, or change the setting that uses it",
    )


def _is_ours(error: BaseException) -> bool:
    """Whether an error came out of this package's own code below the command line."""
    own = Path(ecg_lightning.__file__).parent
    return any(
        Path(frame.filename).is_relative_to(own)
        and not Path(frame.filename).is_relative_to(own / "cli")
        for frame in traceback.extract_tb(error.__traceback__)
    )
