"""The commands `fit`, `validate`, `test` and `predict`, from arguments to evaluation."""

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.cli import LightningArgumentParser

from ecg_lightning import models
from ecg_lightning.cli.arguments import plain_values
from ecg_lightning.cli.trainer.arguments import CommandLine
from ecg_lightning.cli.trainer.fit_words import fit_words, reason_of
from ecg_lightning.cli.trainer.parts import (
    begun_loggers,
    one_device,
    own_callbacks,
    progress_bars,
    refusals,
    run_loggers,
    trainer_errors,
)
from ecg_lightning.cli.trainer.prediction_output import PredictionOutput
from ecg_lightning.cli.trainer.ranges import check_callbacks, check_trainer
from ecg_lightning.cli.trainer.raw_probabilities import raw_probabilities_text
from ecg_lightning.cli.trainer.restored_optimizer import changed_optimizer
from ecg_lightning.cli.trainer.run_evaluation import RunEvaluation
from ecg_lightning.cli.trainer.schedules import with_interval
from ecg_lightning.cli.trainer.trained_settings import (
    TrainedSettings,
    refuse_other_input,
    with_words,
)
from ecg_lightning.errors import PROGRAM
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.preemption import Preemption
from ecg_lightning.system.terminal import on_a_terminal
from ecg_lightning.text import printed_path
from ecg_lightning.training.callbacks.changed_optimizer import ChangedOptimizer
from ecg_lightning.training.callbacks.epoch_lines import EpochLines
from ecg_lightning.training.callbacks.last_checkpoint import LastCheckpoint
from ecg_lightning.training.callbacks.metric_schedule import MetricSchedule
from ecg_lightning.training.callbacks.record_facts import (
    TRAINED,
    RecordFacts,
    with_record_facts,
)
from ecg_lightning.training.callbacks.run_results import RunResults
from ecg_lightning.training.callbacks.tracking import Tracking
from ecg_lightning.training.checkpoints import (
    check_resumable,
    check_weights,
    checked_checkpoint,
    run_config,
    shipped_description,
)
from ecg_lightning.training.distributed import is_first_rank, plugins, refuse_several
from ecg_lightning.training.hyperparameters import hyperparameters
from ecg_lightning.training.metrics_file import read_metrics
from ecg_lightning.training.run import CONFIG, Run
from ecg_lightning.training.run_settings import with_working_folder
from ecg_lightning.training.trial import (
    check_optimizers,
    check_segmentation,
    try_loss,
    try_network,
)

PARTS = {"fit": "train", "validate": "validation", "test": "test", "predict": "test"}


