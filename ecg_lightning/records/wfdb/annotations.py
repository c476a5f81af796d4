"""The annotations of a WFDB record, in the format annot(5) of the WFDB Applications Guide."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.records.annotation_samples import nearest_samples, outside_note
from ecg_lightning.records.recording import (
    MOST_ANNOTATIONS_PER_SECOND,
    FileAnnotations,
)
from ecg_lightning.records.stated import is_rate
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import escaped

# The symbols of the codes 0 to 41; codes 15 and 17 have none.
SYMBOLS = dict(enumerate(' NLRaVFJASEj/Q~\0|\0sT*D"=pB^t+u?![]en@xf()r'))
SYMBOLS = {code: symbol for code, symbol in SYMBOLS.items() if symbol != "\0"}
_NO_ANNOTATION, _NOTE = 0, 22
_SKIP, _SUB, _AUX = 59, 61, 63  # NUM is 60 and CHN 62: one word each, without a text
_END_MARK = b"\0\0"  # annot(5): the last two bytes of an annotation file

_HINT = "put it next to the header or choose another annotator"
_MOST_BYTES = 1 << 25  # a month of beats with a text each, as `annotate` writes them

# Notes at sample 0 that begin in this way tell something about the file.
_OF_THE_FILE = "## "
TIME_RESOLUTION = "## time resolution:"
_DEFINITIONS, _END_OF_DEFINITIONS = "## annotation type definitions", "## end of definitions"
_DEFINITION = re.compile(r"(\d{1,3}) (\S+) .+", re.ASCII)
_RESOLUTION = re.compile(r" *(\d+\.?\d*|\.\d+) *", re.ASCII)


class _Annotations(NamedTuple):
    samples: list[int]
    codes: list[int]
    notes: dict[int, str]  # row to text, for the rows that have one
    subtypes: dict[int, int]  # row to subtype, for the rows that have one


class _WrongFileError(Exception):
    """An annotation file is malformed: what was found."""


def read_annotations(
    path: Path, frames_hz: float, per_frame: int, n_frames: int
) -> FileAnnotations:
    """Read and check an annotation file; drop annotations outside the signal.

    Their times are frames of the record, or of the time resolution that the file states.

    Args:
        path: The file, whose suffix is the annotator.
        frames_hz: The frames of the record for each second.
        per_frame: The samples of the lead for each frame.
        n_frames: The length of the record.

    Returns:
        The annotations, with positions in the lead.

    Raises:
        InputError: The file is missing or cut short, is malformed, has unknown codes or more
            annotations than so short a signal can have, or all of them lie outside the signal.
    """
    content = read_input(path, _MOST_BYTES, _expected(path), _HINT, "annotator")
    _check_end_mark(path, content)
    try:
        most = int(MOST_ANNOTATIONS_PER_SECOND * max(1, n_frames / frames_hz))
        all_rows = _parse(content, most)
        resolution_hz, own_symbols, rows = _definitions(all_rows)
    except _WrongFileError as error:
        raise InputError(
            f"{path}",
            expected="WFDB annotations",
            found=str(error),
            hint="fetch the file again",
        ) from error
    positions = [all_rows.samples[row] for row in rows]
    factor = per_frame * (frames_hz / (resolution_hz or frames_hz))
    samples = _positions(positions, factor, n_frames * per_frame)
    symbols = _symbols(path, [all_rows.codes[row] for row in rows], SYMBOLS | own_symbols)
    if (samples[1:] < samples[:-1]).any():
        order = np.argsort(samples, kind="stable")
        samples, symbols = samples[order], symbols[order]
        rows = [rows[i] for i in order.tolist()]
    inside = _inside(path, samples, n_frames * per_frame) if rows else slice(0, 0)
    note = outside_note(len(samples) - (inside.stop - inside.start))
    rows = rows[inside]
    return FileAnnotations(
        samples[inside],
        symbols[inside],
        tuple([all_rows.notes.get(row, "") for row in rows]),
        (note,) if note else (),
        np.array([all_rows.subtypes.get(row, 0) for row in rows], np.int64),
    )


def missing_annotations(path: Path, annotations: FileAnnotations | None) -> InputError:
    """Return the error for a record that has no annotation file, or none of annotations."""
    if annotations is None:
        return InputError(
            f"{path}",
            expected=_expected(path),
            found="no such file",
            hint=_HINT,
            setting="annotator",
        )
    return InputError(
        f"{path}",
        expected="one or more annotations",
        found="none",
        hint="remove the record or annotate it",
    )


def _expected(path: Path) -> str:
    return f"the annotations of record {path.stem}"


def _check_end_mark(path: Path, content: bytes) -> None:
    """Refuse a file that was cut between two annotations."""
    size, end = len(content), content[-2:]
    if size % 2 or end != _END_MARK:
        raise InputError(
            f"{path}",
            expected="WFDB annotations that end in two zero bytes",
            found=f"{size} bytes that end in {end.hex(' ') or 'none'}: cut short or another format",
            hint="fetch the file again",
        )


def _parse(content: bytes, most: int) -> _Annotations:
    """The annotations of a file: words of a 6-bit code and 10 bits, and what follows some codes."""
    words = np.frombuffer(content, "<u2").astype("=u2").data[:-1]  # without the end mark
    samples: list[int] = []
    codes: list[int] = []
    notes: dict[int, str] = {}
    subtypes: dict[int, int] = {}
    sample, at = 0, 0
    while at < len(words):
        code, value = words[at] >> 10, words[at] & 1023
        at += 1
        if code == _SKIP:
            sample += _distance(words, at)
            at += 2
        elif code == _AUX:
            text, at = _text(content, len(words), at, value)
            notes[len(samples) - 1] = text
        elif code == _SUB:
            subtypes[len(samples) - 1] = (value & 255 ^ 128) - 128  # a signed byte
        elif code < _SKIP:
            sample += value
            samples.append(sample)
            codes.append(code)
            if len(samples) > most:
                limit = f"{MOST_ANNOTATIONS_PER_SECOND} a second"
                raise _WrongFileError(f"more than {most:,} of them, {limit}")
    return _Annotations(samples, codes, notes, subtypes)


def _distance(words: memoryview, at: int) -> int:
    """A signed distance in two words, the high one first."""
    if at + 2 > len(words):
        raise _WrongFileError("a distance that is cut short")
    distance: int = words[at] << 16 | words[at + 1]
    return distance - (distance >> 31 << 32)


def _text(content: bytes, n_words: int, at: int, size: int) -> tuple[str, int]:
    """A text of `size` bytes from word `at` on, and the word after it."""
    end = at + (size + 1) // 2
    if size > 255 or end > n_words:
        raise _WrongFileError("a text that is cut short")
    return content[2 * at : 2 * at + size].rstrip(b"\0").decode("latin-1"), end


def _definitions(rows: _Annotations) -> tuple[float | None, dict[int, str], list[int]]:
    """The time resolution, the file's own symbols, and the rows that are annotations."""
    if not any(text.startswith(_OF_THE_FILE) for text in rows.notes.values()):
        return None, {}, [row for row, code in enumerate(rows.codes) if code != _NO_ANNOTATION]
    resolution_hz, symbols, kept, inside = None, dict[int, str](), list[int](), False
    for row, (sample, code) in enumerate(zip(rows.samples, rows.codes, strict=True)):
        text = rows.notes.get(row, "") if sample == 0 and code == _NOTE else ""
        if inside:
            inside = text != _END_OF_DEFINITIONS
            symbols |= _definition(text) if inside else {}
        elif text.startswith(TIME_RESOLUTION):
            resolution_hz = _resolution(text)
        elif text == _DEFINITIONS:
            inside = True
        elif code != _NO_ANNOTATION:
            kept.append(row)
    if inside:
        raise _WrongFileError("definitions of symbols that do not end")
    return resolution_hz, symbols, kept


