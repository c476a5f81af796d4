"""Writes flags.json from the parsers of all verbs: `python -m ecg_lightning.cli.write_flags`."""

import argparse
import json
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from ecg_lightning import models
from ecg_lightning.cli.annotate.arguments import annotate_parser
from ecg_lightning.cli.compare.command import compare_parser
from ecg_lightning.cli.completion import completion_parser
from ecg_lightning.cli.crossval.arguments import crossval_parser
from ecg_lightning.cli.export import export_parser
from ecg_lightning.cli.flags import FILE, Flag
from ecg_lightning.cli.import_keras import import_keras_parser
from ecg_lightning.cli.info.command import info_parser
from ecg_lightning.cli.prepare import prepare_parser
from ecg_lightning.cli.report import report_parser
from ecg_lightning.cli.show.source import show_parser
from ecg_lightning.cli.trainer.arguments import ParsedCommandLine
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.training.loss_names import LOSSES

# Short texts for arguments whose docstrings in Lightning are too long, and for our own network.
BATCHES = "How many batches, or which share of them, such as 0.25"
ABOUT = {
    "--config": "A YAML file with settings, or the name of a shipped config",
    "--print_config": "Print all settings and exit",
    "--seed_everything": "Seed of all random numbers",
    "--ckpt_path": "A checkpoint file, or the name of shipped weights",
    "--model.network": f"{', '.join(models.NETWORKS)}, or a class of yours, such "
    "as mynet.MyNet of ./mynet.py",
    "--model.loss": f"Loss of the training: {', '.join(LOSSES)} or a class of yours",
    "--early_stopping.patience": "Epochs without improvement before training stops",
    "--checkpoint.monitor": "The metric that decides which epoch is the best",
    "--trainer.max_epochs": "The largest number of epochs",
    "--trainer.accelerator": "The type of device: cpu, gpu, mps, tpu or auto",
    "--trainer.devices": "How many devices, or which ones, such as [0,2]",
    "--trainer.num_nodes": "How many machines",
    "--trainer.strategy": "How several devices share the work, such as ddp",
    "--trainer.precision": "32-true, bf16-mixed, 16-mixed or 64-true (null means 32-true)",
    "--trainer.gradient_clip_val": "The largest norm of the gradient (null means no limit)",
    "--trainer.deterministic": "true: use only operations that always give the same numbers",
    "--trainer.fast_dev_run": "A check: run only N batches of each part",
    "--trainer.default_root_dir": "The folder of the run folders (null means runs)",
    "--trainer.limit_val_batches": BATCHES,
    "--trainer.limit_test_batches": BATCHES,
    "--trainer.limit_predict_batches": BATCHES,
}
VALUES = {
    "--config": "FILE",
    "--ckpt_path": "FILE",
    "--seed_everything": "N",
    "--print_config": "",
    "--data.lead": "LEAD",
    "--data.train": "NAMES",
    "--data.test": "NAMES",
    "--data.without": "NAMES",
    "--model.network": "NAME",
    "--model.loss": "NAME",
    "--model.betas": "[X,X]",
    "--checkpoint.monitor": "METRIC",
    "--trainer.precision": "NAME",
    "--trainer.gradient_clip_val": "X",
    "--trainer.deterministic": "NAME",
}
SHORT_OF_TYPE = {int: "N", float: "X", os.PathLike: "PATH", Path: "PATH", str: "NAME"}
OWN_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "prepare": prepare_parser,
    "crossval": crossval_parser,
    "report": report_parser,
    "show": show_parser,
    "info": info_parser,
    "annotate": annotate_parser,
    "compare": compare_parser,
    "import-keras": import_keras_parser,
    "export": export_parser,
    "completion": completion_parser,
}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the real parser of each verb."""
    with warnings.catch_warnings():  # Lightning's, about arguments that are not sys.argv
        warnings.simplefilter("ignore")
        return {
            verb: OWN_PARSERS[verb]()
            if verb in OWN_PARSERS
            else ParsedCommandLine([verb])._parser(verb)
            for verb in VERBS
        }


def flags_of(parser: argparse.ArgumentParser) -> list[Flag]:
    """Return the arguments of a parser, without its help and its groups' config files."""
    kinds = ("_HelpAction", "_ActionHelpClassPath", "_ActionConfigLoad")
    return [
        _flag(action)
        for action in parser._actions
        if type(action).__name__ not in kinds and action.help != argparse.SUPPRESS
    ]


