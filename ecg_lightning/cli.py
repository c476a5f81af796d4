"""The command line: `ecg-lightning fit | validate | test | predict | prepare`, and what `scripts/train.py` runs.

It is LightningCLI with the run's folder, callbacks and loggers put in place, configs found by name inside the package, and one line
instead of a traceback for what the user can mend.
"""

import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning
import torch
from jsonargparse import ArgumentError
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

import ecg_lightning.models  # noqa: F401  the parser finds networks by their class names once they are imported
from ecg_lightning.classifier import BeatClassifier
from ecg_lightning.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.predictions import write_predictions
from ecg_lightning.progress import EpochLines, on_a_terminal
from ecg_lightning.run_folder import RunFolder

PROGRAM = "ecg-lightning"
SUBCOMMANDS = ("fit", "validate", "test", "predict", "prepare")
RUN_VARIABLE = "ECG_LIGHTNING_RUN"  # hands the run's folder to the processes that Lightning starts for other devices


class Trainer(lightning.Trainer):
    """Lightning's Trainer with one more verb."""

    def prepare(self, model: lightning.LightningModule, datamodule: BeatDataModule) -> None:
        """Download or write the records and fill the beats cache, so that jobs need no network.

        Args:
            model: Not used; every verb takes the same arguments.
            datamodule: What to prepare.
        """
        datamodule.prepare_data()
        datamodule.setup()
        counts = datamodule.beats.class_counts()
        print(f"{len(datamodule.beats):,} beats: " + " · ".join(f"{name} {count:,}" for name, count in counts.items()))
        for part, of_part in datamodule.class_counts().items():
            print(f"{part:>10}: " + " · ".join(f"{name} {count:,}" for name, count in of_part.items()))


