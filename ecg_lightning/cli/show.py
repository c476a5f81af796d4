"""`ecg-lightning show`: a picture of beats as the networks see them, or of a strip of a record with its annotations."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from matplotlib.figure import Figure

from ecg_lightning.classes import CLASS_MAPS, CLASS_NAMES
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.data.beats import Beats
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.figures.beats import beats_figure
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.figures.style import FigureFormat, figure_bytes
from ecg_lightning.records.databases import prepare_database
from ecg_lightning.records.excerpts import ReadExcerpt
from ecg_lightning.records.wfdb import read_record
from ecg_lightning.signals.views import ViewName
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.text import shown_name

PROGRAM = "ecg-lightning show"
ABOUT = (
    "Draw beats as the networks see them, one of each class where none is named, or a strip of a record with its annotations "
    "(--record), and write the picture."
)
VIEWS: list[ViewName] = ["signal", "spectrogram", "image", "clean-image"]
# What splits, balances and loads beats has no bearing on a picture of one.
NOT_SHOWN = {
    *(
        "split",
        "balance",
        "view",
        "batch_size",
        "per_class",
        "without",
        "folds",
        "fold",
        "seed",
        "split_seed",
    ),
}
MOST_BEATS = 8
NEAR_S = 0.15  # EC57's window for one and the same beat: a peak and its annotation are rarely at the same sample
NAMED = 8  # records in a message


def show_command(args: Sequence[str]) -> None:
    """`ecg-lightning show [--beat BEAT … | --record RECORD] [--output FILE]` and those `--data` arguments that make beats."""
    given = _parsed(args)
    kind = _kind(given.output)
    data = BeatDataModule(**given.data, split="all", balance="none")
    figure, name, said = (
        _beats(data, given.beat, given.views or VIEWS)
        if given.record is None
        else _strip(data, given)
    )
    output = given.output or Path(f"{name}.png")
    write_output(
        output, figure_bytes(figure, kind), "make room on this disk, or choose another --output"
    )
    print(said)
    print(output)


def _parsed(args: Sequence[str]) -> Namespace:
    parser = ArgumentParser(
        prog=PROGRAM, description=ABOUT, exit_on_error=False, allow_abbrev=False
    )
    about_beat = f"RECORD:SAMPLE, such as 100:2044 (the nearest beat within {NEAR_S:g} s), or a row of the beats' table; up to {MOST_BEATS}"
    parser.add_argument("--beat", type=str, nargs="+", metavar="BEAT", help=about_beat)
    parser.add_argument(
        "--views",
        type=ViewName,
        nargs="+",
        metavar="VIEW",
        help=f"of the beats, from the top: {', '.join(VIEWS)}",
    )
    parser.add_argument("--record", type=str, help="draw a strip of this record instead")
    parser.add_argument(
        "--start",
        type=float,
        metavar="S",
        help="of the strip, seconds from the record's; left out: 0",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="length of the strip, 1 to 20; left out: 10"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=f"{_endings()}; left out: a name that is said"
    )
    parser.add_class_arguments(BeatDataModule, "data", skip=NOT_SHOWN)
    try:
        given = parser.parse_args(list(args))
    except ArgumentError as error:
        raise InputError(in_one_line(str(error), PROGRAM)) from error
    _check_kinds(given)
    return given


def _check_kinds(given: Namespace) -> None:
    """Refuses arguments of the one picture beside those of the other."""
    if given.record is not None:
        wrong, instead = (
            [name for name in ("beat", "views") if given[name] is not None],
            "--record draws a strip",
        )
    else:
        wrong, instead = (
            [name for name in ("start", "seconds") if given[name] is not None],
            "without --record beats are drawn",
        )
    if wrong:
        raise InputError(f"--{wrong[0]}: {instead}, which has none; leave one of them out")
    if len(given.beat or ()) > MOST_BEATS:
        raise InputError(
            f"--beat: expected {MOST_BEATS} beats at most, found {len(given.beat)}; draw the others in a second picture"
        )


def _endings() -> str:
    return ", ".join(f".{kind}" for kind in get_args(FigureFormat))


def _kind(output: Path | None) -> FigureFormat:
    if output is None:
        return "png"
    if output.is_dir():
        raise InputError(
            f"{output}: expected the name of a file to write, found a folder; add a file name to --output"
        )
    kind: Any = output.suffix.lower().removeprefix(".")
    if kind not in get_args(FigureFormat):
        raise InputError(
            f"--output {output}: expected a name that ends in one of {_endings()}, found {output.suffix or 'none'}; change it"
        )
    return kind


def _strip(data: BeatDataModule, given: Namespace) -> tuple[Figure, str, str]:
    """The picture, a file name without ending, and what is drawn, in words."""
    if data.source == "kaggle":
        raise InputError(
            "--record: expected a source of records, found kaggle, whose tables hold beats alone; use --beat, or another source"
        )
    database = prepare_database(
        data.source, data.root, data.cache_dir, fill_root=False, annotator=data.annotator
    )
    if given.record not in database.records:
        raise InputError(_no_record(f"--record {shown_name(given.record)}", database.records))
    record = read_record(database.root, given.record, data.settings.lead, database.annotator)
    start_s, seconds = given.start or 0.0, 10.0 if given.seconds is None else given.seconds
    figure = strip_figure(record, start_s, seconds, CLASS_MAPS[data.settings.classes])
    end_s = figure.axes[0].get_xlim()[1]
    said = f"record {shown_name(record.name)}, lead {shown_name(record.lead)}, {start_s:g} to {end_s:g} s"
    return figure, f"strip-{_word(record.name)}-{start_s:g}s", said


def _beats(
    data: BeatDataModule, names: Sequence[str] | None, views: Sequence[ViewName]
) -> tuple[Figure, str, str]:
    """The picture, a file name without ending, and which beats are drawn, in words."""
    data.prepare_data()
    data.setup()
    beats, read_excerpt = data.beats, data.excerpts()
    rates = cache(lambda record: _rate_hz(read_excerpt, record))
    rows = (
        one_of_each_class(beats) if names is None else [_row(beats, name, rates) for name in names]
    )
    records, samples = beats.record_ids[rows].tolist(), beats.samples[rows].tolist()
    times_s = (
        None
        if read_excerpt is None
        else [sample / rates(record) for record, sample in zip(records, samples, strict=True)]
    )
    try:
        figure = beats_figure(beats, rows, times_s, data.settings.normalization, views)
    except InputError as error:  # a view that cannot be made
        raise InputError(str(error).replace("--data.view", "--views")) from error
    called = [
        f"{record}:{sample}"
        for record, sample in zip(map(shown_name, records), samples, strict=True)
    ]
    said = " · ".join(
        f"{CLASS_NAMES[beats.labels[row]]} {name}" for row, name in zip(rows, called, strict=True)
    )
    return figure, f"beat-{_word(called[0])}" if len(rows) == 1 else "beats", said


def one_of_each_class(beats: Beats) -> list[int]:
    """The middle one of each class that there is: a record's first beats are often cut short."""
    of_class = [np.flatnonzero(beats.labels == label) for label in range(len(CLASS_NAMES))]
    return [int(rows[len(rows) // 2]) for rows in of_class if len(rows)]


def _row(beats: Beats, name: str, rates: Any) -> int:
    """The row of a beat by its name on the command line."""
    record, colon, digits = name.rpartition(":")
    if not re.fullmatch("[0-9]{1,12}", digits):
        found = f"found {shown_name(name)!r}"
        raise InputError(
            f"--beat: expected RECORD:SAMPLE, such as 100:2044, or a row from 0 to {len(beats) - 1}, {found}; change it"
        )
    number = int(digits)
    if colon:
        return _nearest(beats, record, number, rates)
    if number >= len(beats):
        raise InputError(
            f"--beat: expected a row from 0 to {len(beats) - 1}, found {number}; change it, or name RECORD:SAMPLE"
        )
    return number


def _nearest(beats: Beats, record: str, sample: int, rates: Any) -> int:
    of_record = np.flatnonzero(beats.record_ids == record)
    if not len(of_record):
        names = list(dict.fromkeys(beats.record_ids.tolist()))
        raise InputError(_no_record(f"--beat {shown_name(record)}:{sample}", names))
    row = int(of_record[np.abs(beats.samples[of_record] - sample).argmin()])
    nearest = int(beats.samples[row])
    if abs(nearest - sample) > NEAR_S * rates(record):
        found = f"found the nearest at sample {nearest}"
        expected = f"expected a beat within {NEAR_S:g} s"
        raise InputError(
            f"--beat {shown_name(record)}:{sample}: {expected}, {found}; write {shown_name(record)}:{nearest}, or look elsewhere"
        )
    return row


def _rate_hz(read_excerpt: ReadExcerpt | None, record: str) -> float:
    """The record's own sampling rate, in which its beats' positions count; 0 for tables, whose rows have to be named exactly."""
    piece = read_excerpt and read_excerpt(record, 0, 1.0)
    return piece.fs_hz if piece else 0.0


def _no_record(what: str, records: Sequence[str]) -> str:
    names = ", ".join(map(shown_name, records[:NAMED])) + (
        f" and {len(records) - NAMED} more" if len(records) > NAMED else ""
    )
    return (
        f"{what}: expected one of the records {names}, found none of that name; choose one of these"
    )


def _word(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r"[^\w.]+", "-", name)
