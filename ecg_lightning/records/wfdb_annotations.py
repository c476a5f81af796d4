"""The annotations of a WFDB record, in the format annot(5) of the WFDB Applications Guide."""

from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from wfdb.io.annotation import ann_labels

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.text import counted

_SYMBOLS: dict[int, str] = {label.label_store: label.symbol for label in ann_labels}
_END_MARK = b"\0\0"  # annot(5): the last two bytes of an annotation file


def read_annotations(path: Path, fs_hz: float, n_samples: int) -> tuple[Integers, Names, str]:
    """Read and check an annotation file; drop annotations outside the signal.

    Args:
        path: The file, whose suffix is the annotator.
        fs_hz: The sampling rate of the signal.
        n_samples: The length of the signal.

    Returns:
        Positions (A,) in the signal, ascending; symbols (A,) `<U1`; a sentence that says how many
        annotations were dropped, or "".

    Raises:
        InputError: The file is missing, cut short or empty, has unknown codes, or all annotations
            lie outside the signal.
    """
    _check_end_mark(path)
    annotation = _parse(path)
    samples = annotation.sample.astype(np.int64)
    if not len(samples):
        raise InputError(
            f"{path}",
            expected="one or more annotations",
            found="none",
            hint="remove the record or annotate it",
        )
    symbols = _symbols(path, annotation)
    if annotation.fs and float(annotation.fs) != fs_hz:  # the file has its own time resolution
        samples = np.rint(samples * (fs_hz / float(annotation.fs))).astype(np.int64)
    if (samples[1:] < samples[:-1]).any():
        order = np.argsort(samples, kind="stable")
        samples, symbols = samples[order], symbols[order]
    inside = _inside(path, samples, n_samples)
    return samples[inside], symbols[inside], _dropped(len(samples) - (inside.stop - inside.start))


def _parse(path: Path) -> Any:
    """The file as a `wfdb.Annotation` with codes; their symbols cost wfdb a pandas table a file."""
    try:
        return wfdb.rdann(
            str(path.with_suffix("")), path.suffix[1:], return_label_elements=["label_store"]
        )
    except Exception as error:  # a damaged file makes wfdb raise anything
        raise InputError(
            f"{path}",
            expected="WFDB annotations",
            found=one_line(error),
            hint="fetch the file again",
        ) from error


def _check_end_mark(path: Path) -> None:
    """Refuse a file that was cut between two annotations, which wfdb reads without an error."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - 2, 0))
            end = file.read()
    except FileNotFoundError as error:
        raise InputError(
            f"{path}",
            expected=f"the annotations of record {path.stem}",
            found="no such file",
            hint="put it next to the header or choose another annotator",
            setting="annotator",
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}",
            expected="a readable file",
            found=one_line(error),
            hint="check its permissions",
        ) from error
    if size % 2 or end != _END_MARK:
        raise InputError(
            f"{path}",
            expected="WFDB annotations that end in two zero bytes",
            found=f"{size} bytes that end in {end.hex(' ') or 'none'}: cut short or another format",
            hint="fetch the file again",
        )


def _inside(path: Path, samples: Integers, n_samples: int) -> slice:
    """The annotations within the signal; refuses a file that has none."""
    first, behind = np.searchsorted(samples, [0, n_samples]).tolist()
    if first == behind:
        raise InputError(
            f"{path}",
            expected=f"annotations within the {n_samples} samples of the signal",
            found=f"{len(samples)} outside, from sample {samples[0]} to {samples[-1]}",
            hint="check that the file belongs to this record",
        )
    return slice(first, behind)


def _dropped(count: int) -> str:
    if count == 0:
        return ""
    return (
        f"{counted(count, 'annotation')} outside the signal {'is' if count == 1 else 'are'} dropped"
    )


def _symbols(path: Path, annotation: Any) -> Names:
    """Symbols (A,) `<U1` of annotation codes: the standard ones, and those the file defines."""
    table = _SYMBOLS | {int(code): symbol for code, symbol, _ in annotation.custom_labels or ()}
    codes, inverse = np.unique(np.asarray(annotation.label_store), return_inverse=True)
    symbols = [(code, table.get(code, "")) for code in codes.tolist()]
    for code, symbol in symbols:
        if len(symbol) != 1:
            raise InputError(
                f"{path}",
                expected="annotation symbols of one character",
                found=f"{symbol!r} for code {code}" if symbol else f"code {code}, which has none",
                hint="check the annotator",
                setting="annotator",
            )
    return np.array([symbol for _, symbol in symbols], dtype="<U1")[inverse.reshape(-1)]


def one_line(error: BaseException) -> str:
    """The text of an exception, or its type, on one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."
