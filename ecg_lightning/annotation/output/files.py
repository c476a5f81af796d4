"""The files of one recording's annotations in a folder, such as DIR/208.ecl and DIR/208.csv."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from ecg_lightning.annotation.annotations import Annotations
from ecg_lightning.annotation.output.own_files import Kind, check_output
from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped

ANNOTATOR = "ecl"
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_KINDS: tuple[Kind, ...] = ("wfdb", "csv", "html")
# Endings of other files of a record, which an annotation file must not have.
_OTHER_ENDINGS = {"hea", "dat", "csv", "html", "parquet"}
_ANNOTATOR = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def write_files(
    annotations: Annotations, folder: Path, kinds: Iterable[Kind], annotator: str = ANNOTATOR
) -> list[Path]:
    """Write the annotations of a recording, and return the paths of the files.

    Each file is written whole or not at all. Those of an earlier command are replaced; see
    `check_output` for what is refused. Nothing is written where one of them is refused, and where
    one cannot be written, those before it are removed.

    Args:
        annotations: The annotations.
        folder: Where the files go; it is made if it is missing.
        kinds: What to write, some of `KINDS`.
        annotator: The ending of the WFDB annotation file.

    Raises:
        InputError: A file is refused or cannot be written, or the annotator is none.
    """
    paths = output_paths(annotations.recording.name, folder, kinds, annotator)
    inputs = annotations.inputs
    for kind, path in paths.items():
        check_output(path, kind, inputs)
    write = {
        "wfdb": annotations.to_wfdb,
        "csv": annotations.to_csv,
        "html": annotations.to_html,
        "parquet": annotations.to_parquet,
    }
    with _removed_after_error() as written:
        for kind, path in paths.items():
            written.append(write[kind](path))
    return written


@contextmanager
def _removed_after_error() -> Iterator[list[Path]]:
    """Yield a list of files, which an error removes."""
    written: list[Path] = []
    try:
        yield written
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def output_paths(
    name: str, folder: Path, kinds: Iterable[Kind], annotator: str = ANNOTATOR
) -> dict[Kind, Path]:
    """Return the path of each file of a recording.

    Args:
        name: The name of the recording.
        folder: Where the files go.
        kinds: What to write, some of `KINDS`.
        annotator: The ending of the WFDB annotation file.

    Raises:
        InputError: The annotator cannot be the ending of an annotation file.
    """
    check_annotator(annotator)
    endings = {kind: annotator if kind == "wfdb" else kind for kind in kinds}
    return {kind: Path(folder) / f"{name}.{ending}" for kind, ending in endings.items()}


def check_annotator(annotator: str) -> None:
    """Refuse an annotator that is no ending of annotation files.

    Raises:
        InputError: It has other characters than letters, digits and `_`, or is the ending of
            another file.
    """
    if not _ANNOTATOR.fullmatch(annotator) or annotator.lower() in _OTHER_ENDINGS:
        raise InputError(
            "annotator",
            expected="the ending of an annotation file such as ecl: letters, digits and _",
            found=escaped(annotator) or "an empty text",
            hint="choose another one",
            setting="annotator",
        )
