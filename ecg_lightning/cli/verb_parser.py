"""The parser of a verb that does not use Lightning's command line."""

import argparse
from typing import NoReturn

from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.errors import PROGRAM, InputError


class VerbParser(argparse.ArgumentParser):
    """argparse's parser, with an `InputError` of one line for a mistake.

    Args:
        verb: One of `VERBS`, which has its description.
    """

    def __init__(self, verb: str) -> None:
        super().__init__(f"{PROGRAM} {verb}", description=VERBS[verb].about, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise InputError."""
        raise InputError(message, hint=f"see `{self.prog} --help`")
