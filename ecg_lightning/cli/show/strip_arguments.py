"""The arguments of `ecg-lightning show` that belong to a strip, and those of a recording's path."""

from pathlib import Path
from typing import Any

from ecg_lightning.cli.pictures import ENDINGS
from ecg_lightning.cli.recording_arguments import add_recording_arguments

DEFAULT_SECONDS = 10.0
MOST_LEADS = 32
# What only the strip of a path takes. Its name in a source's form: another one, or none.
ONLY_WITH_PATH = {
    "--lead": "--data.lead",
    "--leads": "",
    "--fs": "",
    "--unit": "",
    "--column": "",
    "--annotator": "--data.annotator",
    "--predictions": "",
    "--annotations": "",
    "--annotations-root": "",
}


def add_path_arguments(parser: Any) -> None:
    """Add PATH and what belongs to it to a parser of argparse or jsonargparse."""
    parser.add_argument(
        "path",
        type=str,
        nargs="?",
        metavar="PATH",
        help="draw a strip of this recording: a file, or the name of a WFDB record",
    )
    add_recording_arguments(parser)
    parser.add_argument(
        "--leads",
        type=str,
        metavar="LEADS",
        help="draw several leads below each other: all, or a list such as II,V1,V5",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="a predictions.csv of predict or test, to draw its classes next to the annotations",
    )
    parser.add_argument(
        "--annotations",
        type=str,
        metavar="NAME",
        help="ending of a second WFDB annotation file such as ecl, to draw it next to the first",
    )
    parser.add_argument(
        "--annotations-root",
        type=Path,
        metavar="DIR",
        help="folder of the second annotation file (default: that of the recording)",
    )


def add_strip_arguments(parser: Any) -> None:
    """Add what each strip has: start, length and the picture to write."""
    parser.add_argument(
        "--start", type=float, metavar="S", help="start time of the strip in seconds (default: 0)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"length of the strip, 1 to 20 seconds (default: {DEFAULT_SECONDS:g})",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"the picture to write, {ENDINGS} (default: a name made of what is drawn)",
    )


def limits_of(parsed: Any) -> tuple[float, float]:
    """Return start and length in seconds."""
    seconds = DEFAULT_SECONDS if parsed.seconds is None else parsed.seconds
    return parsed.start or 0.0, seconds
