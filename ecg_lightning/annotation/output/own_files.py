"""Which files may be written: new ones, and those that this program wrote. Never an input."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ecg_lightning.annotation.output.file_contents import NOISE, UNSURE, UNUSABLE, table_columns
from ecg_lightning.classes import CLASS_NAMES
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import Recording
from ecg_lightning.records.signal_files import files_of, header_lines
from ecg_lightning.records.wfdb.annotations import SYMBOLS, TIME_RESOLUTION
from ecg_lightning.system.input_files import open_input, read_input
from ecg_lightning.system.packages import import_optional
from ecg_lightning.system.paths import check_output_file

Kind = Literal["wfdb", "csv", "html", "parquet"]
_ENDING = ".hea"
GENERATOR = b'<meta name="generator" content="ecg-lightning annotate">'
_HEAD_BYTES = 1 << 10
_MOST_BYTES = 1 << 26  # of an annotation file


def _word(symbols: str) -> bytes:
    """A pattern of the two bytes of an annotation: the code is in the upper six bits."""
    codes = [code for code, symbol in SYMBOLS.items() if symbol in symbols]
    upper = b"".join(re.escape(bytes([code << 2 | k])) for code in codes for k in range(4))
    return b".[" + upper + b"]"


# What `wfdb_content` writes: a time resolution, beats with a class probability, and marks of signal
# quality with or without a subtype. A distance of more than ten bits comes before an annotation.
_RESOLUTION = rb"\0X.\xfc" + TIME_RESOLUTION.encode() + rb" [\d.]+\0?\0\xec\xff\xff\xff\xff\x01\0"
_SHARE = rb"[01]\.\d{3}"  # five bytes, and a byte that fills them up
_TEXT = rb"(?:\x05\xfc" + _SHARE + rb"\0|\x0c\xfc" + _SHARE + UNSURE.encode() + rb")"
_BEAT = _word("".join(CLASS_NAMES)) + _TEXT
_QUALITY = _word(NOISE) + rb"(?:" + bytes([UNUSABLE]) + rb"\xf4)?"
_MARKS = rb"(?:(?:\0\xec.{4})?(?:" + _BEAT + rb"|" + _QUALITY + rb"))*+"  # +: never goes back
_OWN_MARKS = re.compile(_RESOLUTION + _MARKS + rb"\0\0", re.DOTALL)


def check_output(path: Path, kind: Kind, inputs: Iterable[Path] = ()) -> None:
    """Refuse to replace an input, and a file that this program did not write.

    So no annotation file that a person made is lost, such as the reference of a record. The form of
    a file tells whether it is ours. One of ours that a person corrected is refused if a beat has
    another symbol than a class, or no class probability; a file from which a beat was only removed
    is replaced.

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
        raise foreign_output(path, kind)


def foreign_output(path: Path, kind: Kind = "csv") -> InputError:
    """Return the error for a file that this program did not write, and that would be replaced."""
    choice = "annotator or folder" if kind == "wfdb" else "folder"
    return InputError(
        f"{path}",
        expected="no file of this name, or one that ecg-lightning wrote",
        found="another one",
        hint=f"move it away, or choose another {choice}",
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
    """Whether a file has the marks of `wfdb_content`, and no others."""
    return _OWN_MARKS.fullmatch(read_input(path, _MOST_BYTES)) is not None


def _is_own_csv(path: Path) -> bool:
    heads = (",".join(columns) + "\n" for columns in table_columns())
    return _head(path).startswith(tuple(head.encode() for head in heads))


def _is_own_page(path: Path) -> bool:
    return GENERATOR in _head(path)


def _is_own_parquet(path: Path) -> bool:
    schema = import_optional("pyarrow.parquet", "parquet").read_schema(path)
    return schema.names in table_columns()


def _head(path: Path) -> bytes:
    with open_input(path) as file:
        return file.read(_HEAD_BYTES)
