"""The arguments of `crossval`: its own, and the settings of `fit` that all its units share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecg_lightning.cli.trainer.arguments import fit_settings
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.split_facts import facts_of
from ecg_lightning.system.paths import expanded
from ecg_lightning.training.run_settings import paths_in

OPTIONS: dict[str, dict[str, Any]] = {
    "--output": {
        "type": Path,
        "required": True,
        "metavar": "FOLDER",
        "help": "folder of the runs and the table; repeat the command to resume",
    },
    "--folds": {
        "type": int,
        "metavar": "F",
        "help": "same as --data.split folds --data.folds F: every patient, or every record of an "
        "unknown patient, is tested once",
    },
    "--seeds": {
        "type": int,
        "nargs": "+",
        "metavar": "S",
        "help": "seeds of the weights and the sampler (default: 0)",
    },
    "--jobs": {
        "type": int,
        "metavar": "N",
        "help": "units that run at a time (default: one for each GPU, or 1); 0 writes the table",
    },
    "--unit": {
        "metavar": "NAME",
        "help": "run this unit only, such as fold-0-seed-0, in a cluster job; first use --jobs 0",
    },
}
SET_FOR_EACH_UNIT = ("--data.seed", "--seed_everything", "--trainer.default_root_dir")
RESUME = "--ckpt_path"
MAX_SEED = 2**32 - 1
FIXED = (("trainer", "devices", 1), ("checkpoint", "dirpath", None))


def parse_arguments(args: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parse the words after `ecg-lightning crossval`.

    Args:
        args: The words.

    Returns:
        The arguments of crossval, and the settings that all units share as plain values.

    Raises:
        InputError: An argument is wrong, or crossval sets it itself.
    """
    own, fit_args = crossval_parser().parse_known_args(args)
    _check_own(own)
    _refuse_flags(fit_args, own.folds)
    if own.folds:
        fit_args += ["--data.split", "folds", "--data.folds", str(own.folds)]
    settings = _shared(fit_settings(fit_args))
    if not facts_of(settings["data"]["split"]).folds and own.seeds is None:
        raise InputError(
            "crossval",
            expected="folds or seeds",
            found="neither",
            hint="give --folds 5, or --seeds 0 1 2, or both",
        )
    return own, settings


def crossval_parser() -> VerbParser:
    """The parser of crossval's own arguments."""
    parser = VerbParser("crossval")
    for flag, option in OPTIONS.items():
        parser.add_argument(flag, **option)
    return parser


def _check_own(own: argparse.Namespace) -> None:
    seeds = own.seeds or []
    expected, found = "", ""
    if own.jobs is not None and own.jobs < 0:
        name, expected, found = "--jobs", "0 or more", str(own.jobs)
    elif own.folds is not None and own.folds < 3:
        name, expected, found = "--folds", "3 or more, one for each part", str(own.folds)
    elif len(set(seeds)) < len(seeds) or not all(0 <= seed <= MAX_SEED for seed in seeds):
        name, expected = "--seeds", f"different whole numbers from 0 to {MAX_SEED}"
        found = " ".join(map(str, seeds))
    if expected:
        raise InputError(name, expected=expected, found=found, hint=f"change {name}")


def _refuse_flags(fit_args: Sequence[str], folds: int | None) -> None:
    """Refuse flags of `fit` that crossval sets itself."""
    fold_flags = ("--data.fold", *(("--data.split", "--data.folds") if folds else ()))
    for word in fit_args:
        flag = word.partition("=")[0]
        if flag == RESUME:
            advice = "remove it, and repeat the command with the same --output to resume"
        elif flag in (*SET_FOR_EACH_UNIT, *fold_flags):
            advice = "remove it, and use --folds, --seeds and --output"
        else:
            continue
        raise InputError(f"{flag}: crossval sets it for each unit", hint=advice)


def _shared(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of all units, without those of a single run."""
    if (checkpoint := settings.pop("ckpt_path", None)) is not None:
        raise InputError(
            f"ckpt_path {checkpoint}: crossval trains each unit from its start",
            hint="remove ckpt_path from the config",
        )
    del settings["weights_only"], settings["output"]
    for group, name, expected in FIXED:
        if (value := settings[group][name]) != expected:
            raise InputError(
                f"{group}.{name}",
                expected=f"{expected} for crossval",
                found=str(value),
                hint=f"remove --{group}.{name}",
            )
    for name, paths in paths_in(settings["data"]).items():
        if paths:  # absolute, because the command may be repeated from another folder
            places = [path and str(expanded(path).absolute()) for path in paths]
            settings["data"][name] = places if len(places) > 1 else places[0]
    return settings
