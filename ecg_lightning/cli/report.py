"""`ecg-lightning report`."""

from collections.abc import Sequence
from pathlib import Path

from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.evaluation.evaluation import EVALUATION
from ecg_lightning.report.markdown import markdown_table
from ecg_lightning.report.writer import REPORT, write_report
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import printed_path


def report_command(args: Sequence[str]) -> None:
    """`ecg-lightning report RUN [RUN ...]`."""
    parsed = report_parser().parse_args(args)
    check_output_file(parsed.output, [run / EVALUATION for run in parsed.runs])
    print(markdown_table(write_report(parsed.runs, parsed.output)))
    print(printed_path(parsed.output))


def report_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("report")
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a run folder that test or scripts/train.py has written",
    )
    parser.add_argument(
        "--output", type=Path, default=Path(REPORT), metavar="FILE", help="the page to write"
    )
    return parser
