"""The command line: `ecg-lightning fit | validate | test | predict | prepare`, and what `scripts/train.py` runs.

`crossval`, `report`, `show`, `import-keras` and `export` have a parser of their own, see `commands`.

What the user can mend ends in one line instead of a traceback.
"""

import logging
import sys
import warnings
from collections.abc import Sequence

from jsonargparse import ArgumentError

from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.lightning import CLI, SUBCOMMANDS, RunFinishedError
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.cli.verbs import COMMANDS
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.atomic_files import FULL
from ecg_lightning.system.memory import keep_freed_memory
from ecg_lightning.system.preemption import TRY_AGAIN, PreemptedError
from ecg_lightning.training.distributed import is_first_rank, status_of_rank


def main(args: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status, 2 after a mistake that the user can mend."""
    return _run(sys.argv[1:] if args is None else args)


def train(args: Sequence[str] | None = None) -> int:
    """Fits, then tests: what `scripts/train.py` runs. Without arguments it trains on the synthetic database."""
    args = list(sys.argv[1:] if args is None else args)
    if not args:
        print(
            "Training DeepConv1d on the synthetic database (demo.yaml), about a minute on two CPU cores.\n"
            "On MIT-BIH:  python scripts/train.py --config deep_conv1d.yaml --data.root FOLDER_OF_THE_RECORDS\n"
            "(without --data.root the 48 records are downloaded from PhysioNet, about 100 MB)\n",
            flush=True,
        )
        args = ["--config", "demo.yaml"]
    return _run(["fit", *args], test_after_fit=True)


def _run(args: Sequence[str], test_after_fit: bool = False) -> int:
    _quiet()
    keep_freed_memory()
    try:
        if args and args[0] in COMMANDS:
            COMMANDS[args[0]](args[1:])
        else:
            CLI(resolved(args), test_after_fit)
    except RunFinishedError as end:
        if is_first_rank():
            print(end, flush=True)
    except PreemptedError as end:
        if is_first_rank():
            print(f"{PROGRAM}: {end}", file=sys.stderr, flush=True)
        return status_of_rank(TRY_AGAIN)
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = error.filename or "the run's folder"
        return _refuse(
            f"{place}: expected room to write, found: {error.strerror}; make room on that disk, then repeat the command"
        )
    except ArgumentError as error:
        verb = next((word for word in args if word in SUBCOMMANDS), "")
        return _refuse(in_one_line(str(error), f"{PROGRAM} {verb}".strip()))
    return 0


def _refuse(line: str) -> int:
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    return status_of_rank(2)


def _quiet() -> None:
    """Leaves out Lightning's notes on hardware and workers, which nobody has to act on."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    warnings.filterwarnings(
        "ignore", message=".*args parameter is intended to run from within Python.*"
    )
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
    warnings.filterwarnings(
        "ignore", message=".*`srun` command is available on your system.*"
    )  # so it is on a login node
    warnings.filterwarnings(
        "ignore", message=".*It is recommended to use `self.log.*sync_dist.*"
    )  # the measures are those of all ranks
    warnings.filterwarnings(
        "ignore", message=".*smaller than the logging interval.*"
    )  # figures are logged by epoch
    warnings.filterwarnings(
        "ignore", message=".*exists and is not empty.*"
    )  # a repeated command's own folder
    warnings.filterwarnings(
        "ignore", message="The dirpath has changed"
    )  # every run has a folder of its own
