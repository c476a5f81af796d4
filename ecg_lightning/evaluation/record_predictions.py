"""The predictions of one record, read from a predictions.csv that may hold many records."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Integers
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.databases import SOURCES
from ecg_lightning.system.input_files import open_input
from ecg_lightning.text import escaped, listed, of_cell

_EXPECTED = "a predictions.csv as `predict` and `test` write it"
_SETTING = "predictions"
_NO_LABEL = -1
_LONGEST = 40  # letters of a name in a message


@dataclass(frozen=True, eq=False)
class RecordPredictions:
    """The predicted beats of one record, ascending.

    Attributes:
        record: Its name in the file.
        samples: (B,) positions, in samples of the record.
        labels: (B,) reference classes, indices into `CLASS_NAMES`; None where the file has none.
        predicted: (B,) predicted classes.
    """

    record: str
    samples: Integers
    labels: Integers | None
    predicted: Integers


class _Beat(NamedTuple):
    sample: int
    label: int  # _NO_LABEL where the file has no column of true classes
    predicted: int


def read_record_predictions(path: Path, recording: Path, n_samples: int) -> RecordPredictions:
    """Read the rows of one record.

    The record is that whose name is the end of the recording's path: `100`, or `sub/100` for
    `records/sub/100`. Where the file joins databases, their names are no part of the path: rows of
    `mitdb/100` belong to each path that ends in `100`, unless the file also has another `100`; then
    the path decides.

    Args:
        path: A predictions.csv.
        recording: The recording, without an ending.
        n_samples: Its length.

    Raises:
        InputError: The file is missing or has other content, has no row of this record, has rows of
            several records of that name, or a position is outside the recording.
    """
    others: dict[str, None] = {}
    beats: dict[str, list[_Beat]] = {}
    for record, beat in _rows(path):
        if _is_end_of(_without_database(record), recording):
            beats.setdefault(record, []).append(beat)
        else:
            others[record] = None
    record = _record(path, recording, beats, list(others))
    rows = np.array(sorted(beats[record]), np.int64)
    outside = (rows[:, 0] < 0) | (rows[:, 0] >= n_samples)
    if outside.any():
        raise InputError(
            f"{path}",
            expected=f"positions of beats in the {n_samples:,} samples of the recording",
            found=f"sample {rows[outside][0, 0]:,} for record {escaped(record, _LONGEST)}",
            hint="choose the predictions of this recording",
            setting=_SETTING,
        )
    samples, labels, predicted = rows.T
    known = labels.min() > _NO_LABEL
    return RecordPredictions(record, samples, labels if known else None, predicted)


def _record(
    path: Path, recording: Path, beats: Mapping[str, Sequence[_Beat]], others: Sequence[str]
) -> str:
    whole = [record for record in beats if _is_end_of(record, recording)]
    if whole or len(beats) == 1:
        return max(whole or beats, key=len)
    found, hint = f"those of {_listed(others)}", "choose the predictions of this recording"
    if beats:
        found, hint = f"those of {_listed(list(beats))}", "choose predictions of one of them"
    expected = f"rows of record {escaped(recording.name, _LONGEST)}"
    raise InputError(f"{path}", expected=expected, found=found, hint=hint, setting=_SETTING)


def _without_database(record: str) -> str:
    database, slash, name = record.partition("/")
    return name if slash and database in SOURCES else record


def _is_end_of(record: str, recording: Path) -> bool:
    parts = record.split("/")
    return list(recording.parts[-len(parts) :]) == parts


def _listed(records: Sequence[str]) -> str:
    return listed([escaped(name, _LONGEST) for name in records])


def _rows(path: Path) -> Iterator[tuple[str, _Beat]]:
    """Each row, with the name of its record."""
    hint, number = "choose another file", {name: k for k, name in enumerate(CLASS_NAMES)}
    try:
        stream = open_input(path, _EXPECTED, hint, _SETTING)
        with io.TextIOWrapper(stream, "utf-8", newline="") as file:
            rows, line = csv.DictReader(file), 1
            for row in rows:
                line = rows.line_num
                label = number[row["class"]] if "class" in row else _NO_LABEL
                beat = _Beat(_position(row["sample"]), label, number[row["predicted"]])
                yield of_cell(row["record"]), beat
            if line == 1:
                raise ValueError("no beats")
    except (ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        found = f"something else ({type(error).__name__}: {escaped(str(error), 60)})"
        raise InputError(
            f"{path}", expected=_EXPECTED, found=found, hint=hint, setting=_SETTING
        ) from error


def _position(cell: str) -> int:
    position = int(cell)
    if abs(position) >= 1 << 62:
        raise ValueError(f"sample {position:.1e}")
    return position
