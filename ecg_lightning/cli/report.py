"""`ecg-lightning report`."""

from collections.abc import Sequence
from pathlib import Path

from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.report.markdown import markdown_table
from ecg_lightning.report.writer import REPORT, write_report


def report_command(args: Sequence[str]) -> None:
    """`ecg-lightning report RUN [RUN ...]`."""
    parser = VerbParser("report", "Write one page about one or several tested runs, side by side.")
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a folder that `test` or scripts/train.py has written",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(REPORT),
        metavar="FILE",
        help=f"the page to write; left out: {REPORT} here",
    )
    given = parser.parse_args(args)
    if given.output.is_dir():
        raise InputError(
            f"{given.output}: expected the name of a file to write, found a folder; add a file name to --output"
        )
    print(markdown_table(write_report(given.runs, given.output)))
    print(given.output)
