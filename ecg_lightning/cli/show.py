"""`ecg-lightning show`: a picture of beats as networks see them, or of a strip of a record."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from jsonargparse import ArgumentError, ArgumentParser, Namespace
from matplotlib.figure import Figure

from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES
from ecg_lightning.cli.arguments import plain_values
from ecg_lightning.cli.beat_names import (
    MOST_BEATS,
    NEAR_S,
    one_of_each_class,
    rate_hz,
    row_of_beat,
    unknown_record,
)
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.cli.yaml_values import check_words, use_bounds
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.figures.beats import beats_figure
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.figures.style import FigureFormat, figure_bytes
from ecg_lightning.records.databases import prepare_database, read_record_of
from ecg_lightning.signals.views import ViewName
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import printed_path, shown_name

PROG = f"{PROGRAM} show"
VIEWS: list[ViewName] = ["signal", "spectrogram", "image", "clean-image"]
# These arguments split, balance and load beats. They do not change a picture.
NOT_SHOWN = {
    *("split", "balance", "view", "batch_size", "per_class", "without"),
    *("folds", "fold", "seed", "split_seed"),
}
ENDINGS = ", ".join(f".{ending}" for ending in get_args(FigureFormat))
DEFAULT_SECONDS = 10.0


def show_command(args: Sequence[str]) -> None:
    """`ecg-lightning show [--beat BEAT … | --record RECORD] [--output FILE] [--data. …]`."""
    parsed = _parsed(args)
    ending = _ending(parsed.output)
    data = BeatDataModule(**plain_values(parsed.data), split="all", balance="none")
    figure, name, description = (
        _beats(data, parsed.beat, parsed.views or VIEWS)
        if parsed.record is None
        else _strip(data, parsed)
    )
    output = parsed.output or Path(f"{name}.png")
    write_output(output, figure_bytes(figure, ending), setting="output", place="file")
    print(description)
    print(printed_path(output))


def show_parser() -> ArgumentParser:
    """Return the parser."""
    parser = ArgumentParser(
        prog=PROG, description=VERBS["show"].about, exit_on_error=False, allow_abbrev=False
    )
    about_beat = (
        f"up to {MOST_BEATS} beats, each as RECORD:SAMPLE such as 100:2044 (the nearest beat "
        f"within {NEAR_S:g} s), or as its row in the beats table (default: one of each class)"
    )
    parser.add_argument("--beat", type=str, nargs="+", metavar="BEAT", help=about_beat)
    parser.add_argument(
        "--views",
        type=ViewName,
        nargs="+",
        metavar="VIEW",
        help=f"the views of the beats, from the top (default: {' '.join(VIEWS)})",
    )
    parser.add_argument(
        "--record", type=str, metavar="RECORD", help="draw a strip of this record, not beats"
    )
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
    parser.add_class_arguments(BeatDataModule, "data", skip=NOT_SHOWN)
    return parser


def _parsed(args: Sequence[str]) -> Namespace:
    use_bounds()
    check_words(args)
    try:
        parsed = show_parser().parse_args(list(args))
    except ArgumentError as error:
        raise InputError(in_one_line(str(error), PROG)) from error
    _check_combination(parsed)
    return parsed


def _check_combination(parsed: Namespace) -> None:
    """Refuse arguments of one picture together with those of the other."""
    if parsed.record is not None:
        other, problem = ("beat", "views"), "does not belong to a strip; remove it, or --record"
    else:
        other, problem = ("start", "seconds"), "belongs to a strip; add --record"
    for name in other:
        if parsed[name] is not None:
            raise InputError(f"--{name} {problem}")
    if len(parsed.beat or ()) > MOST_BEATS:
        raise InputError(
            "beat",
            expected=f"at most {MOST_BEATS} beats",
            found=str(len(parsed.beat)),
            hint="draw the others in a second picture",
            setting="beat",
        )


def _ending(output: Path | None) -> FigureFormat:
    """The file format that the name of the output asks for."""
    if output is None:
        return "png"
    check_output_file(output)
    ending: Any = output.suffix.lower().removeprefix(".")
    if ending not in get_args(FigureFormat):
        raise InputError(
            f"output {output}",
            expected=f"a name that ends in one of {ENDINGS}",
            found=output.suffix or "none",
            hint="choose another name",
            setting="output",
        )
    return ending


def _strip(data: BeatDataModule, parsed: Namespace) -> tuple[Figure, str, str]:
    """The picture, a file name without ending, and a description."""
    if data.source == "kaggle":
        raise InputError(
            "record",
            expected="a source of records",
            found="kaggle, whose tables hold only beats",
            hint="name beats, or another source",
            setting="source",
        )
    database = prepare_database(
        data.source, data.root, data.cache_dir, fill_root=False, annotator=data.annotator
    )
    if parsed.record not in database.records:
        raise unknown_record("record", shown_name(parsed.record), database.records)
    record = read_record_of(database, parsed.record, data.settings.lead)
    start_s = parsed.start or 0.0
    seconds = DEFAULT_SECONDS if parsed.seconds is None else parsed.seconds
    figure = strip_figure(record, start_s, seconds, CLASS_MAPS[data.settings.classes])
    end_s = figure.axes[0].get_xlim()[1]
    description = (
        f"record {shown_name(record.name)}, lead {shown_name(record.lead)}, "
        f"{start_s:g} to {end_s:g} s"
    )
    return figure, f"strip-{_word(record.name)}-{start_s:g}s", description


def _beats(
    data: BeatDataModule, names: Sequence[str] | None, views: Sequence[ViewName]
) -> tuple[Figure, str, str]:
    """The picture, a file name without ending, and a description."""
    data.prepare_data()
    data.setup()
    beats, read_excerpt = data.beats, data.excerpts()
    rates = cache(lambda record: rate_hz(read_excerpt, record))
    rows = (
        one_of_each_class(beats)
        if names is None
        else [row_of_beat(beats, name, rates) for name in names]
    )
    places = list(zip(beats.record_ids[rows].tolist(), beats.samples[rows].tolist(), strict=True))
    times_s = (
        None if read_excerpt is None else [sample / rates(record) for record, sample in places]
    )
    try:
        figure = beats_figure(beats, rows, times_s, data.settings.normalization, views)
    except InputError as error:  # a view cannot be made
        raise _of_views(error) from error
    called = [f"{shown_name(record)}:{sample}" for record, sample in places]
    description = " · ".join(
        f"{CLASS_NAMES[beats.labels[row]]} {name}" for row, name in zip(rows, called, strict=True)
    )
    return figure, f"beat-{_word(called[0])}" if len(rows) == 1 else "beats", description


def _of_views(error: InputError) -> InputError:
    """The error about a view, with `--views` as its flag."""
    parts = {"expected": error.expected, "found": error.found, "hint": error.hint}
    setting = "views" if error.setting == "view" else error.setting
    return InputError(error.subject, **parts, setting=setting)


def _word(name: str) -> str:
    """A name as part of a file name."""
    return re.sub(r"[^\w.]+", "-", name)