def _definition(text: str) -> dict[int, str]:
    match = _DEFINITION.fullmatch(text)
    if match is None or not 0 < int(match[1]) < _SKIP:
        raise _WrongFileError(f"'{escaped(text, 40)}' where a symbol is defined")
    return {int(match[1]): match[2]}


def _resolution(text: str) -> float:
    match = _RESOLUTION.fullmatch(text.removeprefix(TIME_RESOLUTION))
    resolution_hz = float(match[1]) if match else 0.0
    if not is_rate(resolution_hz):
        raise _WrongFileError(f"'{escaped(text, 60)}', no resolution from 0.001 to 1,000,000 Hz")
    return resolution_hz


def _positions(samples: list[int], factor: float, n_samples: int) -> Integers:
    positions = np.array(samples, np.int64)
    if factor == 1:
        return positions
    return nearest_samples(positions * factor, n_samples)


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


def _symbols(path: Path, codes: list[int], table: dict[int, str]) -> Names:
    """Symbols (A,) `<U1` of annotation codes: the standard ones, and those the file defines."""
    all_symbols = np.zeros(_SKIP, "<U1")
    for code in sorted(set(codes)):
        symbol = table.get(code, "")
        if len(symbol) != 1 or not symbol.isprintable():
            shown = f"'{escaped(symbol)}' for code {code}"
            raise InputError(
                f"{path}",
                expected="annotation symbols of one character",
                found=shown if symbol else f"code {code}, which has none",
                hint="check the annotator",
                setting="annotator",
            )
        all_symbols[code] = symbol
    return all_symbols[np.array(codes, np.int64)]
