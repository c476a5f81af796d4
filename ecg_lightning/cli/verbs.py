"""The verbs of `ecg-lightning`: one line about each, and the function that runs it."""

import importlib
from collections.abc import Callable, Sequence

TRAINER_VERBS = ("fit", "validate", "test", "predict")  # their arguments are LightningCLI's
ABOUT = {
    "prepare": "Download or write the records and cut them into beats, once for all runs.",
    "fit": "Train a network and evaluate its best epoch on the validation part.",
    "validate": "Evaluate a checkpoint on the validation part.",
    "test": "Evaluate a checkpoint on the test part and write the report.",
    "predict": "Write the class probabilities of each beat of the test part.",
    "crossval": "Train and test every fold and every seed, and write one table.",
    "report": "Write one page that compares tested runs.",
    "show": "Draw pieces of a record with its beats.",
    "import-keras": "Turn a Keras model file into a checkpoint.",
    "export": "Write the network of a checkpoint for another runtime.",
}
DATA_TITLE = "BeatDataModule: the source of the beats, their window, split, balance and view"


def command_of(verb: str) -> Callable[[Sequence[str]], None]:
    """The function of a verb that is not Lightning's; it takes the words after the verb."""
    name = verb.replace("-", "_")
    module = importlib.import_module(f"ecg_lightning.cli.{name}")
    command: Callable[[Sequence[str]], None] = getattr(module, f"{name}_command")
    return command
