"""The parser of a verb that is not Lightning's."""

import argparse
from typing import NoReturn

from ecg_lightning.errors import InputError


class VerbParser(argparse.ArgumentParser):
    """argparse's, with one line for a mistake, as everywhere.

    Args:
        verb: The word behind `ecg-lightning`.
        description: What it does.
    """

    def __init__(self, verb: str, description: str) -> None:
        super().__init__(f"ecg-lightning {verb}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raises InputError."""
        raise InputError(f"{message}; see `{self.prog} --help`")
