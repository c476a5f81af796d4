"""`ecg-lightning report`: a page about tested runs, or their table for a text or a program."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.evaluation.evaluation import EVALUATION
from ecg_lightning.evaluation.paired import PairedSummary
from ecg_lightning.evaluation.predictions import PREDICTIONS
from ecg_lightning.report.crossval import TABLE_JSON
from ecg_lightning.report.crossval_rows import crossval_content, is_crossval
from ecg_lightning.report.latex import as_latex
from ecg_lightning.report.markdown import as_markdown, markdown_table
from ecg_lightning.report.run_pairs import compare_runs
from ecg_lightning.report.text_tables import paired_tables, paper_table, warnings_of
from ecg_lightning.report.tidy_csv import paired_csv, runs_csv
from ecg_lightning.report.writer import REPORT, page_bytes, read_runs
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import escaped, listed, printed_path

HTML, CSV, LATEX, MARKDOWN = "html", "csv", "latex", "markdown"
ENDINGS = {".html": HTML, ".htm": HTML, ".csv": CSV, ".tex": LATEX, ".md": MARKDOWN}
STANDARD = "-"
Runs = Sequence[Mapping[str, Any]]


def report_command(args: Sequence[str]) -> None:
    """`ecg-lightning report RUN [RUN ...]`.

    Raises:
        InputError: A run is missing or broken, two runs cannot be compared, or a file cannot be
            written.
    """
    parsed = report_parser().parse_intermixed_args(args)
    form = _format(parsed)
    output = parsed.output or Path(REPORT if form == HTML else STANDARD)
    if str(output) != STANDARD:
        names = (EVALUATION, PREDICTIONS, TABLE_JSON)
        check_output_file(output, [run / name for run in parsed.runs for name in names])
    evaluations = _evaluations(parsed, form)
    paired = compare_runs(parsed.runs, evaluations) if parsed.paired else None
    content = _content(form, evaluations, paired)
    if str(output) == STANDARD:
        print(content.decode(), end="")
    else:
        write_output(output, content, setting="output", place="file")
        if form == HTML:
            print(markdown_table(evaluations))
            print(f"\n{_paired_markdown(paired, evaluations)}\n" if paired else "", end="")
        print(printed_path(output))
    if form != HTML:
        for line in warnings_of(evaluations):
            print(f"{PROGRAM}: warning: {escaped(line, 600)}", file=sys.stderr)


def report_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("report")
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a run folder that test or scripts/train.py has written; for a table also a folder of "
        "crossval",
    )
    parser.add_argument(
        "--format",
        choices=(HTML, CSV, LATEX, MARKDOWN),
        help="html: a page; csv, latex, markdown: a table on standard output, or in a file "
        "(default: by the ending of FILE, or html)",
    )
    parser.add_argument(
        "--paired",
        action="store_true",
        help="compare two runs beat by beat: differences with intervals, and beats that only one "
        "got right",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"the file to write, or - for standard output (default: {REPORT} for html)",
    )
    return parser


def _format(parsed: argparse.Namespace) -> str:
    """The format that is named, or that the ending of the file says; both have to agree."""
    ending = "" if parsed.output is None else parsed.output.suffix.lower()
    by_ending = ENDINGS.get(ending, "")
    if parsed.format and by_ending and by_ending != parsed.format:
        raise InputError(
            f"output {parsed.output}",
            expected=f"a file for {parsed.format}",
            found=f"the ending {ending}, of {by_ending}",
            hint="change the name or the format",
            setting="output",
        )
    return str(parsed.format or by_ending or HTML)


def _evaluations(parsed: argparse.Namespace, form: str) -> list[dict[str, Any]]:
    """The contents of the runs; those of a cross-validation are one."""
    several = [run for run in parsed.runs if is_crossval(run)]
    if several and (form == HTML or parsed.paired):
        raise InputError(
            str(several[0]),
            expected="a tested run" if parsed.paired else "a tested run, for a page",
            found="the folder of a cross-validation",
            hint=f"name its runs ({several[0]}/*/run), or ask for a table (--format markdown)",
        )
    single = iter(read_runs([run for run in parsed.runs if run not in several]))
    contents = [crossval_content(run) if run in several else next(single) for run in parsed.runs]
    for content in contents:
        if missing := content.get("missing"):
            line = f"{content['run']}: not finished: {listed(missing)}"
            print(f"{PROGRAM}: warning: {escaped(line)}", file=sys.stderr)
    return contents


def _content(form: str, evaluations: Runs, paired: PairedSummary | None) -> bytes:
    """The page or the table."""
    if form == HTML:
        return page_bytes(evaluations, paired)
    if form == CSV:
        text = paired_csv(paired, evaluations) if paired else runs_csv(evaluations)
    elif form == LATEX:
        tables = paired_tables(paired, evaluations) if paired else [paper_table(evaluations)]
        text = "\n\n".join(map(as_latex, tables)) + "\n"
    elif paired:
        text = _paired_markdown(paired, evaluations) + "\n"
    else:
        text = markdown_table(evaluations) + "\n"
    return text.encode(errors="backslashreplace")


def _paired_markdown(paired: PairedSummary, evaluations: Runs) -> str:
    return "\n\n".join(map(as_markdown, paired_tables(paired, evaluations)))
