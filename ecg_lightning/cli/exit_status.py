"""How a command ends: its exit status, and one line instead of a traceback."""

import logging
import sys
import warnings
from collections.abc import Callable

from ecg_lightning.cli.messages import error_line
from ecg_lightning.cli.record_warnings import RecordWarnings
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.atomic_files import FULL
from ecg_lightning.system.memory import keep_freed_memory
from ecg_lightning.system.preemption import TRY_AGAIN, PreemptedError

UNNECESSARY = (  # nobody has to act on these warnings of Lightning
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*LeafSpec.*is deprecated.*",
    ".*`srun` command is available on your system.*",  # true on every login node
    ".*It is recommended to use `self.log.*sync_dist.*",  # metrics are those of all ranks already
    ".*smaller than the logging interval.*",  # metrics are logged once an epoch
    ".*exists and is not empty.*",  # the folder of a resumed run
    "The dirpath has changed",  # every run has an own folder
)


def status_of(command: Callable[[], object], verb: str) -> int:
    """Run a command and return its exit status.

    Args:
        command: What to run.
        verb: Its verb, whose flags the messages name.

    Returns:
        0 after success, 1 after success without the records that were skipped, 2 after a mistake
        that the user can correct, 75 after a signal: the same command then resumes the run. Under
        several processes the first one decides.
    """
    _quiet()
    keep_freed_memory()
    record_warnings = RecordWarnings()
    with record_warnings.shown():
        status = _status_of(command, verb)
    return status or record_warnings.end()


def _status_of(command: Callable[[], object], verb: str) -> int:
    try:
        command()
    except PreemptedError as end:
        return _ended(str(end), TRY_AGAIN, first_rank_only=True)
    except InputError as error:
        return _ended(error_line(error, verb), 2)
    except OSError as error:
        if error.errno not in FULL:
            raise
        full = InputError(
            str(error.filename or "the run folder"),
            expected="room to write",
            found=str(error.strerror),
            hint="make room on that disk, then repeat the command",
        )
        return _ended(str(full), 2)
    return 0


def _ended(line: str, status: int, first_rank_only: bool = False) -> int:
    """Print the line, and return the status that this process of the run should have."""
    if "lightning" not in sys.modules:  # this process is then the only one
        print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
        return status
    from ecg_lightning.training.distributed import is_first_rank, status_of_rank

    if is_first_rank() or not first_rank_only:
        print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    return status_of_rank(status)


def _quiet() -> None:
    """Hide Lightning's notes on hardware and workers."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in UNNECESSARY:
        warnings.filterwarnings("ignore", message=message)
