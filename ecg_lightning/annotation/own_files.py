"""Which files may be written: new ones, and those that this program wrote. Never an input."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ecg_lightning.annotation.file_contents import NOISE, UNUSABLE, USABLE, table_columns
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.signal_files import files_of, header_lines
from ecg_lightning.records.wfdb.annotations import TIME_RESOLUTION, read_annotations
from ecg_lightning.system.input_files import open_input
from ecg_lightning.system.packages import import_optional
from ecg_lightning.system.paths import check_output_file

Kind = Literal["wfdb", "csv", "html", "parquet"]
_ENDING = ".hea"
GENERATOR = b'<meta name="generator" content="ecg-lightning annotate">'
_HEAD_BYTES = 1 << 10
_CLASS_PROBABILITY = re.compile(r"[01]\.\d{3}", re.ASCII)
_ANY_POSITION = 1 << 62


def check_output(path: Path, kind: Kind, inputs: Iterable[Path] = ()) -> None:
    """Refuse to replace an input, and a file that this program did not write.

    So no annotation file that a person made is lost: neither the reference of a record, nor one of
    ours that was corrected by hand. The content of a file tells whether it is ours.

    Args:
        path: The file to write.
        kind: What it will hold.
        inputs: The files that are read.

    Raises:
        InputError: The path is that of an input, also through a link, of a file that is not ours,
            or of no regular file.
    """
    check_output_file(path, inputs)
    if os.path.exists(path) and not _is_own(path, kind):
        raise foreign_output(path)


def foreign_output(path: Path) -> InputError:
    """The error for a file that this program did not write, and that would be replaced."""
    return InputError(
        f"{path}",
        expected="no file of this name, or one that ecg-lightning wrote",
        found="another one",
        hint="move it away, or choose another folder",
        setting="output",
    )


def input_files(recording: Recording, annotator: str = "") -> list[Path]:
    """Return the files of a recording, which nothing may replace.

    Args:
        recording: The recording.
        annotator: The ending of the WFDB annotation file that is read; "" for none.
    """
    path = recording.path
    if path is None:
        return []
    if path.suffix != _ENDING:
        return [path]
    root, record = path.parent, path.name.removesuffix(_ENDING)
    headers, signals = files_of(root, record, header_lines(root, record))
    annotations = [root / f"{record}.{annotator}"] if annotator else []
    return [path, *headers, *signals, *annotations]


def _is_own(path: Path, kind: Kind) -> bool:
    """Whether this program wrote a file of this kind, by its content."""
    tests = {
        "wfdb": _is_own_wfdb,
        "csv": _is_own_csv,
        "html": _is_own_page,
        "parquet": _is_own_parquet,
    }
    if kind == "parquet":
        import_optional("pyarrow.parquet", "parquet")  # its error is not about the file
    try:
        return tests[kind](path)
    except (InputError, OSError, ValueError):
        return False


def _is_own_wfdb(path: Path) -> bool:
    """Whether a file has the marks of `wfdb_content`, and no others.

    Each annotation is a beat with a class probability, or a mark of signal quality.
    """
    if TIME_RESOLUTION.encode() not in _head(path):
        return False
    marks = read_annotations(path, 1.0, 1, _ANY_POSITION)
    columns = (marks.symbols.tolist(), marks.texts, marks.subtypes.tolist())
    for symbol, text, subtype in zip(*columns, strict=True):
        is_noise = symbol == NOISE and not text and subtype in (UNUSABLE, USABLE)
        if not is_noise and not (symbol in CLASS_NAMES and _CLASS_PROBABILITY.fullmatch(text)):
            return False
    return True


def _is_own_csv(path: Path) -> bool:
    return _head(path).startswith((",".join(table_columns()) + "\n").encode())


def _is_own_page(path: Path) -> bool:
    return GENERATOR in _head(path)


def _is_own_parquet(path: Path) -> bool:
    schema = import_optional("pyarrow.parquet", "parquet").read_schema(path)
    return bool(schema.names == table_columns())


def _head(path: Path) -> bytes:
    with open_input(path) as file:
        return file.read(_HEAD_BYTES)
