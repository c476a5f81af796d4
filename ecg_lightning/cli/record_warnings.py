"""Warnings of this package in one line each, those about skipped records at the end."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from ecg_lightning.errors import PROGRAM, SettingsWarning
from ecg_lightning.records.notes import RecordWarning, SkippedRecordWarning

SOME_SKIPPED = 1  # the exit status
OURS = (RecordWarning, SettingsWarning)
TRAININGS = ("fit", "crossval")  # they take hours


class RecordWarnings:
    """Shows the warnings of a command about records and settings.

    A training shows them when they come. Another command shows them when it has succeeded, so that
    one that fails has one line.

    Args:
        verb: The verb of the command.
    """

    def __init__(self, verb: str) -> None:
        self._at_once = verb in TRAININGS
        self._lines, self._skipped = list[str](), list[str]()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show each of these warnings as one line, in the first process of a run."""
        with warnings.catch_warnings():
            show = warnings.showwarning
            for category in OURS:
                warnings.simplefilter("always", category)

            def show_record(message: Warning | str, *rest: Any, **named: Any) -> None:
                if isinstance(message, SkippedRecordWarning):
                    self._skipped.append(str(message))
                elif isinstance(message, OURS) and self._at_once:
                    _print(str(message))
                elif isinstance(message, OURS):
                    self._lines.append(str(message))
                else:
                    show(message, *rest, **named)

            warnings.showwarning = show_record
            yield

    def end(self) -> int:
        """Print what is not shown yet; return the exit status of a command that succeeded."""
        for line in (*self._lines, *self._skipped):
            _print(line)
        return SOME_SKIPPED if self._skipped and _is_first() else 0


def _print(line: str) -> None:
    if _is_first():
        print(f"{PROGRAM}: warning: {line}", file=sys.stderr, flush=True)


def _is_first() -> bool:
    if "lightning" not in sys.modules:  # this process is then the only one
        return True
    from ecg_lightning.training.distributed import is_first_rank

    return is_first_rank()
