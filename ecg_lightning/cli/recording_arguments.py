"""The arguments of the verbs that read any recording."""

import argparse
from typing import Any

from ecg_lightning.records.formats import check_options
from ecg_lightning.records.recording import ReadOptions

# The names of `ReadOptions` and `read_recording`, and the flag of each.
FLAGS = {
    "lead": "--lead",
    "fs_hz": "--fs",
    "unit": "--unit",
    "column": "--column",
    "annotator": "--annotator",
}


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a user can state about a recording: `--lead --fs --unit --column --annotator`."""
    add_reading_arguments(parser)
    parser.add_argument(
        "--annotator",
        type=str,
        default=ReadOptions.annotator,
        metavar="NAME",
        help="ending of WFDB annotation files",
    )


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a user can state about a signal: `--lead --fs --unit --column`."""
    parser.add_argument(
        "--lead",
        type=str,
        metavar="LEAD",
        help="index or name of the lead, or a list such as MLII,II,0 (default: MLII, else II, "
        "else the first that looks like an ECG)",
    )
    parser.add_argument(
        "--fs", dest="fs_hz", type=float, metavar="HZ", help="sampling rate of a file that has none"
    )
    parser.add_argument(
        "--unit", type=str, metavar="UNIT", help="unit of a file that has none, such as uV"
    )
    parser.add_argument(
        "--column",
        type=str,
        metavar="COLUMN",
        help="columns of a table that are leads, by name or by number from 1, such as 2,3",
    )


def options_of(parsed: Any) -> dict[str, Any]:
    """Return the options as arguments of `read_recording`.

    Args:
        parsed: What a parser with these arguments returns.

    Raises:
        InputError: No format can use the value of an option.
    """
    options = {name: getattr(parsed, name) for name in FLAGS}
    check_options(ReadOptions(**options))  # before any file is looked at
    return options
