"""The arguments of `fit`, `validate`, `test` and `predict`, and the settings that they give."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from ecg_lightning.cli.arguments import resolved
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.cli.named_settings import named_settings
from ecg_lightning.cli.trainer.option_effects import refuse_options_without_effect
from ecg_lightning.cli.trainer.schedules import check_monitor, check_schedule
from ecg_lightning.cli.verbs import DATA_TITLE, TRAINER_VERBS, VERBS
from ecg_lightning.cli.yaml_values import use_bounds
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.paths import expanded
from ecg_lightning.training.callbacks import (
    RandomAmplitude,
    RandomInversion,
    RandomLeadDropout,
    RandomNoise,
    RandomRate,
    RandomShift,
    RandomWander,
)
from ecg_lightning.training.callbacks.batch_norm_statistics import BatchNormStatistics
from ecg_lightning.training.callbacks.best_checkpoint import BestCheckpoint
from ecg_lightning.training.callbacks.early_stopping import EarlyStopping
from ecg_lightning.training.classifier import BeatClassifier
from ecg_lightning.training.run import CONFIG
from ecg_lightning.training.run_settings import begun_without

# Imported, so that `--trainer.callbacks+=RandomShift` finds them by these names.
TRANSFORMS = (
    *(RandomAmplitude, RandomInversion, RandomLeadDropout, RandomNoise, RandomRate, RandomShift),
    RandomWander,
)
TITLES = {
    "trainer": "Lightning's Trainer: devices, precision and the length of the training",
    "model": "BeatClassifier: the network and the settings of its optimiser",
    "data": DATA_TITLE,
    "early_stopping": "EarlyStopping: when a training ends before its last epoch",
    "checkpoint": "BestCheckpoint: which epoch is kept as checkpoints/best.ckpt",
    "batch_norm": "BatchNormStatistics: which statistics BatchNorm uses in evaluations",
    "optimizer": "Optimiser: a torch class that replaces BeatClassifier's Adam",
    "lr_scheduler": "Learning rate schedule: a torch class; needs an optimiser",
}
TRAINER_DEFAULTS = {
    "max_epochs": 70,
    "devices": 1,
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
}
DEFAULTS = {
    "model.network": {"class_path": "ecg_lightning.models.DeepConv1d"},
    "early_stopping.monitor": "val_loss",
    "early_stopping.patience": 18,
    "checkpoint.monitor": "val_loss",
    "checkpoint.filename": "best",
    "checkpoint.enable_version_counter": False,
}
BATCHES = "batch_norm.batches"
OTHER_VERBS = [verb for verb in VERBS if verb not in TRAINER_VERBS]
INTERVAL = "when the schedule changes the learning rate (null means epoch)"
ALLOW = "let the network see other beats than in its training"
TABLE = "table of predictions: FILE.csv, FILE.parquet, or - for CSV alone on standard output"
OUTPUT = "run folder; repeat the command to resume (SIGTERM and SIGUSR1 save, then end with 75)"


class CommandLine(LightningCLI):
    """LightningCLI with the classes, verbs and defaults of this project.

    Args:
        args: The words after `ecg-lightning`.

    Raises:
        InputError: The words cannot be parsed.
    """

    def __init__(self, args: Sequence[str]) -> None:
        use_bounds()
        self._verbs = [args[0]] if args and args[0] in TRAINER_VERBS else list(TRAINER_VERBS)
        parser_settings = {"exit_on_error": False}
        try:
            super().__init__(
                BeatClassifier,
                BeatDataModule,
                save_config_callback=None,  # it does not write atomically
                trainer_defaults=TRAINER_DEFAULTS,
                seed_everything_default=0,
                parser_kwargs={
                    **parser_settings,
                    "prog": PROGRAM,
                    "description": f"Classify heartbeats. More verbs: {', '.join(OTHER_VERBS)}.",
                    **{
                        verb: {**parser_settings, "description": VERBS[verb].about}
                        for verb in self._verbs
                    },
                },
                args=list(args),
            )
        except ArgumentError as error:
            verb = next((word for word in args if word in TRAINER_VERBS), "")
            raise InputError(in_one_line(str(error), f"{PROGRAM} {verb}".strip())) from error

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The verb that the first word names: the parsers of all four take half a second more."""
        every = super().subcommands()
        return {verb: every[verb] for verb in self._verbs}

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Add the options of this project, and the titles of the help."""
        super().setup_parser(*args, **kwargs)
        for verb in self._verbs:
            _add_options(self._parser(verb), verb)
            _name_groups(self._parser(verb), verb)
        verbs: Any = self.parser._subcommands_action
        for verb in verbs._choices_actions:
            verb.help = VERBS[verb.dest].about

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Early stopping and checkpoints as in the original; the data give the input length."""
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
        parser.add_lightning_class_args(BatchNormStatistics, "batch_norm")
        parser.add_argument(
            "--lr_interval", type=Literal["epoch", "step"] | None, default=None, help=INTERVAL
        )
        parser.set_defaults(DEFAULTS)
        parser.link_arguments(
            "data.input_length", "model.network.init_args.input_length", apply_on="instantiate"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then refuse options without effect and a metric that no epoch has."""
        self.parse(parser, args)
        self.named = named_settings(args)
        self.complete(parser, args)
        settings = self.config[self.config.subcommand]
        _check_seed(settings.get("seed_everything"))
        refuse_options_without_effect(settings, self.named.typed)
        for name in ("early_stopping", "checkpoint"):
            check_monitor(name, settings[name])
        self._choose_statistics(settings)
        check_schedule(settings)

    def parse(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; LightningCLI's method warns that the arguments are not those of the process."""
        self.config = parser.parse_args(args)
        _expand_home(self.config[self.config.subcommand])

    def complete(self, parser: LightningArgumentParser, args: Any) -> None:
        """Replace the parsed settings by those with what a checkpoint knows; here: keep them."""

    def _choose_statistics(self, settings: Any) -> None:
        """Let no statistics of BatchNorm be measured that the command does not ask for.

        An evaluation with the config of a run takes those of the checkpoint. A run that an earlier
        version began is resumed without.
        """
        if BATCHES in self.named.typed:
            return
        verb, folder = self.config.subcommand, settings.get("output")
        if verb != "fit" or (folder and begun_without(Path(folder) / CONFIG, BATCHES)):
            settings[BATCHES] = 0

    def _parse_ckpt_path(self) -> None:
        """Leave the settings alone: LightningCLI would let those in the checkpoint replace them."""

    def settings_yaml(self) -> str:
        """All settings of the verb as text, for config.yaml."""
        verb = self.config.subcommand
        text = str(self._parser(verb).dump(self.config[verb], skip_none=False))
        # jsonargparse writes the shortest path of a class; earlier versions wrote this one.
        return re.sub(r"(class_path: ecg_lightning)\.(\w+)$", r"\1.models.\2", text, flags=re.M)

    def settings(self) -> dict[str, Any]:
        """All settings of the verb as plain values."""
        settings: dict[str, Any] = yaml.safe_load(self.settings_yaml())
        return settings


class ParsedCommandLine(CommandLine):
    """A command line that is parsed and not run: LightningCLI's later steps do nothing here."""

    def _set_seed(self) -> None:
        pass

    def instantiate_classes(self) -> None:
        """Build nothing."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def fit_settings(args: Sequence[str]) -> dict[str, Any]:
    """All settings of `ecg-lightning fit ARGS`, as plain values.

    Args:
        args: The words after `fit`.

    Returns:
        Nested settings, as config.yaml holds them, with `output` and `ckpt_path`.

    Raises:
        InputError: The words cannot be parsed.
    """
    return ParsedCommandLine(resolved(["fit", *args])).settings()


def _add_options(parser: LightningArgumentParser, verb: str) -> None:
    """Add `--output` of `fit` and `predict`, and what an evaluation has."""
    if verb == "fit":
        parser.add_argument(
            "--output", type=str | None, default=None, metavar="FOLDER", help=OUTPUT
        )
        return
    if verb == "predict":
        parser.add_argument("--output", type=str | None, default=None, metavar="FILE", help=TABLE)
    else:  # `RunEvaluation` prints the result, in one line
        parser.set_defaults(verbose=False)
    parser.set_defaults({BATCHES: 0})
    parser.add_argument("--allow-mismatch", "--allow_mismatch", action="store_true", help=ALLOW)


def _name_groups(parser: LightningArgumentParser, verb: str) -> None:
    """Replace the titles that jsonargparse takes from docstrings."""
    groups = parser.groups or {}
    for name in groups.keys() & TITLES.keys():
        groups[name].title = TITLES[name]
    for group in parser._action_groups:
        if any("--ckpt_path" in action.option_strings for action in group._group_actions):
            group.title = f"{verb}: the checkpoint"


def _expand_home(settings: Any) -> None:
    """Replace `~` in the paths that a config gives; the data module does this with its own."""
    for name in ("output", "ckpt_path"):
        if str(settings.get(name) or "").startswith("~"):
            settings[name] = str(expanded(settings[name]))


def _check_seed(seed: Any) -> None:
    if not isinstance(seed, bool) and seed is not None and not 0 <= seed < 2**32:
        raise InputError(
            "seed_everything",
            expected=f"a whole number from 0 to {2**32 - 1}",
            found=str(seed),
            hint="change --seed_everything",
        )
