"""The entry points: `ecg-lightning VERB …`, and what `scripts/train.py` runs."""

import sys
from collections.abc import Sequence

from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.exit_status import status_of
from ecg_lightning.cli.lightning import CLI
from ecg_lightning.cli.verbs import ABOUT, TRAINER_VERBS, command_of

DEMO = """\
Training DeepConv1d on the synthetic database (demo.yaml), about a minute on two CPU cores.
On MIT-BIH:  python scripts/train.py --config deep_conv1d.yaml --data.root FOLDER_OF_THE_RECORDS
(without --data.root the 48 records are downloaded from PhysioNet, about 100 MB)
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, 2 after a mistake that the user can correct."""
    args = sys.argv[1:] if args is None else args
    if args and args[0] in ABOUT and args[0] not in TRAINER_VERBS:
        return status_of(lambda: command_of(args[0])(args[1:]))
    return status_of(lambda: CLI(resolved(args)))


def train(args: Sequence[str] | None = None) -> int:
    """Fit, then test: what `scripts/train.py` runs. The default is the synthetic database."""
    args = list(sys.argv[1:] if args is None else args)
    if not args:
        print(DEMO, flush=True)
        args = ["--config", "demo.yaml"]
    return status_of(lambda: CLI(resolved(["fit", *args]), test_after_fit=True))
