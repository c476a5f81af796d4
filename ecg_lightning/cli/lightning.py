"""LightningCLI with the run's folder, callbacks and loggers put in place, and runs that go on where they were stopped."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from ecg_lightning.cli.command_line import CommandLine
from ecg_lightning.cli.run_evaluation import RunEvaluation
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.locks import locked
from ecg_lightning.system.preemption import Preemption
from ecg_lightning.system.terminal import on_a_terminal
from ecg_lightning.training.callbacks.epoch_lines import EpochLines
from ecg_lightning.training.callbacks.last_checkpoint import LastCheckpoint, progress
from ecg_lightning.training.callbacks.run_results import RunResults
from ecg_lightning.training.checkpoints import check_weights, checked_checkpoint, run_config
from ecg_lightning.training.distributed import is_first_rank, plugins, refuse_several
from ecg_lightning.training.run import (
    CONFIG,
    RUN_VARIABLE,
    clear_logs,
    is_finished,
    last_checkpoint,
    new_folder,
    remove_unused,
)


class RunFinishedError(Exception):
    """There is nothing left to do; the message says so."""


class CLI(CommandLine):
    """LightningCLI with this project's run folder.

    Args:
        args: The command line, without the program's name.
        test_after_fit: Also evaluate the test part, with the best and with the last epoch's weights.
    """

    def __init__(self, args: Sequence[str], test_after_fit: bool = False) -> None:
        self.test_after_fit = test_after_fit
        self.folder: Path | None = None
        self.output: Path | None = None
        self.resumed: Path | None = None  # where a repeated command goes on from
        self.preemption = Preemption()
        with contextlib.ExitStack() as self.held:
            self.held.enter_context(self.preemption.watched())
            try:
                super().__init__(args)
            except RunFinishedError as end:
                if is_first_rank():
                    print(end, flush=True)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then refuse a checkpoint that cannot be used, before anything is built."""
        super().parse_arguments(parser, args)
        verb = self.config.subcommand
        self.checkpoint = checked_checkpoint(self.config[verb].get("ckpt_path"), verb)

    def before_instantiate_classes(self) -> None:
        """Takes `--output`, which is no setting, out of them, and looks whether that run was begun, or is finished."""
        output = self.config[self.subcommand].pop("output", None)
        if output is not None:
            self.output = Path(output)
            self._look()

    def instantiate_trainer(self, **kwargs: Any) -> lightning.Trainer:
        """The Trainer with the run's folder, loggers and progress; what the user configured stays."""
        settings = self._get(self.config_init, "trainer")
        if self.checkpoint:
            check_weights(self._get(self.config, "ckpt_path"), self.checkpoint, self.model)
        bar = settings.enable_progress_bar is not False and on_a_terminal(sys.stdout)
        self.folder = self._begun(settings)
        self.run = RunResults(folder=self.folder)
        self.last = LastCheckpoint(self.folder / "checkpoints", self.preemption, self._advice())
        trainer = self._trainer(
            one_device=self.subcommand != "fit",
            callbacks=[
                *(settings.callbacks or []),
                self.run,
                RichProgressBar() if bar else EpochLines(),
            ],
            logger=self._loggers(settings.logger, self.folder),
            enable_progress_bar=bar,
            default_root_dir=str(
                self.folder.absolute()
            ),  # checkpoints remember paths, and a run may be resumed from elsewhere
        )
        if is_first_rank():
            write_output(self.folder / CONFIG, self.settings_yaml().encode())
        return trainer

    def before_fit(self) -> None:
        """Tells the model the run's settings, for its checkpoints."""
        self.model.config = self._settings()

    def fit(self, **kwargs: Any) -> None:
        """Lightning's; a run that the same command has begun goes on from its last checkpoint."""
        self.trainer.fit(**{**kwargs, **({"ckpt_path": str(self.resumed)} if self.resumed else {})})

    def after_fit(self) -> None:
        """Evaluates the best weights, and for `train` the test part and the last epoch's weights too."""
        callback: Any = self.trainer.checkpoint_callback
        # Both now: loading the best checkpoint also brings back what the callbacks knew in its epoch.
        best, last = callback and callback.best_model_path, self.last.path
        if not Path(last).is_file():  # no epoch was left to do in this folder
            last = self._get(self.config, "ckpt_path")
        if not self._is_evaluator():
            return
        if best:  # neither under fast_dev_run nor where checkpoints are switched off
            evaluation = self._evaluation()
            evaluation.evaluate("best", best, self.test_after_fit)
            if self.test_after_fit:
                evaluation.write_test()
                self.run.section = "last_epoch"
                evaluation.evaluate("last", last, True)
        self._finish()

    def after_validate(self) -> None:
        """Ends with the run's folder."""
        self._evaluation().show("validation")
        self._finish()

    def after_test(self) -> None:
        """Ends with the run's folder."""
        self._evaluation().show("test")
        self._evaluation().write_test()
        self._finish()

    def after_predict(self) -> None:
        """Writes `predictions.csv`, then ends with the run's folder."""
        self._evaluation().write_predictions()
        self._finish()

    def _look(self) -> None:
        """Where the run that `--output` names has come to."""
        if self.output is None:
            return
        self.resumed = last_checkpoint(self.output, self.settings())
        if self.resumed and is_finished(self.output, self.test_after_fit):
            raise RunFinishedError(f"{self.output}: finished before; nothing is left to do")

    def _begun(self, settings: Any) -> Path:
        """The run's folder: a new one, or what `--output` names, which no other command may work in meanwhile."""
        if self.output is None:
            refuse_several(str(self.subcommand), settings.num_nodes)
            folder = new_folder(
                Path(settings.default_root_dir or "runs"),
                f"{self.subcommand}-{type(self.model.network).__name__}",
            )
            self._remove_if_refused(folder)
            return folder
        if is_first_rank():
            self._claim(self.output)
        else:
            self._resumed()  # what the first one refuses is refused here too: it would be waited for
        return self.output

    def _claim(self, output: Path) -> None:
        new = not output.exists()
        self.held.enter_context(locked(output))
        if new:
            self._remove_if_refused(output)
        self._look()  # again: nobody else changes it from here on
        os.environ[RUN_VARIABLE] = str(output)
        content = self._resumed()
        clear_logs(output)
        if content:
            print(f"goes on from {self.resumed}, {progress(content)}", flush=True)

    def _resumed(self) -> dict[str, Any] | None:
        name = str(self.resumed) if self.resumed else None
        return checked_checkpoint(name, "fit", f"delete it to begin {self.output} anew")

    def _remove_if_refused(self, folder: Path) -> None:
        self.held.push(
            lambda kind, *_: (
                remove_unused(folder) if kind is not None and issubclass(kind, InputError) else None
            )
        )

    def _advice(self) -> str:
        return (
            "the same command goes on from there"
            if self.output
            else "give it as --ckpt_path to go on"
        )

    def _settings(self) -> dict[str, Any]:
        beats = dataclasses.asdict(self.datamodule.settings)
        return run_config(self.settings(), beats)

    def _evaluation(self) -> RunEvaluation:
        # How the weights had been trained before this run; None for a fit from the start.
        trained = (
            self.checkpoint.get(DESCRIPTION, {}).get("config", {}) if self.checkpoint else None
        )
        folder = Path(self.trainer.default_root_dir)
        return RunEvaluation(
            self.trainer, self.model, self.datamodule, self.run, folder, self._settings(), trained
        )

    def _is_evaluator(self) -> bool:
        """Whether this process is the one that evaluates; its Trainer then has one device and no logs, which are the fit's."""
        if self.trainer.world_size == 1:
            self.trainer.loggers = []
            return True
        first, device = self.trainer.is_global_zero, self.trainer.strategy.root_device
        torch.distributed.destroy_process_group()  # or measures would wait for the other processes, which end here
        if first:
            settings: dict[str, Any] = {
                "callbacks": [self.run],
                "logger": False,
                "enable_progress_bar": False,
            }
            settings |= {
                "default_root_dir": self.trainer.default_root_dir,
                "devices": 1 if device.index is None else [device.index],
            }
            self.trainer = self._trainer(one_device=True, **settings)
        return first

    def _trainer(self, one_device: bool, **settings: Any) -> lightning.Trainer:
        configured = self._get(self.config_init, "trainer")
        if one_device:
            devices = configured.devices[:1] if isinstance(configured.devices, list) else 1
            settings = {"devices": devices, "num_nodes": 1, "strategy": "auto", **settings}
        settings["plugins"] = plugins(configured.plugins, one_device)
        try:
            trainer = super().instantiate_trainer(**settings)
        except (
            MisconfigurationException,
            ValueError,
        ) as error:  # no such device, accelerator or strategy
            raise InputError(
                f"trainer: {' '.join(str(error).split()).rstrip('.')}; change the --trainer argument that it names"
            ) from error
        if hasattr(self, "last"):
            trainer.callbacks.append(self.last)  # type: ignore[attr-defined]  # behind the configured one, which stays Lightning's "best"
        return trainer

    def _loggers(self, configured: Any, folder: Path) -> Any:
        if configured not in (None, True):
            return configured
        if self.subcommand != "fit":
            return False
        # With this module present TensorBoard does not look for TensorFlow, whose import takes seconds and prints a dozen lines.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
        self.run.logs = [
            kind(save_dir=str(folder.absolute()), name="", version="")
            for kind in (CSVLogger, TensorBoardLogger)
        ]
        return self.run.logs

    def _finish(self) -> None:
        print(self.folder, flush=True)
