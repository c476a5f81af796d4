"""The entry points: `ecg-lightning VERB …`, and what `scripts/train.py` runs.

The first word decides. Help, the version and a mistyped verb are answered without torch and
Lightning; each verb imports what it needs.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence

from ecg_lightning import __version__
from ecg_lightning.cli.help import main_help, verb_help
from ecg_lightning.cli.verbs import TRAINER_VERBS, check_verb, load
from ecg_lightning.errors import PROGRAM, InputError

HELP, HELP_ALL = ("-h", "--help"), "--help-all"
DEMO = """\
Training DeepConv1d on the synthetic database (demo.yaml), about a minute on two CPU cores.
On MIT-BIH:  python scripts/train.py --config deep_conv1d.yaml --data.root FOLDER_OF_THE_RECORDS
(without --data.root the 48 records are downloaded from PhysioNet, about 100 MB)
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, 2 after a mistake that the user can correct.

    Args:
        args: The words after the program's name; default: those of the process.
    """
    args = list(sys.argv[1:] if args is None else args)
    _escape_what_the_locale_lacks()
    try:
        text = _quick_answer(args)
    except InputError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
        return 2
    if text is None:
        return _run(args)
    with contextlib.suppress(BrokenPipeError):  # the reader has enough, as in `--help | head`
        print(text, flush=True)
        return 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
    return 0


def train(args: Sequence[str] | None = None) -> int:
    """Fit, then test: what `scripts/train.py` runs. The default is the synthetic database."""
    args = list(sys.argv[1:] if args is None else args)
    if not args:
        print(DEMO, flush=True)
        args = ["--config", "demo.yaml"]
    if any(word in HELP for word in args):
        return main(["fit", *args])
    _escape_what_the_locale_lacks()
    return _run(["fit", *args], test_after_fit=True)


def _with_home(word: str) -> str:
    """A word with `~/` as the home folder, which shells leave in `--data.root=~/records`."""
    from ecg_lightning.system.paths import expanded

    match = re.fullmatch(r"(--[\w.-]+=)?(~[^/]*/.*)", word, re.DOTALL)
    return f"{match[1] or ''}{expanded(match[2])}" if match else word


def _escape_what_the_locale_lacks() -> None:
    r"""Let an output without Unicode show `\xb7` for a middle dot, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _quick_answer(args: Sequence[str]) -> str | None:
    """The text that needs no heavy import, or None for a command that has to run.

    Raises:
        InputError: The first word is no verb.
    """
    verb = args[0] if args else ""
    if verb in (*HELP, HELP_ALL):
        return main_help()
    if verb == "--version":
        return f"{PROGRAM} {__version__}"
    if verb.startswith("-"):  # `--config FILE VERB` is for Lightning's parser
        return None
    check_verb(verb)
    return verb_help(verb) if any(word in HELP for word in args) else None


def _run(args: Sequence[str], test_after_fit: bool = False) -> int:
    from ecg_lightning.cli.exit_status import status_of  # late: a quick answer does without it

    args = [_with_home(word) for word in args]
    verb, *words = ["--help" if word == HELP_ALL else word for word in args]
    if verb not in TRAINER_VERBS and not verb.startswith("-"):
        command = load(verb)
        return status_of(lambda: command(words), verb)

    from ecg_lightning.cli.arguments import resolved

    command_line = load("fit")
    return status_of(lambda: command_line(resolved([verb, *words]), test_after_fit), verb)
