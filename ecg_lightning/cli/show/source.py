"""`ecg-lightning show` of a source: beats as networks see them, or a strip of a record."""

from collections.abc import Sequence

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from ecg_lightning.classes import CLASS_MAPS
from ecg_lightning.cli.arguments import plain_values
from ecg_lightning.cli.beat_names import MOST_BEATS, NEAR_S, unknown_record
from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.cli.pictures import (
    Picture,
    in_file_name,
    picture_format,
    seconds_text,
    write_picture,
)
from ecg_lightning.cli.show.beats import VIEWS, beats_picture
from ecg_lightning.cli.show.strip_arguments import (
    ONLY_WITH_PATH,
    add_path_arguments,
    add_strip_arguments,
    limits_of,
)
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.cli.yaml_values import check_words, use_bounds
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import PROGRAM, InputError
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.records.database_records import open_record_of
from ecg_lightning.records.strips import strip_of
from ecg_lightning.signals.views import ViewName
from ecg_lightning.text import shown_name

PROG = f"{PROGRAM} show"
# These arguments split, balance and load beats. They do not change a picture.
NOT_SHOWN = {
    *("split", "train", "test", "balance", "view", "batch_size", "per_class", "without"),
    *("folds", "fold", "seed", "split_seed"),
}


def show_source(args: Sequence[str]) -> None:
    """`ecg-lightning show [--beat BEAT … | --record RECORD] [--output FILE] [--data. …]`."""
    parsed = _parsed(args)
    picture_format(parsed.output)
    data = BeatDataModule(**plain_values(parsed.data), split="all", balance="none")
    if parsed.record is None:
        picture = beats_picture(data, parsed.beat, parsed.views or VIEWS)
    else:
        picture = _strip_picture(data, parsed)
    write_picture(picture, parsed.output)


def show_parser(with_path: bool = True) -> ArgumentParser:
    """Return the parser.

    Args:
        with_path: Whether it also takes the path of a recording, as `show_recording` does. Help
            has all arguments.
    """
    parser = ArgumentParser(
        prog=PROG, description=VERBS["show"].about, exit_on_error=False, allow_abbrev=False
    )
    parser.add_class_arguments(BeatDataModule, "data", skip=NOT_SHOWN)
    if with_path:
        add_path_arguments(parser)
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
    add_strip_arguments(parser)
    return parser


def _parsed(args: Sequence[str]) -> Namespace:
    use_bounds()
    check_words(args)
    _check_flags(args)
    try:
        parsed = show_parser(with_path="--help" in args).parse_args(list(args))
    except ArgumentError as error:
        raise InputError(in_one_line(str(error), PROG)) from error
    _check_combination(parsed)
    return parsed


def _check_flags(args: Sequence[str]) -> None:
    """Refuse arguments that only the path of a recording takes."""
    for flag, _ in flag_values(args):
        if flag in ONLY_WITH_PATH:
            advice = f"write {ONLY_WITH_PATH[flag]}" if ONLY_WITH_PATH[flag] else "remove it"
            raise InputError(
                f"{flag} belongs to the path of a recording; add the path, or {advice}"
            )


def _check_combination(parsed: Namespace) -> None:
    """Refuse arguments of one picture together with those of the other."""
    if parsed.record is not None:
        other, problem = ("beat", "views"), "does not belong to a strip; remove it, or --record"
    else:
        other, problem = ("start", "seconds"), "belongs to a strip; add --record, or a path"
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


def _strip_picture(data: BeatDataModule, parsed: Namespace) -> Picture:
    if data.source == "kaggle":
        raise InputError(
            "record",
            expected="a source of records",
            found="kaggle, whose tables hold only beats",
            hint="name beats, or another source",
            setting="source",
        )
    database = data.prepared_database()
    if parsed.record not in database.records:
        raise unknown_record("record", shown_name(parsed.record), database.records)
    recording = open_record_of(database, parsed.record, data.settings.lead)
    strip = strip_of(recording, *limits_of(parsed))
    start, end = (seconds_text(at_s) for at_s in strip.limits_s)
    name, lead = shown_name(recording.name), shown_name(recording.lead.name)
    figure = strip_figure(strip, CLASS_MAPS[data.settings.classes])
    file_name = f"strip-{in_file_name(recording.name)}-{start}s"
    return Picture(figure, file_name, f"record {name}, lead {lead}, {start} to {end} s")
