"""Where `predict` writes its table: a file, standard output, or predictions.csv of a run folder."""

import contextlib
import errno
import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self, TextIO

from ecg_lightning.arrays import Floats32, Integers
from ecg_lightning.beat_table import beat_columns
from ecg_lightning.data.beats import Beats
from ecg_lightning.evaluation.prediction_files import (
    BLOCK,
    Columns,
    Writable,
    check_table_file,
    write_csv,
    write_table_file,
)
from ecg_lightning.evaluation.predictions import check_finite
from ecg_lightning.system.paths import cannot_write, check_output_file, expanded
from ecg_lightning.text import printed_path
from ecg_lightning.training.run import Run

STANDARD = "-"


class PredictionOutput:
    """The table that `predict --output NAME` writes.

    Args:
        name: A file that ends in .csv or .parquet, or `-` for standard output.

    Raises:
        InputError: The name has another ending, or pyarrow is missing.
    """

    def __init__(self, name: str) -> None:
        self.stream: TextIO | None = sys.stdout if name == STANDARD else None
        self.path = expanded(name)
        if self.stream is None:
            check_table_file(self.path)

    @contextlib.contextmanager
    def alone_on_stdout(self) -> Iterator[Self]:
        """Send everything else that is printed to standard error, where the table is on output."""
        if self.stream is None:
            yield self
            return
        with contextlib.redirect_stdout(sys.stderr):
            yield self

    @contextlib.contextmanager
    def run(self, inputs: Iterable[Path]) -> Iterator[Run]:
        """Yield a run in a temporary folder: the table is all that stays.

        Args:
            inputs: What the command reads and therefore does not replace.

        Raises:
            InputError: The file is one of these, or no file can be written there.
        """
        if self.stream is None:
            check_output_file(self.path, inputs)
            self._check_folder()
        with tempfile.TemporaryDirectory(prefix="ecg-lightning-") as folder:
            yield Run(Path(folder))

    def write(self, blocks: Iterable[Columns]) -> None:
        """Write the table."""
        if self.stream is None:
            write_table_file(self.path, blocks)
        else:
            write_csv(_binary(self.stream), blocks)
            self.stream.flush()

    def _check_folder(self) -> None:
        """Refuse a place where no file can be written, before the work begins."""
        folder = next(path for path in self.path.absolute().parents if path.exists())
        number = 0 if os.access(folder, os.W_OK | os.X_OK) else errno.EACCES
        if number := number if folder.is_dir() else errno.ENOTDIR:
            error = OSError(number, os.strerror(number))
            raise cannot_write(self.path, error, place="file", setting="output")

    def print_name(self) -> None:
        """Print the name of the file."""
        if self.stream is None:
            print(printed_path(self.path), flush=True)


def prediction_blocks(
    beats: Beats, rows: Integers, probabilities: Floats32, labelled: bool = True
) -> Iterator[Columns]:
    """Yield the columns of beats and their probabilities, some thousand beats at a time.

    Args:
        beats: The beats table.
        rows: (N,) which beats.
        probabilities: (N, 5) in the order of `CLASS_NAMES`.
        labelled: Whether there is a column of true classes.

    Raises:
        InputError: A probability is not finite.
        ValueError: The arrays differ in length.
    """
    check_finite(probabilities)  # before the first row is written
    for start in range(0, max(1, len(rows)), BLOCK):  # no beats are a table too
        block = rows[start : start + BLOCK]
        yield beat_columns(
            beats.record_ids[block],
            beats.samples[block],
            beats.symbols[block],
            probabilities[start : start + BLOCK],
            beats.quality[block],
            labels=beats.labels[block] if labelled else None,
        )


def _binary(stream: TextIO) -> Writable:
    """The bytes below a stream: a table is UTF-8 whatever the locale."""
    if isinstance(stream, io.TextIOWrapper):
        stream.flush()
        return stream.buffer
    return _AsText(stream)


class _AsText:
    """Bytes for a stream of text that has none below, such as that of a test."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes, /) -> int:
        """Write UTF-8."""
        return self._stream.write(data.decode())
