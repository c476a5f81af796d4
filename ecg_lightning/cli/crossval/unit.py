"""One unit of a crossval, a run with a fold and a seed; this module is also the child process."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.exit_status import status_of
from ecg_lightning.cli.record_warnings import SOME_SKIPPED
from ecg_lightning.cli.trainer.command import CLI
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.predictions import PREDICTIONS
from ecg_lightning.training.run import is_finished

MODULE = "ecg_lightning.cli.crossval.unit"  # __name__ is "__main__" in a child
SETTINGS, RUN = "crossval.yaml", "run"


@dataclass(frozen=True)
class Unit:
    """A fold, where there are folds, and a seed.

    Attributes:
        fold: From 0; None without folds.
        seed: For the weights and the sampler.
    """

    fold: int | None
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"seed-{self.seed}" if self.fold is None else f"fold-{self.fold}-seed-{self.seed}"

    @property
    def arguments(self) -> list[str]:
        """Its additions to the shared settings."""
        fold = [] if self.fold is None else ["--data.fold", str(self.fold)]
        return [*fold, "--data.seed", str(self.seed), "--seed_everything", str(self.seed)]

    def command(self, folder: Path) -> list[str]:
        """The command line of the child process that runs the unit."""
        fold = "" if self.fold is None else str(self.fold)
        # -P: modules in the working folder must not replace installed ones
        return [sys.executable, "-P", "-m", MODULE, str(folder), fold, str(self.seed)]

    def predictions(self, folder: Path) -> Path | None:
        """The predictions of the unit; None if it is not finished."""
        run = folder / self.name / RUN
        path = run / PREDICTIONS
        return path if is_finished(run, tested=True) and path.is_file() else None


def run_unit(folder: Path, unit: Unit) -> None:
    """Fit and test, as scripts/train.py does; resume what an earlier process began.

    Args:
        folder: The folder of the crossval; it holds crossval.yaml.
        unit: What to run.

    Raises:
        InputError: The run was refused, or it left no predictions.
    """
    run = folder / unit.name / RUN
    settings = ["--config", str(folder / SETTINGS), *unit.arguments, "--output", str(run)]
    CLI(resolved(["fit", *settings]), test_after_fit=True)
    if not (run / PREDICTIONS).is_file():
        raise InputError(
            str(run),
            expected=f"{PREDICTIONS} of the tested best weights",
            found="none",
            hint="the network has diverged (lower --model.learning_rate), "
            "or checkpoints are switched off",
        )


def main(args: Sequence[str]) -> int:
    """Run the unit that FOLDER FOLD SEED name; FOLD is empty without folds."""
    folder, fold, seed = args
    unit = Unit(int(fold) if fold else None, int(seed))
    status = status_of(lambda: run_unit(Path(folder), unit), "fit")
    return 0 if status == SOME_SKIPPED else status  # crossval itself says what was skipped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
