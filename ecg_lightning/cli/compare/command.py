"""`ecg-lightning compare`: how well beat annotations agree with reference annotations."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecg_lightning.cli.compare.records import Compared, Files, Folders, compared
from ecg_lightning.cli.compare.text import comparison_lines, time_text
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.evaluation.beat_comparison import COMPARED_MAPS, START_S, TOLERANCE_S
from ecg_lightning.evaluation.comparison import Comparison, comparison_csv, comparison_json
from ecg_lightning.records.formats import check_options
from ecg_lightning.records.notes import warn_of
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.system.terminal import progress_bar, width_of_output
from ecg_lightning.text import escaped, printed_path

TABLE, CONTENT = "compare.csv", "compare.json"
WRITERS = {".csv": comparison_csv, ".json": comparison_json}
_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,8}(?:\.\d*)?)", re.ASCII)
_NO_TIME = (0.0, 0.0, 0.0)


def compare_command(args: Sequence[str]) -> None:
    """`ecg-lightning compare --root DIR --reference atr --test ecl [RECORD ...]`.

    Raises:
        InputError: A folder, a record or a file is missing or damaged, or nothing is counted.
    """
    parsed = compare_parser().parse_intermixed_args(args)
    _check_annotators(parsed)
    folders = Folders(parsed.root, parsed.test_root or parsed.root, parsed.reference, parsed.test)
    files, missing = folders.records(parsed.records)
    outputs = _outputs(parsed.output, files)
    results = _results(files, parsed.classes, parsed.start)
    settings = {
        "root": str(parsed.root),
        "test_root": str(folders.test_root),
        **{name: getattr(parsed, name) for name in ("reference", "test", "classes")},
        "start_s": parsed.start,
        "tolerance_s": TOLERANCE_S,
        "not_compared": missing,
    }
    comparison = Comparison(tuple(files), tuple(one.counts for one in results), settings)
    for path in outputs:
        write_output(path, WRITERS[path.suffix](comparison), setting="output")
    warn_of([note for one in results for note in one.notes])
    print("\n".join(comparison_lines(comparison, missing, width_of_output())))
    for path in outputs:
        print(printed_path(path))


def compare_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("compare")
    parser.add_argument(
        "records",
        nargs="*",
        metavar="RECORD",
        help="records of the folder to compare (default: all that have both files)",
    )
    parser.add_argument(
        "--root",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the WFDB records, with the reference annotations",
    )
    parser.add_argument(
        "--reference", default="atr", metavar="NAME", help="ending of the reference annotations"
    )
    parser.add_argument(
        "--test", required=True, metavar="NAME", help="ending of the annotations to judge"
    )
    parser.add_argument(
        "--test-root",
        type=Path,
        metavar="DIR",
        help="folder of the annotations to judge (default: that of the records)",
    )
    parser.add_argument(
        "--classes",
        choices=tuple(COMPARED_MAPS),
        default="bxb",
        help="bxb: escape beats e, j and n are S, as in WFDB; aami: e and j are N, as in the "
        "tables of this project",
    )
    parser.add_argument(
        "--start",
        type=_seconds,
        default=time_text(START_S),
        metavar="S",
        help="where counting begins, in seconds or as M:SS; 0 counts whole records",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help=f"write {TABLE} and {CONTENT} to this folder, or one file with such an ending",
    )
    return parser


def _seconds(text: str) -> float:
    """The seconds in a text such as `300`, `5:00` or `1:30:00`."""
    match = _TIME.fullmatch(text.strip())
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else _NO_TIME
    if not match or (match[2] and max(minutes * bool(match[1]), seconds) >= 60):
        raise argparse.ArgumentTypeError(
            f"expected seconds or M:SS, such as 300 or 5:00, found {escaped(text, 40)}"
        )
    return 3600 * hours + 60 * minutes + seconds


def _check_annotators(parsed: argparse.Namespace) -> None:
    for setting in ("reference", "test"):
        try:
            check_options(ReadOptions(annotator=getattr(parsed, setting)))
        except InputError as error:
            parts = {"expected": error.expected, "found": error.found, "hint": error.hint}
            raise InputError(setting, **parts, setting=setting) from error


def _outputs(output: Path | None, files: Mapping[str, Files]) -> list[Path]:
    """The files to write, none of which is read."""
    if output is None:
        return []
    is_file = output.suffix in WRITERS and not output.is_dir()
    paths = [output] if is_file else [output / TABLE, output / CONTENT]
    inputs = [path for one in files.values() for path in (one.header, one.reference, one.test)]
    for path in paths:
        check_output_file(path, inputs)
    return paths


def _results(files: Mapping[str, Files], classes: str, start_s: float) -> list[Compared]:
    results = list[Compared]()
    with progress_bar() as show:
        for name, one in files.items():
            show(escaped(name, 40), len(results) / len(files))
            results.append(compared(one, classes, start_s))
    if not any(one.is_counted for one in results):
        raise InputError(
            "records",
            expected=f"one or more that last longer than {time_text(start_s)}",
            found="none",
            hint="begin earlier",
            setting="start",
        )
    return results