class CLI(LightningCLI):
    """LightningCLI with this project's run folder.

    Args:
        args: The command line, without the program's name.
        test_after_fit: Also evaluate the test part, with the best and with the last epoch's weights.
    """

    def __init__(self, args: Sequence[str], test_after_fit: bool = False) -> None:
        self.test_after_fit = test_after_fit
        self.folder = Path()
        super().__init__(
            BeatClassifier,
            BeatDataModule,
            trainer_class=Trainer,
            trainer_defaults={"max_epochs": 70, "devices": 1, "num_sanity_val_steps": 0, "enable_model_summary": False},
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"exit_on_error": False, **{name: {"exit_on_error": False} for name in SUBCOMMANDS}},
            args=list(args),
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's, and `prepare`."""
        taken = {"model", "dataloaders", "datamodule"}
        return {
            "fit": taken | {"train_dataloaders", "val_dataloaders"},
            "validate": taken,
            "test": taken,
            "predict": taken | {"return_predictions"},
            "prepare": taken,
        }

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Early stopping and checkpoints as in the original, and the network's input length from the data."""
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults({"early_stopping.monitor": "val_loss", "early_stopping.patience": 18})
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        best = {"monitor": "val_loss", "filename": "best", "enable_version_counter": False}
        parser.set_defaults({f"checkpoint.{key}": value for key, value in best.items()})
        parser.link_arguments("data.input_length", "model.network.init_args.input_length", apply_on="instantiate")

    def instantiate_trainer(self, **kwargs: Any) -> lightning.Trainer:
        """The Trainer with the run's folder, loggers and progress; what the user configured stays."""
        settings = self._get(self.config_init, "trainer")
        bar = settings.enable_progress_bar is not False and on_a_terminal()
        root = Path(settings.default_root_dir or "runs")
        self.folder = _run_folder(root, f"{self.subcommand}-{type(self.model.network).__name__}")
        self.run = RunFolder()
        callbacks = [self.run, RichProgressBar() if bar else EpochLines()]
        if self.subcommand == "prepare":
            return super().instantiate_trainer(enable_progress_bar=False, logger=False, callbacks=[])
        trainer = super().instantiate_trainer(
            callbacks=[*(settings.callbacks or []), *callbacks],
            logger=self._loggers(settings.logger),
            enable_progress_bar=bar,
            default_root_dir=str(self.folder),
        )
        # Without a monitor it keeps the latest epoch. Behind the configured one, which stays Lightning's "best".
        self.last = ModelCheckpoint(filename="last", enable_version_counter=False)
        trainer.callbacks.append(self.last)  # type: ignore[attr-defined]
        return trainer

    def after_fit(self) -> None:
        """Evaluates the best weights, and for `train` the test part and the last epoch's weights too."""
        best: Any = self.trainer.checkpoint_callback
        if best and best.best_model_path:  # neither under fast_dev_run nor where checkpoints are switched off
            self.trainer.loggers = []  # the logs are the fit's; an evaluation's figures go to metrics.json
            self._evaluate("best", best.best_model_path)
            if self.test_after_fit:
                self.run.section = "last_epoch"
                self._evaluate("last", self.last.best_model_path)
        self._finish()

    def after_validate(self) -> None:
        """Ends with the run's folder."""
        self._report("validation")
        self._finish()

    def after_test(self) -> None:
        """Ends with the run's folder."""
        self._report("test")
        self._finish()

    def after_predict(self) -> None:
        """Writes `predictions.csv`, then ends with the run's folder."""
        if self.trainer.is_global_zero:
            batches: Any = self.trainer.predict_loop.predictions
            probabilities = torch.cat(batches).cpu().numpy()
            rows = self.datamodule.split_rows.test[: len(probabilities)]
            write_predictions(self.folder / "predictions.csv", self.datamodule.beats, rows, probabilities)
        self._finish()

    def _loggers(self, configured: Any) -> Any:
        if configured not in (None, True):
            return configured
        if self.subcommand != "fit":
            return False
        # With this module present TensorBoard does not look for TensorFlow, whose import takes seconds and prints a dozen lines.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
        return [kind(save_dir=str(self.folder), name="", version="") for kind in (CSVLogger, TensorBoardLogger)]

    def _evaluate(self, weights: str, path: str) -> None:
        self.trainer.validate(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
        self._report("validation", f", {weights} weights")
        if self.test_after_fit:
            self.trainer.test(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
            self._report("test", f", {weights} weights")

    def _report(self, part: str, weights: str = "") -> None:
        if self.trainer.is_global_zero and part in self.model.confusion:
            matrix = self.model.confusion[part]
            right, total = int(matrix.diagonal().sum()), int(matrix.sum())
            print(f"{part}{weights}: accuracy {right / total:.4f} ({right:,} of {total:,}), loss {self.model.mean_loss[part]:.4f}", flush=True)

    def _finish(self) -> None:
        if self.trainer.is_global_zero:
            print(self.folder, flush=True)


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


def config_names() -> list[str]:
    """The configs inside the package."""
    return sorted(path.name for path in resources.files("ecg_lightning").joinpath("configs").iterdir() if path.name.endswith(".yaml"))


def _run(args: Sequence[str], test_after_fit: bool = False) -> int:
    _quiet()
    try:
        CLI(_with_config_paths(args), test_after_fit)
    except InputError as error:
        return _refuse(str(error))
    except ArgumentError as error:
        return _refuse(_one_line(error))
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        return _refuse(f"ckpt_path: the checkpoint does not fit the network: {_one_line(error)}; use the config of the run that wrote it")
    return 0


def _refuse(line: str) -> int:
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    return 2


def _one_line(error: Exception) -> str:
    """The gist of a parser's message of several lines."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    return re.sub(r"\s+", " ", " ".join(lines))[:600]


def _with_config_paths(args: Sequence[str]) -> list[str]:
    """Replaces the name of a shipped config by its path; checks that every config and checkpoint is there."""
    found = list(args)
    for i, word in enumerate(found):
        flag, _, value = word.partition("=")
        if flag not in ("--config", "-c", "--ckpt_path"):
            continue
        place, prefix = (i, f"{flag}=") if value else (i + 1, "")
        if place >= len(found):
            raise InputError(f"{flag}: expected a file behind it, found the end of the command; name one")
        value = value or found[place]
        found[place] = prefix + (_checkpoint(value) if flag == "--ckpt_path" else _config(value))
    return found


def _config(name: str) -> str:
    if Path(name).is_file():
        return name
    packaged = resources.files("ecg_lightning").joinpath("configs", name)
    if Path(name).name == name and packaged.is_file():
        return str(packaged)
    raise InputError(f"config {name}: no such file, and no shipped config of that name; shipped are {', '.join(config_names())}")


def _checkpoint(name: str) -> str:
    if name in ("best", "last", "hpc", "registry", "null"):
        return name
    if not Path(name).is_file():
        raise InputError(f"ckpt_path {name}: no such file; a run keeps its checkpoints in RUN/checkpoints/best.ckpt and last.ckpt")
    try:
        torch.load(name, map_location="cpu", weights_only=True)["state_dict"]
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        raise InputError(
            f"ckpt_path {name}: expected a checkpoint of this program, found a file that cannot be read as one ({type(error).__name__}); "
            "a run keeps its checkpoints in RUN/checkpoints"
        ) from error
    return name


def _run_folder(root: Path, what: str) -> Path:
    """A new folder below `root`, named by time and content; other ranks of the same run take the first one's."""
    given = os.environ.get(RUN_VARIABLE)
    if given and int(os.environ.get("LOCAL_RANK", 0)) > 0:
        return Path(given)
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    folder, again = root / f"{stamp}-{what}", 1
    while folder.exists():
        folder, again = root / f"{stamp}-{what}-{again}", again + 1
    os.environ[RUN_VARIABLE] = str(folder)
    return folder


def _quiet() -> None:
    """Leaves out Lightning's notes on hardware and workers, which nobody has to act on."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    warnings.filterwarnings("ignore", message=".*args parameter is intended to run from within Python.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
