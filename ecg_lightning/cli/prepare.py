"""`ecg-lightning prepare`: download or write the records and cut them into beats, without a run."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser
from jsonargparse._actions import ActionConfigFile

from ecg_lightning.cli.arguments import plain_values, with_full_names
from ecg_lightning.cli.messages import error_line, in_one_line
from ecg_lightning.cli.parts_line import parts_line
from ecg_lightning.cli.verbs import DATA_TITLE, VERBS
from ecg_lightning.cli.yaml_values import read_config, use_bounds
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.records.notes import RecordWarning, warn_of
from ecg_lightning.system.preemption import Preemption

CONFIG = "config file of fit; only its part `data` is used"
COMMAND = f"{PROGRAM} prepare"
DEFAULT_SPLIT = "original"
# The other parts of a config of `fit`; prepare does not read them.
UNUSED = {
    *("model", "trainer", "early_stopping", "checkpoint", "batch_norm"),
    *("optimizer", "lr_scheduler", "lr_interval"),
    *("seed_everything", "output", "ckpt_path", "weights_only", "verbose", "return_predictions"),
}


def prepare_command(args: Sequence[str]) -> None:
    """Run `prepare [--config FILE] [--data.… VALUE …]`, and print the beats of each class."""
    with Preemption().watched():
        data = BeatDataModule(**data_settings(with_full_names(args)))
        data.prepare_data(fill_root=True)
        is_split = _is_split(data)
    n_beats = len(data.beats)
    print(f"{n_beats:,} beats: {_counted(data.beats.class_counts())}")
    for part, counts in (data.class_counts() if is_split else {}).items():
        print(f"{part:>10}: {_counted(counts)}")
    if line := parts_line(data) if is_split else data.assumption:
        print(line)


def _is_split(data: BeatDataModule) -> bool:
    """Read the beats and split them; warn where the default split has too few beats of a class.

    The beats are prepared for other splits. A split that the user chose is refused.
    """
    try:
        data.setup()
    except InputError as error:
        if data.split != DEFAULT_SPLIT or not hasattr(data, "beats"):
            raise
        warn_of(data.beats.notes)
        warnings.warn(error_line(error, "prepare"), RecordWarning, stacklevel=2)
        return False
    return True


def data_settings(args: Sequence[str]) -> dict[str, Any]:
    """The arguments of BeatDataModule.

    Args:
        args: The words after `prepare`; of a config the part `data` is read.

    Raises:
        InputError: The words cannot be parsed.
    """
    try:
        settings = prepare_parser().parse_args(args)
    except ArgumentError as error:
        takes = ": prepare takes --config and --data arguments" * ("unrecognized" in str(error))
        raise InputError(in_one_line(f"{error}".rstrip() + takes, COMMAND)) from error
    return plain_values(settings.data)


def prepare_parser() -> ArgumentParser:
    """The parser of `prepare`."""
    use_bounds()
    parser = ArgumentParser(COMMAND, description=VERBS["prepare"].about, exit_on_error=False)
    parser.add_argument("-c", "--config", action=DataOfConfig, help=CONFIG)
    parser.add_class_arguments(BeatDataModule, "data", fail_untyped=False, sub_configs=True)
    (parser.groups or {})["data"].title = DATA_TITLE
    return parser


class DataOfConfig(ActionConfigFile):
    """Takes the part `data` of a config file of `fit`."""

    def __call__(
        self, parser: Any, cfg: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Apply the file without the parts that prepare does not use; refuse unknown parts."""
        sections = read_config(Path(values))
        used = {
            name: section
            for name, section in sections.items()
            if name not in UNUSED and section is not None
        }
        if isinstance(used.get("data"), str):  # a file of its own, next to the config
            used["data"] = str(Path(values).absolute().parent / used["data"])
        self.apply_config(parser, cfg, self.dest, yaml.safe_dump(used))


def _counted(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{name} {count:,}" for name, count in counts.items())
