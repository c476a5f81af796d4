"""The command line: `ecg-lightning fit | validate | test | predict | prepare`, and what `scripts/train.py` runs.

`crossval`, `report`, `import-keras` and `export` have a parser of their own, see `commands`.

It is LightningCLI with the run's folder, callbacks and loggers put in place, configs found by name inside the package, and one line
instead of a traceback for what the user can mend.
"""

import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning
import numpy as np
import torch
import yaml
from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from ecg_lightning import models
from ecg_lightning.best_checkpoint import BestCheckpoint
from ecg_lightning.checkpoints import checkpoint_path, run_config
from ecg_lightning.classifier import DESCRIPTION, BeatClassifier
from ecg_lightning.commands import COMMANDS
from ecg_lightning.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation import Evaluation, write_evaluation
from ecg_lightning.parser_messages import in_one_line
from ecg_lightning.predictions import write_predictions
from ecg_lightning.progress import EpochLines, on_a_terminal
from ecg_lightning.run_folder import HISTORY_KEYS, RunFolder

PROGRAM = "ecg-lightning"
ABOUT = "Classify heartbeats. Besides the verbs below: crossval, report, import-keras, export."
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
        datamodule.prepare_data(fill_root=True)
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
        self.folder: Path | None = None
        quiet = {"exit_on_error": False}
        try:
            super().__init__(
                BeatClassifier,
                BeatDataModule,
                trainer_class=Trainer,
                trainer_defaults={"max_epochs": 70, "devices": 1, "num_sanity_val_steps": 0, "enable_model_summary": False},
                seed_everything_default=0,
                save_config_kwargs={"overwrite": True},
                parser_kwargs={"description": ABOUT, **quiet, **{name: quiet for name in SUBCOMMANDS}},
                args=list(args),
            )
        except InputError:
            _remove_unused(self.folder)
            raise

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
        parser.set_defaults({"model.network": {"class_path": f"{models.__name__}.DeepConv1d"}})
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults({"early_stopping.monitor": "val_loss", "early_stopping.patience": 18})
        parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
        best = {"monitor": "val_loss", "filename": "best", "enable_version_counter": False}
        parser.set_defaults({f"checkpoint.{key}": value for key, value in best.items()})
        parser.link_arguments("data.input_length", "model.network.init_args.input_length", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parses, then checks what would otherwise fail late: the checkpoint, and what is monitored."""
        super().parse_arguments(parser, args)
        verb = self.config.subcommand
        for name in ("early_stopping", "checkpoint"):
            monitor, mode = self.config[verb][name].monitor, self.config[verb][name].mode
            if monitor not in HISTORY_KEYS:
                raise InputError(f"{name}.monitor: expected one of {', '.join(HISTORY_KEYS)}, found {monitor}; change --{name}.monitor")
            if mode != (best := "max" if monitor.endswith("accuracy") else "min"):
                raise InputError(f"{name}.mode: expected {best} for {monitor}, found {mode}; give --{name}.mode {best}")
        self.checkpoint = _checked_checkpoint(self.config[verb].get("ckpt_path"), verb)

    def instantiate_trainer(self, **kwargs: Any) -> lightning.Trainer:
        """The Trainer with the run's folder, loggers and progress; what the user configured stays."""
        settings = self._get(self.config_init, "trainer")
        if self.subcommand == "prepare":
            return self._trainer(enable_progress_bar=False, logger=False, callbacks=[])
        bar = settings.enable_progress_bar is not False and on_a_terminal(sys.stdout)
        if self.checkpoint:
            _check_weights(self._get(self.config, "ckpt_path"), self.checkpoint, self.model)
        self.folder = _run_folder(Path(settings.default_root_dir or "runs"), f"{self.subcommand}-{type(self.model.network).__name__}")
        self.run = RunFolder()
        callbacks = [self.run, RichProgressBar() if bar else EpochLines()]
        trainer = self._trainer(
            callbacks=[*(settings.callbacks or []), *callbacks],
            logger=self._loggers(settings.logger, self.folder),
            enable_progress_bar=bar,
            default_root_dir=str(self.folder.absolute()),  # checkpoints remember paths, and a run may be resumed from elsewhere
        )
        # Without a monitor it keeps the latest epoch. Behind the configured one, which stays Lightning's "best".
        self.last = ModelCheckpoint(filename="last", enable_version_counter=False)
        trainer.callbacks.append(self.last)  # type: ignore[attr-defined]
        return trainer

    def before_fit(self) -> None:
        """Tells the model the run's settings, for its checkpoints."""
        self.model.config = self._settings()

    def after_fit(self) -> None:
        """Evaluates the best weights, and for `train` the test part and the last epoch's weights too."""
        callback: Any = self.trainer.checkpoint_callback
        # Both now: loading the best checkpoint also brings back what the callbacks knew in its epoch.
        best, last = callback and callback.best_model_path, self.last.best_model_path
        if best:  # neither under fast_dev_run nor where checkpoints are switched off
            self.trainer.loggers = []  # the logs are the fit's; an evaluation's figures go to metrics.json
            self._evaluate("best", best)
            if self.test_after_fit:
                self.run.section = "last_epoch"
                self._evaluate("last", last)
        self._finish()

    def after_validate(self) -> None:
        """Ends with the run's folder."""
        self._report("validation")
        self._finish()

    def after_test(self) -> None:
        """Ends with the run's folder."""
        self._report("test")
        self._write_evaluation()
        self._finish()

    def after_predict(self) -> None:
        """Writes `predictions.csv`, then ends with the run's folder."""
        if self.trainer.is_global_zero:
            batches: Any = self.trainer.predict_loop.predictions
            probabilities = torch.cat(batches).cpu().numpy()
            rows = self.datamodule.split_rows.test[: len(probabilities)]
            write_predictions(Path(self.trainer.default_root_dir) / "predictions.csv", self.datamodule.beats, rows, probabilities)
        self._finish()

    def _settings(self) -> dict[str, Any]:
        settings = yaml.safe_load(self._parser(self.subcommand).dump(self.config[self.subcommand], skip_none=False))
        return run_config(settings, self.datamodule.settings)

    def _trained(self) -> dict[str, Any] | None:
        """How the weights had been trained before this run; None for a fit from the start."""
        return self.checkpoint.get(DESCRIPTION, {}).get("config", {}) if self.checkpoint else None

    def _write_evaluation(self) -> None:
        """The test part's figures, beats and page, in the run's folder."""
        if not self.trainer.is_global_zero or not len(self.model.test_probabilities):
            return
        data, model = self.datamodule, self.model
        probabilities = model.test_probabilities.numpy()
        rows = data.split_rows.test[: len(probabilities)]  # fewer under --trainer.limit_test_batches
        beats = data.beats
        evaluation = Evaluation(
            part="test",
            split=data.split,
            shared_patients=tuple(data.shared_patients("test")),
            checkpoint=str(self.trainer.ckpt_path) if self.trainer.ckpt_path else None,
            settings=self._settings(),
            records=beats.record_ids[rows],
            samples=beats.samples[rows],
            symbols=beats.symbols[rows],
            fs_hz=data.settings.fs_hz,
            labels=beats.labels[rows],
            probabilities=probabilities,
            trained=self._trained(),
            epochs=model.loaded_epoch,
        )
        if np.isfinite(probabilities).all():  # a network that has come to NaN has no figures; its loss says so
            folder = Path(self.trainer.default_root_dir)
            content = write_evaluation(folder, evaluation, data.strips())
            self.run.add_measures(folder, "test", content["measures"])

    def _trainer(self, **settings: Any) -> lightning.Trainer:
        try:
            return super().instantiate_trainer(**settings)
        except (MisconfigurationException, ValueError) as error:  # no such device, accelerator or strategy
            raise InputError(f"trainer: {' '.join(str(error).split()).rstrip('.')}; change the --trainer argument that it names") from error

    def _loggers(self, configured: Any, folder: Path) -> Any:
        if configured not in (None, True):
            return configured
        if self.subcommand != "fit":
            return False
        # With this module present TensorBoard does not look for TensorFlow, whose import takes seconds and prints a dozen lines.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
        return [kind(save_dir=str(folder.absolute()), name="", version="") for kind in (CSVLogger, TensorBoardLogger)]

    def _evaluate(self, weights: str, path: str) -> None:
        self.trainer.validate(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
        self._report("validation", f", {weights} weights")
        if self.test_after_fit:
            self.trainer.test(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
            self._report("test", f", {weights} weights")
            if weights == "best":
                self._write_evaluation()

    def _report(self, part: str, weights: str = "") -> None:
        if self.trainer.is_global_zero and part in self.model.confusion:
            matrix = self.model.confusion[part]
            right, total, loss = int(matrix.diagonal().sum()), int(matrix.sum()), self.model.mean_loss[part]
            print(f"{part}{weights}: accuracy {right / total:.4f} ({right:,} of {total:,}), loss {loss:.4f}", flush=True)

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
        if args and args[0] in COMMANDS:
            COMMANDS[args[0]](args[1:])
        else:
            CLI(_resolved(args), test_after_fit)
    except InputError as error:
        return _refuse(str(error))
    except ArgumentError as error:
        verb = next((word for word in args if word in SUBCOMMANDS), "")
        return _refuse(in_one_line(str(error), f"{PROGRAM} {verb}".strip()))
    return 0


def _refuse(line: str) -> int:
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    return 2


def _resolved(args: Sequence[str]) -> list[str]:
    """The arguments with paths for the names of shipped configs and weights, and import paths for our networks' names."""
    networks = {"--model.network": _network, "--model.network.class_path": _network}
    resolve = {"--config": _config, "-c": _config, **networks, "--ckpt_path": lambda name: str(checkpoint_path(name))}
    found = list(args)
    for i, word in enumerate(found):
        flag, equals, value = word.partition("=")
        if flag not in resolve:
            continue
        place, prefix = (i, f"{flag}=") if equals else (i + 1, "")
        if place >= len(found):
            raise InputError(f"{flag}: expected a value behind it, found the end of the command; name one")
        found[place] = prefix + resolve[flag](value if equals else found[place])
    return found


def _network(name: str) -> str:
    """Torch has a Conv2d too."""
    return f"{models.__name__}.{name}" if name in models.__all__ else name


def _config(name: str) -> str:
    packaged = resources.files("ecg_lightning").joinpath("configs", name)
    if Path(name).name == name and not Path(name).is_file() and packaged.is_file():
        return str(packaged)
    if not Path(name).is_file():
        raise InputError(f"config {name}: no such file, and no shipped config of that name; shipped are {', '.join(config_names())}")
    try:
        settings = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"config {name}: expected a YAML file, found: {' '.join(str(error).split())}; correct the file") from error
    if not isinstance(settings, dict):
        raise InputError(f"config {name}: expected settings such as `data:`, found {type(settings).__name__}; start from a shipped config")
    return name


def _checked_checkpoint(name: str | None, verb: str) -> dict[str, Any] | None:
    """The checkpoint's content, if one is named.

    Refuses one that is not there or not ours, and to judge a network that nobody has trained.
    """
    advice = "a run keeps its checkpoints in RUN/checkpoints/best.ckpt and last.ckpt"
    if verb in ("fit", "prepare") and name is None:
        return None
    if name is None:
        raise InputError(f"ckpt_path: expected the checkpoint to {verb}, found none; give --ckpt_path: {advice}")
    if not Path(name).is_file():
        raise InputError(f"ckpt_path {name}: expected a checkpoint, found no such file; {advice}")
    try:
        content: dict[str, Any] = torch.load(name, map_location="cpu", weights_only=True)
        content["state_dict"], content["pytorch-lightning_version"]
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        found = f"found a file that cannot be read as one ({type(error).__name__})"
        raise InputError(f"ckpt_path {name}: expected a checkpoint of this program, {found}; {advice}") from error
    return content


def _check_weights(name: str, checkpoint: Mapping[str, Any], model: BeatClassifier) -> None:
    """Refuses the checkpoint of another network before anything is written."""
    states = checkpoint["state_dict"], model.state_dict()
    shapes, expected = ({key: tuple(tensor.shape) for key, tensor in of.items()} for of in states)
    if wrong := [key for key in {**expected, **shapes} if shapes.get(key) != expected.get(key)]:
        raise InputError(
            f"ckpt_path {name}: expected the weights of {type(model.network).__name__}, found others: {wrong[0]} is "
            f"{shapes.get(wrong[0], 'not there')}, expected {expected.get(wrong[0], 'none')}, and {len(wrong) - 1} more; use the "
            "config.yaml of the run that wrote it"
        )


def _run_folder(root: Path, what: str) -> Path:
    """Makes a new folder below `root`, named by time and content; other ranks of the same run take the first one's."""
    given = os.environ.get(RUN_VARIABLE)
    if given and int(os.environ.get("LOCAL_RANK", 0)) > 0:
        return Path(given)
    name, again = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{what}", 0
    folder = root / name
    while True:
        try:
            folder.mkdir(parents=True)
            break
        except OSError as error:
            if not folder.exists():
                found = f"found: {error.strerror}; choose another --trainer.default_root_dir"
                raise InputError(f"{root}: expected a folder that runs can be written to, {found}") from error
            again += 1  # another job started in the same second
            folder = root / f"{name}-{again}"
    os.environ[RUN_VARIABLE] = str(folder)
    return folder


def _remove_unused(folder: Path | None) -> None:
    """A run that was refused before its first epoch leaves no folder."""
    first = int(os.environ.get("LOCAL_RANK", 0)) == 0
    if folder and first and not [*folder.rglob("*.ckpt"), *folder.glob("metrics.*")]:
        shutil.rmtree(folder, ignore_errors=True)


def _quiet() -> None:
    """Leaves out Lightning's notes on hardware and workers, which nobody has to act on."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    warnings.filterwarnings("ignore", message=".*args parameter is intended to run from within Python.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # figures are logged by epoch
    warnings.filterwarnings("ignore", message="The dirpath has changed")  # every run has a folder of its own
