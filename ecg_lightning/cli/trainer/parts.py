"""What a command adds to the Trainer that the user configured: devices, loggers, clear errors."""

import contextlib
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

import ecg_lightning
from ecg_lightning.errors import InputError
from ecg_lightning.system.terminal import on_a_terminal
from ecg_lightning.text import escaped
from ecg_lightning.training.callbacks.epoch_bar import EpochBar
from ecg_lightning.training.checkpoints import checked_checkpoint
from ecg_lightning.training.distributed import plugins
from ecg_lightning.training.run import EVENTS, Run
from ecg_lightning.training.trackers import known_trackers, of_run

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


def own_callbacks(configured: Any) -> list[Callback]:
    """Return the user's callbacks as a list.

    Args:
        configured: The setting: none, one or several.
    """
    several = isinstance(configured, list | tuple)
    return list(configured) if several else [configured] if configured else []


def progress_bars(own: Sequence[Callback], wanted: bool | None) -> list[Callback]:
    """Return the progress bars of a Trainer: the user's, or one that fits a terminal.

    Args:
        own: The user's callbacks.
        wanted: The Trainer's `enable_progress_bar`.
    """
    if wanted is False:
        return []
    bars: list[Callback] = [one for one in own if isinstance(one, ProgressBar)]
    if not bars and on_a_terminal(sys.stdout):
        bars = [EpochBar()]
    return bars


def begun_loggers(loggers: Sequence[Logger], run: Run) -> list[Logger]:
    """Return the loggers that begin with nothing, and so need the epochs before a resumed one.

    Args:
        loggers: From `run_loggers`.
        run: The run.
    """
    if run.checkpoint is None:
        return list(loggers)
    kinds = (CSVLogger,) if any(run.folder.glob(EVENTS)) else (CSVLogger, TensorBoardLogger)
    return [logger for logger in loggers if isinstance(logger, kinds)]


def run_loggers(settings: Any, built: Any, run: Run) -> list[Logger]:
    """Return the loggers of a fit: metrics.csv, and TensorBoard or those that the user names.

    They write into the run folder, except where the user has chosen another place. Those of a run
    that is resumed continue what they have begun.

    Args:
        settings: The parsed setting `trainer.logger`; False is none at all.
        built: What was built from it.
        run: The run.
    """
    if built is False:
        return []
    # With this module TensorBoard does not import TensorFlow, which takes seconds and prints lines.
    sys.modules.setdefault(NO_TENSORFLOW, ModuleType(NO_TENSORFLOW))
    place = str(run.folder.absolute())
    table = CSVLogger(save_dir=place, name="", version="")
    if built in (None, True):
        return [table, _tensorboard(place, run)]
    known = known_trackers(run.folder) if run.checkpoint else {}
    several = isinstance(built, list)
    loggers, own = (built, settings) if several else ([built], [settings])
    with trainer_errors():
        return [
            table,
            *(
                of_run(logger, setting, run.folder, known.get(type(logger).__name__))
                for logger, setting in zip(loggers, own, strict=True)
            ),
        ]


def _tensorboard(place: str, run: Run) -> TensorBoardLogger:
    """The logger whose file a resumed run continues: later steps in it are not shown."""
    content = checked_checkpoint(str(run.checkpoint), "fit") if run.checkpoint else None
    settings: dict[str, Any] = {"default_hp_metric": False}
    if content:
        settings["purge_step"] = content["global_step"]
    return TensorBoardLogger(save_dir=place, name="", version="", **settings)


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
