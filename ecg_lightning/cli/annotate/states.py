"""What is known of each recording's annotation: small JSON files in the output folder.

`OUTPUT/.annotate/NAME.json` says with which settings a recording was annotated, what its input
files were, and which files were written. So the tasks of an array redo only what is missing.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.errors import InputError
from ecg_lightning.records.format_table import WFDB
from ecg_lightning.records.formats import format_and_place
from ecg_lightning.records.ishne.annotations import annotation_file
from ecg_lightning.records.signal_files import files_of, header_lines
from ecg_lightning.report.summary_rows import SummaryRow, checked_row
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.input_files import read_input
from ecg_lightning.system.paths import expanded

FOLDER = ".annotate"
_MOST_BYTES = 1 << 22


@dataclass(frozen=True)
class State:
    """How far the annotation of a recording is.

    Attributes:
        status: `started`, `done` or `failed`.
        settings: The fingerprint of the settings, see `fingerprint`.
        inputs: The fingerprint of the input files, see `inputs_fingerprint`.
        files: The names of the files that were written, relative to the output folder.
        row: What the summary says of the recording; None before the work ends.
    """

    status: Literal["started", "done", "failed"]
    settings: str
    inputs: str
    files: tuple[str, ...] = ()
    row: SummaryRow | None = None

    @classmethod
    def read(cls, output: Path, name: str) -> Self | None:
        """Return the state of a recording; None where there is none that can be read."""
        try:
            content = json.loads(read_input(path_of(output, name), _MOST_BYTES))
            values = {field.name: content[field.name] for field in fields(cls)}
            files, row = _texts(values["files"]), _row(values["row"])
        except (InputError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return cls(**values | {"files": files, "row": row})

    def write(self, output: Path, name: str) -> None:
        """Write the state; it replaces that of an earlier command in one step."""
        content = json.dumps(asdict(self), indent=1, allow_nan=False)
        write_output(path_of(output, name), f"{content}\n".encode(), setting="output")

    def is_finished(self, output: Path, settings: str, inputs: str) -> bool:
        """Whether a recording needs no more work: it is done with these settings, or has failed.

        Args:
            output: The output folder.
            settings: The fingerprint of the settings.
            inputs: The fingerprint of the input files.
        """
        return (self.status == "failed" and self._is_of(settings, inputs)) or self.is_done(
            output, settings, inputs
        )

    def is_done(self, output: Path, settings: str, inputs: str) -> bool:
        """Whether all files of a recording are there, written with these settings."""
        files_are_there = all(os.path.isfile(output / name) for name in self.files)
        return self.status == "done" and self._is_of(settings, inputs) and files_are_there

    def _is_of(self, settings: str, inputs: str) -> bool:
        return (self.settings, self.inputs) == (settings, inputs)


def path_of(output: Path, name: str) -> Path:
    """Return the file of a recording's state."""
    return output / FOLDER / f"{name}.json"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return a text that differs where settings differ; they are values of JSON."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def inputs_fingerprint(one: Input, beats: str | None) -> str:
    """Return a text that changes with the place, the size and the time of each input file.

    Two recordings of one name can have the same size, as those of one device have, and the same
    time, as files out of an archive have.

    Args:
        one: The recording.
        beats: The ending of the annotation file that is read.
    """
    return fingerprint({os.path.realpath(path): _stamp(path) for path in _files(one, beats)})


def _files(one: Input, beats: str | None) -> Iterable[Path]:
    """The files of a recording; each may be missing."""
    try:
        form, place = format_and_place(expanded(one.path))
    except InputError:
        return [expanded(one.path)]
    if form is not WFDB:  # ISHNE has its annotations in a file of their own
        marks = annotation_file(place) if beats else None
        return [place, *filter(None, [marks])]
    lines = header_lines(place.parent, place.name)
    headers, signals = files_of(place.parent, place.name, lines)
    own = [place.with_name(f"{place.name}.{ending}") for ending in ("hea", *filter(None, [beats]))]
    return {*own, *headers, *signals}


def _stamp(path: Path) -> Sequence[int]:
    """The size and the time of the last change of a file; nothing where there is no such file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    return status.st_size, status.st_mtime_ns


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("no list of texts")
    return tuple(values)


def _row(value: Any) -> SummaryRow | None:
    if value is None:
        return None
    if not isinstance(value, dict) or checked_row(value) != value:
        raise TypeError("no row of this version")
    return value
