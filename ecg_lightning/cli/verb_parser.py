"""The parser of a verb that does not use Lightning's command line."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from ecg_lightning.cli.messages import advice_on
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.errors import PROGRAM, InputError


class VerbParser(argparse.ArgumentParser):
    """argparse's parser, with an `InputError` of one line for a mistake.

    Args:
        verb: One of `VERBS`, which has its description.
    """

    def __init__(self, verb: str) -> None:
        super().__init__(f"{PROGRAM} {verb}", description=VERBS[verb].about, allow_abbrev=False)
        self._words: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: D102
        self._words = args or self._words
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise InputError."""
        raise InputError(message, hint=advice_on(self._words, self.prog))
