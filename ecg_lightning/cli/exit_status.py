"""How a command ends: its exit status, and one line instead of a traceback."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ecg_lightning.cli.messages import error_line
from ecg_lightning.cli.record_warnings import RecordWarnings
from ecg_lightning.cli.unforeseen import SURROUNDINGS, as_input_error, check_surroundings
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.memory import keep_freed_memory
from ecg_lightning.system.preemption import CTRL_C, INTERRUPTED, PreemptedError
from ecg_lightning.text import LONGEST_PATH, escaped

UNNECESSARY = (  # nobody has to act on these warnings of Lightning
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*LeafSpec.*is deprecated.*",
    ".*`srun` command is available on your system.*",  # true on every login node
    ".*It is recommended to use `self.log.*sync_dist.*",  # metrics are those of all ranks already
    ".*smaller than the logging interval.*",  # metrics are logged once an epoch
    ".*callbacks used to create the checkpoint need to be provided.*",  # those of the run
    ".*exists and is not empty.*",  # the folder of a resumed run
    ".*will be overridden by `CLI.configure_optimizers`.*",  # that is what --optimizer asks for
    "The dirpath has changed",  # every run has an own folder
)


def status_of(command: Callable[[], object], verb: str) -> int:
    """Run a command and return its exit status.

    Args:
        command: What to run.
        verb: Its verb, whose flags the messages name.

    Returns:
        0 after success, 1 after success without the records that were skipped, 2 after a mistake
        that the user can correct, 130 after Ctrl-C, 75 after another signal: the same command then
        resumes the run. Under several processes the first one decides.
    """
    quiet()
    keep_freed_memory()
    record_warnings = RecordWarnings(verb)
    with _held_warnings() as held:
        with record_warnings.shown():
            status = _status_of(command, verb)
        if status:
            held.clear()  # the line says what is wrong
    return status or record_warnings.end()


def _status_of(command: Callable[[], object], verb: str) -> int:
    try:
        check_surroundings()
        command()
    except KeyboardInterrupt:
        return _ended(f"{CTRL_C}: stopped", INTERRUPTED, first_rank_only=True)
    except PreemptedError as end:
        return _ended(escaped(str(end), LONGEST_PATH), end.status, first_rank_only=True)
    except InputError as error:
        return _ended(error_line(error, verb), 2)
    except SURROUNDINGS as error:
        return _ended(error_line(as_input_error(error), verb), 2)
    return 0


def _ended(line: str, status: int, first_rank_only: bool = False) -> int:
    """Print the line, and return the status that this process of the run should have."""
    ranks = sys.modules.get("ecg_lightning.training.distributed")
    if ranks is None:  # this process is then the only one
        print_line(line)
        return status
    if ranks.is_first_rank() or not first_rank_only:
        print_line(line)
    result: int = ranks.status_of_rank(status)
    return result


def print_line(line: str) -> None:
    """Print the line that a command ends with."""
    with contextlib.suppress(OSError):  # nobody reads it
        print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _held_warnings() -> Iterator[list[tuple[Any, ...]]]:
    """Warnings of libraries, held back until the end of the block and then shown.

    So none of them comes before the line of an error, or breaks a progress bar.
    """
    shown, held = warnings.showwarning, list[tuple[Any, ...]]()

    def hold(*args: Any, **kwargs: Any) -> None:
        held.append((*args, *kwargs.values()))

    warnings.showwarning = hold
    try:
        yield held
    finally:
        warnings.showwarning = shown
        for warning in held:
            shown(*warning)


def quiet() -> None:
    """Hide Lightning's notes on hardware and workers."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where its cache is
    for message in UNNECESSARY:
        warnings.filterwarnings("ignore", message=message)
