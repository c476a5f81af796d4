"""The entry points: `ecg-lightning VERB …`, and what `scripts/train.py` runs.

The first word decides. Help, the version and a mistyped verb are answered without torch and
Lightning; each verb imports what it needs.
"""

import re
import sys
from collections.abc import Callable, Sequence

from ecg_lightning import __version__
from ecg_lightning.cli.help import main_help, verb_help
from ecg_lightning.cli.unforeseen import SURROUNDINGS, as_input_error
from ecg_lightning.cli.verbs import TRAINER_VERBS, check_verb, load
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.system.preemption import CTRL_C, INTERRUPTED, ends_at_once
from ecg_lightning.system.terminal import flush_streams, keep_streams_usable

HELP, HELP_ALL = ("-h", "--help"), "--help-all"
DEMO = """\
Training DeepConv1d on the synthetic database (demo.yaml), one or two minutes on two CPU cores.
On MIT-BIH:  python scripts/train.py --config deep_conv1d.yaml --data.root FOLDER_OF_THE_RECORDS
(without --data.root the 48 records are downloaded from PhysioNet, about 100 MB)
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, 2 after a mistake that the user can correct.

    Args:
        args: The words after the program's name; default: those of the process.
    """
    return _ended(lambda: _main(list(sys.argv[1:] if args is None else args)))


def train(args: Sequence[str] | None = None) -> int:
    """Fit, then test: what `scripts/train.py` runs. The default is the synthetic database."""
    return _ended(lambda: _train(list(sys.argv[1:] if args is None else args)))


def _ended(command: Callable[[], int]) -> int:
    """The exit status of a command, also after Ctrl-C and where nobody takes what it prints."""
    keep_streams_usable()
    try:
        status = command()
        flush_streams()
    except KeyboardInterrupt:
        status, line = INTERRUPTED, f"{CTRL_C}: stopped"
    except SURROUNDINGS as error:  # standard output is full
        status, line = 2, str(as_input_error(error))
    else:
        return status
    print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)
    return status


def _main(args: Sequence[str]) -> int:
    try:
        text = _quick_answer(args)
    except InputError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
        return 2
    if text is None:
        return _run(args)
    print(text, flush=True)
    return 0


def _train(args: Sequence[str]) -> int:
    if not args:
        print(DEMO, flush=True)
        args = ["--config", "demo.yaml"]
    if any(word in HELP for word in args):
        return _main(["fit", *args])
    return _run(["fit", *args], test_after_fit=True)


def _with_home(word: str) -> str:
    """A word with `~/` as the home folder, which shells leave in `--data.root=~/records`."""
    from ecg_lightning.system.paths import expanded

    match = re.fullmatch(r"(--[\w.-]+=)?(~[^/]*/.*)", word, re.DOTALL)
    return f"{match[1] or ''}{expanded(match[2])}" if match else word


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
    from ecg_lightning.cli.exit_status import quiet, status_of  # late: quick answers need none

    args = [_with_home(word) for word in args]
    verb, *words = ["--help" if word == HELP_ALL else word for word in args]

    def command() -> None:
        trains = verb in TRAINER_VERBS or verb.startswith("-")
        with ends_at_once():
            run = load("fit" if trains else verb)
        quiet()  # again: Lightning's import has made it talkative
        if not trains:
            run(words)
            return
        from ecg_lightning.cli.arguments import resolved

        run(resolved([verb, *words]), test_after_fit)

    return status_of(command, verb)
