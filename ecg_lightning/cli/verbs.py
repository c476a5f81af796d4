"""The verbs of the command line: what each does, one correct line, and the function that runs it.

This module and what it imports stay light, so that help and mistyped verbs are answered at once.
"""

import difflib
import importlib
from collections.abc import Callable
from typing import NamedTuple

from ecg_lightning.errors import InputError


class Verb(NamedTuple):
    """One verb.

    Attributes:
        about: What it does, in one sentence.
        example: One correct line, without the program's name.
        function: `module:function`. The function takes the words after the verb; `CLI` takes
            the verb too.
    """

    about: str
    example: str
    function: str


FOLDER = "ecg_lightning.cli"
BEST = "RUN/checkpoints/best.ckpt"
RUN = f"{FOLDER}.trainer.command:CLI"
VERBS = {
    "fit": Verb(
        "Train a network and evaluate its best epoch on the validation part.",
        "fit --config demo.yaml",
        RUN,
    ),
    "validate": Verb(
        "Evaluate a checkpoint on the validation part.",
        f"validate --config demo.yaml --ckpt_path {BEST}",
        RUN,
    ),
    "test": Verb(
        "Evaluate a checkpoint on the test part and write the report.",
        f"test --config demo.yaml --ckpt_path {BEST}",
        RUN,
    ),
    "predict": Verb(
        "Write class probabilities: of all beats of data that are named, or of the test part.",
        f"predict --ckpt_path {BEST} --output beats.csv",
        RUN,
    ),
    "prepare": Verb(
        "Download or write the records and cut them into beats, once for all runs.",
        "prepare --data.source mitdb",
        f"{FOLDER}.prepare:prepare_command",
    ),
    "crossval": Verb(
        "Train and test every fold and every seed, and write one table.",
        "crossval --output FOLDER --folds 6 --config demo.yaml",
        f"{FOLDER}.crossval.command:crossval_command",
    ),
    "report": Verb(
        "Write a page about tested runs, or their table for a paper.",
        "report RUN RUN --paired --output report.html",
        f"{FOLDER}.report:report_command",
    ),
    "show": Verb(
        "Draw a strip of any recording, or beats as the networks see them.",
        "show recording.edf --start 60 --leads all",
        f"{FOLDER}.show.command:show_command",
    ),
    "info": Verb(
        "Tell what recordings hold: format, leads, length, annotations and quality.",
        "info mitdb/208",
        f"{FOLDER}.info.command:info_command",
    ),
    "annotate": Verb(
        "Find the beats of recordings, classify them, and write annotations and pages.",
        "annotate recording.edf --output annotated",
        f"{FOLDER}.annotate.command:annotate_command",
    ),
    "compare": Verb(
        "Compare beat annotations with a reference as EC57 asks; to compare runs, see report.",
        "compare --root mitdb --test ecl --test-root annotations",
        f"{FOLDER}.compare.command:compare_command",
    ),
    "import-keras": Verb(
        "Turn a Keras model file into a checkpoint.",
        "import-keras model.h5 --output model.ckpt",
        f"{FOLDER}.import_keras:import_keras_command",
    ),
    "export": Verb(
        "Write the network of a checkpoint for another runtime.",
        f"export {BEST} --format onnx --output model.onnx",
        f"{FOLDER}.export:export_command",
    ),
    "completion": Verb(
        "Print a script that completes verbs, arguments and files in a shell.",
        "completion bash",
        f"{FOLDER}.completion:completion_command",
    ),
}


TRAINER_VERBS = tuple(name for name, verb in VERBS.items() if verb.function == RUN)
DATA_TITLE = "BeatDataModule: the source of the beats, their window, split, balance and view"


def load(verb: str) -> Callable[..., object]:
    """Import and return the function that runs a verb."""
    module, _, name = VERBS[verb].function.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function


def check_verb(word: str) -> None:
    """Refuse a word that is no verb.

    Args:
        word: The first word of the command; empty where there is none.

    Raises:
        InputError: It names the nearest of all verbs.
    """
    if word in VERBS:
        return
    expected = f"one of {', '.join(VERBS)}"
    if not word:
        raise InputError("verb", expected=expected, found="none", hint="see `ecg-lightning --help`")
    raise InputError(
        f"verb {word}",
        expected=expected,
        hint=f"did you mean {nearest(word)}? See `ecg-lightning --help`",
    )


def nearest(word: str) -> str:
    """Return the verb that is most like a word.

    Example:
        >>> nearest("tets"), nearest("import_keras"), nearest("train")
        ('test', 'import-keras', 'fit')
    """
    if word == "train":  # as the script is called
        return "fit"
    return max(VERBS, key=lambda verb: difflib.SequenceMatcher(None, word.lower(), verb).ratio())
