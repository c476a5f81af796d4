"""`ecg-lightning completion`: a script that completes verbs, arguments and files in a shell."""

import argparse
from collections.abc import Sequence

from ecg_lightning.cli.flags import Flag, all_flags
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.errors import PROGRAM
from ecg_lightning.export.formats import FORMATS

SHELLS = ("bash", "zsh")
FOLDERS = ("--data.root", "--data.cache_dir", "--trainer.default_root_dir", "runs")
CHOICES = {"--format": tuple(FORMATS)}  # of arguments that check their value themselves
FILES = (
    *("--config", "--ckpt_path", "--output", "--predictions", "--model", "--detector"),
    *("file", "checkpoint", "path", "paths"),
)


def completion_command(args: Sequence[str]) -> None:
    """`ecg-lightning completion bash | zsh`."""
    import shtab  # late: all other commands do without it

    print(shtab.complete(_tree(), completion_parser().parse_args(args).shell))


def completion_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("completion")
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")
    return parser


def _tree() -> argparse.ArgumentParser:
    """A parser with the verbs and their arguments, which parses nothing."""
    tree = argparse.ArgumentParser(PROGRAM)
    tree.add_argument("--version", action="store_true", help="show the version")
    verbs = tree.add_subparsers()
    flags = all_flags()
    for name, verb in VERBS.items():
        below = verbs.add_parser(name, help=verb.about.rstrip("."))
        below.add_argument("--help-all", action="store_true", help="show all arguments")
        own = {flag.name for flag in flags[name]}
        shared = [flag for flag in flags["fit"] if flag.name not in own] * (name == "crossval")
        for flag in [*flags[name], *shared]:
            _add(below, flag)
    return tree


def _add(below: argparse.ArgumentParser, flag: Flag) -> None:
    import shtab

    about = flag.about.replace("%", "%%")
    if not flag.value and not flag.choices:
        below.add_argument(flag.name, action="store_true", help=about)
        return
    choices = flag.choices or CHOICES.get(flag.name)
    nargs = "+" if flag.several else None
    action = below.add_argument(flag.name, choices=choices, nargs=nargs, help=about)
    if flag.name in (*FOLDERS, *FILES):
        complete = shtab.DIRECTORY if flag.name in FOLDERS else shtab.FILE
        action.complete = complete  # type: ignore[attr-defined]  # shtab reads it