class CLI(CommandLine):
    """Runs one of the four commands: it parses, opens the run, trains or tests, and evaluates.

    Args:
        args: The words after `ecg-lightning`.
        test_after_fit: Whether a fit also tests its best and its last epoch.

    Raises:
        InputError: The command is refused.
        PreemptedError: A signal ended it.
    """

    def __init__(self, args: Sequence[str], test_after_fit: bool = False) -> None:
        self.test_after_fit, self.preemption = test_after_fit, Preemption()
        self.changed, self.remarks = ChangedOptimizer(), list[str]()
        self.table: PredictionOutput | None = None
        with self.preemption.watched(), contextlib.ExitStack() as self.streams:
            super().__init__(args)  # parses, seeds, and builds the data module and the classifier
            with self._open_run() as run:
                if not run.finished:
                    self._run(run)
                elif is_first_rank():
                    print(
                        f"{printed_path(run.folder)}: this run is finished; nothing to do",
                        flush=True,
                    )

    def complete(self, parser: LightningArgumentParser, args: Any) -> None:
        """Check the checkpoint, and take from it what the command does not name."""
        verb, path = self.config.subcommand, self.config[self.config.subcommand].get("ckpt_path")
        self.checkpoint = checked_checkpoint(path, verb)
        if self.checkpoint is None:
            return
        self.trained = TrainedSettings.of(Path(path), self.checkpoint)
        words = self.trained.words(verb, self.named, self.config[verb].data)
        self.parse(parser, with_words(args, verb, words))
        settings = self.config[verb]
        if verb != "fit":
            mismatch = refuse_other_input(
                self.trained.beats, plain_values(settings.data), settings.allow_mismatch
            )
            raw = raw_probabilities_text(str(path), shipped_description(self.checkpoint))
            self.remarks = [text for text in (mismatch, raw) if text]

    def before_instantiate_classes(self) -> None:
        """Take the run folder, or the file of `predict`, out of the settings."""
        self.output = self.config[self.subcommand].pop("output", None)
        if self.subcommand == "predict" and self.output is not None:
            self.table = PredictionOutput(self.output)
            self.streams.enter_context(self.table.alone_on_stdout())

    def instantiate_classes(self) -> None:
        """Build the data module and the classifier; the Trainer needs the run first."""
        check_trainer(self._get(self.config, "trainer"))
        check_callbacks(self._get(self.config, "early_stopping"))
        with trainer_errors():  # a logger's package may be missing
            self.config_init = self.parser.instantiate_classes(self.config)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        with trainer_errors("optimizer"):
            self._add_configure_optimizers_method_to_model(self.subcommand)
        for part in (PARTS[str(self.subcommand)], *(["test"] if self.test_after_fit else ())):
            self.datamodule.refuse_without(part)
        check_segmentation(self.model, self.datamodule.settings.segmentation)
        try_network(self.model, self.datamodule.shape)
        if self.subcommand == "fit":
            try_loss(self.model)
            check_optimizers(self.model)
        if self.checkpoint:
            name = self._get(self.config, "ckpt_path")
            check_weights(name, self.checkpoint, self.model)
            if self.subcommand == "fit":
                settings = self.config[self.subcommand]
                self.changed = changed_optimizer(
                    self.trained, self.checkpoint, settings, self.named
                )
                check_resumable(name, self.checkpoint, self.model)

    def configure_optimizers(  # type: ignore[override]
        self, lightning_module: Any, optimizer: Any, lr_scheduler: Any = None
    ) -> Any:
        """Return the optimiser and the schedule that the command names."""
        by_step = self._get(self.config, "lr_interval") == "step"
        return with_interval(optimizer, lr_scheduler, by_step)

    def _run_subcommand(self, subcommand: str) -> None:
        """Do nothing yet: `_run` does this in an open run."""

    def _open_run(self) -> contextlib.AbstractContextManager[Run]:
        """The run of the folder that `--output` names, or one in a new folder."""
        verb, trainer = str(self.subcommand), self._get(self.config_init, "trainer")
        if verb == "fit" and self.output is not None:
            return Run.open(Path(self.output), self.settings(), self.test_after_fit)
        refuse_several(verb, trainer.num_nodes)
        if self.table is not None:
            return self.table.run(self._inputs())
        root = Path(trainer.default_root_dir or "runs")
        return Run.begin(root, f"{verb}-{type(self.model.network).__name__}")

    def _inputs(self) -> list[Path]:
        """What a prediction reads: the checkpoint, and files and folders of the data."""
        data = self.datamodule
        names = (self._get(self.config, "ckpt_path"), *data.roots, data.patients)
        return [Path(name) for name in names if name]

    def _run(self, run: Run) -> None:
        """Train, validate, test or predict, then evaluate."""
        verb = str(self.subcommand)
        self.results = RunResults(folder=run.folder)
        self.last = LastCheckpoint(run.checkpoints, self.preemption, self._advice())
        self.tracking = Tracking(hyperparameters(self.settings()), run.folder)
        self.trainer = self._configured_trainer(run)
        if is_first_rank() and self.table is None:
            data = plain_values(self._get(self.config, "data"))
            settings = with_working_folder(self.settings_yaml(), data)
            write_output(run.folder / CONFIG, settings.encode())
        arguments = self._prepare_subcommand_kwargs(verb)
        if run.checkpoint:
            arguments["ckpt_path"] = name = str(run.checkpoint)
            content = checked_checkpoint(name, verb) or {}
            check_weights(name, content, self.model)
            check_resumable(name, content, self.model)
        if verb == "fit":
            self.model.config = self._described_settings()
        with self.tracking.ended():
            with refusals(self.trainer):
                getattr(self.trainer, verb)(**arguments)
            evaluated = self._evaluate(verb, run)
        if evaluated:
            for text in self.remarks:  # not earlier, so that a command that fails has one line
                print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)
            if self.table is None:
                print(printed_path(run.folder), flush=True)
            else:
                self.table.print_name()

    def _advice(self) -> str:
        """What a user can do after a signal has ended the run."""
        if self.output is None:
            return "give it as --ckpt_path to resume"
        return "repeat the command to resume"

    def _configured_trainer(self, run: Run) -> lightning.Trainer:
        """A Trainer with the run folder, callbacks and loggers; the user's settings stay."""
        settings, best = (self._get(self.config_init, key) for key in ("trainer", "checkpoint"))
        if best.dirpath is None:  # else the loggers choose the folder
            best.dirpath = str(run.checkpoints.absolute())
        own = own_callbacks(settings.callbacks)
        bars = progress_bars(own, settings.enable_progress_bar)
        typed = any(name.startswith("trainer.logger") for name in self.named.typed)
        named = typed and settings.logger is not True  # a config may be that of the fit
        loggers = settings.logger if named else []
        if self.subcommand == "fit":
            loggers = run_loggers(self._get(self.config, "trainer").logger, settings.logger, run)
            self.results.logs = begun_loggers(loggers, run)
        return self._new_trainer(
            run,
            several_devices=self.subcommand == "fit",
            callbacks=[
                *own,
                RecordFacts(),
                MetricSchedule(),
                *([self.changed] if run.checkpoint is None else []),
                self.results,
                self.tracking,
                EpochLines(table=on_a_terminal(sys.stdout)),
                *(bar for bar in bars if bar not in own),
            ],
            logger=loggers,
            enable_progress_bar=bool(bars),
            **({} if self.datamodule.validates else {"limit_val_batches": 0}),
        )

    def _new_trainer(self, run: Run, several_devices: bool, **arguments: Any) -> lightning.Trainer:
        settings = self._get(self.config_init, "trainer")
        if several_devices:
            arguments["plugins"] = plugins(settings.plugins, one_device=False)
        else:
            arguments = {**one_device(settings), **arguments}
        # Absolute, because checkpoints keep paths and a run may be resumed from another folder.
        arguments["default_root_dir"] = str(run.folder.absolute())
        with trainer_errors():
            trainer = self.instantiate_trainer(**arguments)
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        callbacks.append(self.last)  # last, so that the configured checkpoint stays Lightning's
        return trainer

    def _evaluate(self, verb: str, run: Run) -> bool:
        """Evaluate what the Trainer has left; False if another process of the run does that."""
        if verb == "predict":
            self._evaluation().after_predict(self.table)
            return True
        if verb != "fit":
            getattr(self._evaluation(), f"after_{verb}")()
            return True
        callback: Any = self.trainer.checkpoint_callback
        # Read now: loading the best checkpoint resets the callbacks to the best epoch.
        best, last = callback and callback.best_model_path, self.last.path
        steps = self.trainer.global_step
        if not Path(last).is_file():  # there was no epoch left to train
            last = self._get(self.config, "ckpt_path")
        self._get(self.config_init, "batch_norm").batches = 0  # checkpoints have the statistics
        if (trainer := self._evaluating_trainer(run)) is None:
            return False
        self.trainer = trainer
        if best or last:  # both are missing with fast_dev_run
            self._evaluation().after_fit(best or "", last, self.test_after_fit)
            self.tracking.log_results(read_metrics(run.folder), steps)
            own = not type(self.model.network).__module__.startswith(models.__name__)
            which, tests = reason_of(callback), self.datamodule.tests
            example = self._synthetic_record()
            lines = fit_words(run.folder, best or "", last, which, own, tests, example)
            print(*lines, sep="\n", flush=True)
        return True

    def _synthetic_record(self) -> Path | None:
        """A record of the training's data, where all of them are synthetic."""
        if self.datamodule.source != "synthetic":
            return None
        database = self.datamodule.database()
        return database.root / database.records[-1]

    def _evaluating_trainer(self, run: Run) -> lightning.Trainer | None:
        """A Trainer of one device without loggers; None if another process of the run evaluates."""
        if self.trainer.world_size == 1:
            self.trainer.loggers = []  # they belong to the fit
            return self.trainer
        first, device = is_first_rank(), self.trainer.strategy.root_device
        # Metrics would otherwise wait for the other processes, which end here.
        torch.distributed.destroy_process_group()
        if not first:
            return None
        return self._new_trainer(
            run,
            several_devices=False,
            callbacks=[self.results],
            logger=False,
            enable_progress_bar=False,
            devices=1 if device.index is None else [device.index],
        )

    def _evaluation(self) -> RunEvaluation:
        trained = None  # for a fit from the start
        if self.checkpoint:
            trained = self.checkpoint.get(DESCRIPTION, {}).get("config", {})
        settings = self._described_settings()
        folder = Path(self.trainer.default_root_dir)
        fits = self.subcommand == "fit"
        return RunEvaluation(
            self.trainer, self.model, self.datamodule, self.results, folder, settings, trained, fits
        )

    def _described_settings(self) -> dict[str, Any]:
        """The settings that checkpoints and evaluations keep."""
        config = run_config(self.settings(), dataclasses.asdict(self.datamodule.settings))
        parts = TRAINED if self.subcommand == "fit" else (PARTS[str(self.subcommand)],)
        return with_record_facts(config, self.datamodule, parts)
