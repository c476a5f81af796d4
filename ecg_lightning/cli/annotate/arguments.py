"""The arguments of `annotate`, checked before any recording is looked at."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ecg_lightning.annotation.found_beats import check_limit
from ecg_lightning.annotation.output.files import ANNOTATOR, DEFAULT_KINDS, KINDS, check_annotator
from ecg_lightning.annotation.output.own_files import Kind
from ecg_lightning.cli.annotate.shards import Shard
from ecg_lightning.cli.recording_arguments import add_reading_arguments
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.models.names import DEFAULT_DETECTOR, DEFAULT_MODEL, default_model
from ecg_lightning.records.formats import check_options
from ecg_lightning.records.recording import ReadOptions
from ecg_lightning.system.packages import missing_package
from ecg_lightning.system.paths import cannot_write, expanded
from ecg_lightning.text import escaped, names_in

ON_ERROR = ("skip", "stop")


@dataclass(frozen=True)
class Settings:
    """What `annotate` is asked to do.

    Attributes:
        paths: Files, names of WFDB records and folders.
        output: The output folder.
        model: The name or the path of the classifier's weights.
        detector: Those of the detectors, separated by commas.
        reading: Arguments of `Annotator.annotate`.
        annotator: The ending of the WFDB annotation files that are written.
        kinds: What is written, in the order of `KINDS`.
        stops: Whether the first bad recording ends the command.
        keep_folders: Whether the folders below a named folder are kept.
        jobs: How many recordings are worked on at a time.
        shard: The part of the recordings that this command works on; None: all of them.
    """

    paths: tuple[str, ...]
    output: Path
    model: str
    detector: str
    reading: dict[str, Any]
    annotator: str
    kinds: tuple[Kind, ...]
    stops: bool
    keep_folders: bool
    jobs: int
    shard: Shard | None


def parse_arguments(args: Sequence[str]) -> Settings:
    """Parse and check the words after `ecg-lightning annotate`.

    Raises:
        InputError: An argument is wrong.
    """
    parser = annotate_parser()
    # Paths may come before and after options, or all after `--`.
    parsed = parser.parse_args(args) if "--" in args else parser.parse_intermixed_args(args)
    _check_names(parsed)
    check_annotator(parsed.annotator)
    settings = Settings(
        paths=tuple(parsed.paths),
        output=expanded(parsed.output),
        model=default_model(parsed.causal) if parsed.model is None else parsed.model,
        detector=parsed.detector,
        reading=_reading(parsed),
        annotator=parsed.annotator,
        kinds=_kinds(parsed.write),
        stops=parsed.on_error == "stop",
        keep_folders=parsed.keep_folders,
        jobs=_jobs(parsed.jobs),
        shard=None if parsed.shard is None else Shard.of(parsed.shard),
    )
    _check_output(settings.output)
    return settings


def annotate_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("annotate")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a recording: a file or the name of a WFDB record; or a folder of recordings",
    )
    parser.add_argument(
        "--output", required=True, metavar="FOLDER", help="folder of the files that are written"
    )
    _add_what_is_done(parser)
    add_reading_arguments(parser)
    _add_how_it_is_run(parser)
    return parser


def _add_what_is_done(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the name of shipped weights, or a checkpoint of this project, which classifies "
        f"(default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--detector",
        default=DEFAULT_DETECTOR,
        metavar="NAME",
        help="the name or the file of the weights that find beats; several, separated by commas, "
        "find them together",
    )
    parser.add_argument(
        "--beats",
        metavar="NAME",
        help="ending of WFDB annotation files, such as atr, whose beats are classified (atr also "
        "for EDF+, BDF+ and ISHNE); without it the beats are found",
    )
    parser.add_argument(
        "--causal",
        action="store_true",
        help="judge each beat without what comes more than 5 s after it, as in a stream",
    )
    parser.add_argument(
        "--unsure",
        dest="unsure_below",
        type=float,
        metavar="P",
        help="mark a beat as unsure if the probability of its class is below P, from 0 (none) to "
        "1 (default: the limit of the weights)",
    )
    parser.add_argument(
        "--no-own-shares",
        dest="own_shares",
        action="store_false",
        help="keep the shares of N and S that the weights learnt; without it they are estimated "
        "in each half hour in which S is frequent",
    )
    parser.add_argument(
        "--write",
        default=",".join(DEFAULT_KINDS),
        metavar="NAMES",
        help=f"what is written for each recording, of {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--annotator",
        default=ANNOTATOR,
        metavar="NAME",
        help="ending of the WFDB annotation files that are written",
    )


def _add_how_it_is_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-folders",
        action="store_true",
        help="keep the folders below a named folder, so that recordings of one name stay apart",
    )
    parser.add_argument(
        "--on-error",
        choices=ON_ERROR,
        default=ON_ERROR[0],
        help="what follows when a recording cannot be annotated: skip it, or stop",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="recordings that are worked on at a time"
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="work on every N-th recording from the I-th on, and only on those that are not done; "
        "the last of N commands writes the summary",
    )


def _check_names(parsed: argparse.Namespace) -> None:
    """Refuse empty names, as of a variable that is not set: they would mean this folder."""
    if not all(parsed.paths):
        raise _wrong("path", "a recording or a folder", "an empty text", setting="")
    if not parsed.output:
        raise _wrong("output", "a folder", "an empty text")
    if parsed.model == "":
        raise _wrong("model", "the name of weights", "an empty text")


def _reading(parsed: argparse.Namespace) -> dict[str, Any]:
    names = ("lead", "fs_hz", "unit", "column")
    options = {name: getattr(parsed, name) for name in names}
    check_options(ReadOptions(**options))
    if parsed.beats is not None and not re.fullmatch(r"[^\s/\\.]{1,32}", parsed.beats):
        expected = "the ending of WFDB annotation files, such as atr"
        raise _wrong("beats", expected, escaped(repr(parsed.beats)))
    if parsed.unsure_below is not None:
        check_limit(parsed.unsure_below)
    names = ("beats", "causal", "unsure_below", "own_shares")
    return {**options, **{name: getattr(parsed, name) for name in names}}


def _kinds(text: str) -> tuple[Kind, ...]:
    names = names_in(text)
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        expected = f"some of {', '.join(KINDS)}, separated by commas"
        raise _wrong("write", expected, escaped(", ".join(unknown)) or "none")
    if "parquet" in names and find_spec("pyarrow") is None:
        raise missing_package("pyarrow", "parquet")
    return tuple(kind for kind in KINDS if kind in names)


def _jobs(jobs: int) -> int:
    most = max(64, 2 * (os.cpu_count() or 1))
    if not 1 <= jobs <= most:
        raise _wrong("jobs", f"1 to {most}", str(jobs))
    return jobs


def _check_output(output: Path) -> None:
    """Refuse an output folder that is a file, or lies below one."""
    blocker = next((path for path in (output, *output.parents) if os.path.lexists(path)), None)
    if blocker is None or blocker.is_dir():
        return
    error = NotADirectoryError(20, "a file" if blocker == output else "a file above it")
    raise cannot_write(
        output, error, "a folder to write to", place="folder", setting="output"
    ) from error


def _wrong(name: str, expected: str, found: str, setting: str | None = None) -> InputError:
    setting = name if setting is None else setting
    return InputError(name, expected=expected, found=found, hint="correct it", setting=setting)