def text() -> str:
    """Return the content of flags.json."""
    content = {
        verb: [_entry(flag) for flag in flags_of(parser)] for verb, parser in parsers().items()
    }
    lines = [
        f"{json.dumps(verb)}: [\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]"
        for verb, entries in content.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entry(flag: Flag) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    empty = Flag("")._asdict()
    return {name: value for name, value in flag._asdict().items() if value != empty[name]}


def _flag(action: argparse.Action) -> Flag:
    names = [name for name in action.option_strings if not name.endswith("+")]
    name = max(names, key=len, default=action.dest)
    kind = getattr(action, "_typehint", None) or action.type
    choices = tuple(map(str, action.choices or _choices(kind)))
    about = action.help or ""
    default = "" if action.nargs == 0 else _plain(action.default)
    if name.startswith("--data."):
        default = default or _default_in(about)
    return Flag(
        name,
        value="" if action.nargs == 0 else VALUES.get(name, _value(action, name, kind)),
        choices=choices,
        default=default,
        about=_capital(ABOUT.get(name) or _first_sentence(about), choices),
        required=bool(action.required) and not default and bool(names),
        several=action.nargs in ("+", "*"),
        dest="" if action.dest == name.lstrip("-").replace("-", "_") else action.dest,
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    """The values of a bool, or of a Literal also among other types; else none."""
    kinds = [part for part in _parts(kind) if part is not type(None)]
    kinds = [part for part in kinds if get_origin(part) is Literal] or kinds
    if kinds == [bool]:
        return ("true", "false")
    return get_args(kinds[0]) if len(kinds) == 1 and get_origin(kinds[0]) is Literal else ()


def _value(action: argparse.Action, name: str, kind: Any) -> str:
    """A short word for the value."""
    if isinstance(action.metavar, str) and action.metavar.isupper():
        return f"[{action.metavar}]" if action.nargs in ("?", "*") else action.metavar
    for short, word in SHORT_OF_TYPE.items():
        if any(part is short or get_origin(part) is short for part in _parts(kind)):
            return word
    return name.rpartition(".")[2].lstrip("-").upper().replace("-", "_")


def _parts(kind: Any) -> list[Any]:
    """The alternatives of a union; a type alone."""
    union = get_origin(kind) is Union or type(kind).__name__ == "UnionType"
    return list(get_args(kind)) if union else [kind]


def _plain(default: Any) -> str:
    """A default as it is written in YAML; empty for none."""
    if default is None or default == argparse.SUPPRESS:
        return ""
    if isinstance(default, Mapping) or hasattr(default, "class_path"):
        return str(default["class_path"]).rpartition(".")[2]
    if isinstance(default, tuple):
        default = list(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _default_in(about: str) -> str:
    """What a docstring says about a default that depends on other arguments."""
    match = re.search(r"Default: (.*?)(?:\. [A-Z]|\.?$)", _without_markup(about))
    return match[1] if match else ""


def _without_markup(about: str) -> str:
    return re.sub(r"\s+", " ", about.replace("`", "")).strip()


def _first_sentence(about: str) -> str:
    """The first sentence of a docstring, without its markup."""
    plain = _without_markup(about)
    sentence = re.split(r"(?<=[^.\s][.]) (?=[A-Z0-9])", plain)[0]
    return sentence.rstrip(".")


def _capital(about: str, choices: Sequence[str]) -> str:
    """The text with a capital at its start, unless that is a value of the argument."""
    first = about.partition(" ")[0]
    keep = not first.isalpha() or first in choices
    return about if keep else about[0].upper() + about[1:]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
