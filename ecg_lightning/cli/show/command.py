"""`ecg-lightning show`: a strip of a recording, or beats and records of a source."""

import math
from collections.abc import Sequence

from ecg_lightning.cli.flags import all_flags


def show_command(args: Sequence[str]) -> None:
    """`ecg-lightning show PATH …` or `show [--beat BEAT … | --record RECORD] [--data. …]`."""
    if has_path(args):
        from ecg_lightning.cli.show.recording import show_recording

        show_recording(args)
        return
    from ecg_lightning.cli.show.source import show_source  # late: it needs torch and Lightning

    show_source(args)


def has_path(args: Sequence[str]) -> bool:
    """Whether a word is neither an argument nor the value of one.

    Example:
        >>> has_path(["--start", "60", "100.edf"]), has_path(["--record", "100"])
        (True, False)
    """
    if "--help" in args:  # the parser of the other form knows all arguments
        return False
    flags = {flag.name: flag for flag in all_flags()["show"]}
    values = 0.0  # how many of the next words may be values
    for index, word in enumerate(args):
        if word == "--":
            return index + 1 < len(args)
        if word.startswith("-") and not (values and word[1:2].isdigit()):
            name, equals, _ = word.partition("=")
            several = name in flags and flags[name].several
            values = 0 if equals else math.inf if several else 1
        elif values:
            values -= 1
        else:
            return True
    return False
