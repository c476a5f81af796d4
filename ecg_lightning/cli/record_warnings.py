"""Warnings about records in one line each: at once, and at the end those about skipped records."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from ecg_lightning.errors import PROGRAM
from ecg_lightning.records.notes import RecordWarning, SkippedRecordWarning

SOME_SKIPPED = 1  # the exit status


class RecordWarnings:
    """Shows the warnings about records while a command runs.

    Attributes:
        skipped: The lines about skipped records, for the end.
    """

    def __init__(self) -> None:
        self.skipped: list[str] = []

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show each warning about records as one line, in the first process of a run."""
        with warnings.catch_warnings():
            show = warnings.showwarning
            warnings.simplefilter("always", RecordWarning)

            def show_record(message: Warning | str, *rest: Any, **named: Any) -> None:
                if isinstance(message, SkippedRecordWarning):
                    self.skipped.append(str(message))
                elif isinstance(message, RecordWarning):
                    _print(str(message))
                else:
                    show(message, *rest, **named)

            warnings.showwarning = show_record
            yield

    def end(self) -> int:
        """Print what was skipped; return the exit status of a command that succeeded."""
        for line in self.skipped:
            _print(line)
        return SOME_SKIPPED if self.skipped and _is_first() else 0


def _print(line: str) -> None:
    if _is_first():
        print(f"{PROGRAM}: warning: {line}", file=sys.stderr, flush=True)


def _is_first() -> bool:
    if "lightning" not in sys.modules:  # this process is then the only one
        return True
    from ecg_lightning.training.distributed import is_first_rank

    return is_first_rank()
