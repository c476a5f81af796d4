"""WFDB annotation files that are written, in the format annot(5) of the WFDB Applications Guide."""

import struct
from collections.abc import Sequence

import numpy as np

from ecg_lightning.arrays import Integers, Names
from ecg_lightning.errors import InputError
from ecg_lightning.records.stated import RATES, is_rate
from ecg_lightning.records.wfdb.annotations import SYMBOLS, TIME_RESOLUTION
from ecg_lightning.text import escaped

_CODES = {symbol: code for code, symbol in SYMBOLS.items() if code}  # 0 is no annotation
_NOTE, _SKIP, _SUB, _AUX = 22, 59, 61, 63
_MOST_IN_WORD, _MOST_DISTANCE = 1023, (1 << 31) - 1
_MOST_BYTES = 255  # of a text
_OF_THE_FILE = "## "
_END_MARK = b"\0\0"
# WFDB's programs write it after the notes about the file: a distance of -1, and 1 to no annotation.
# An annotation at sample 0 then comes after the notes, as no two of them may be at one sample.
_END_OF_NOTES = struct.pack("<4H", _SKIP << 10, 0xFFFF, 0xFFFF, 1)


def annotation_bytes(
    samples: Integers,
    symbols: Names,
    subtypes: Integers | None = None,
    texts: Names | Sequence[str] | None = None,
    resolution_hz: float | None = None,
) -> bytes:
    """Return the content of a WFDB annotation file.

    Args:
        samples: (A,) positions, ascending, in units of the time resolution.
        symbols: (A,) PhysioNet's annotation codes, such as `N`.
        subtypes: (A,) numbers from -128 to 127. Default: 0.
        texts: (A,) the text of each (`aux`), at most 255 letters of Latin-1; "" for none.
        resolution_hz: How many units of `samples` a second has. Default: those of the record, as
            its header says them.

    Raises:
        InputError: A position, a symbol, a number or a text is none that such a file can hold.
        ValueError: The arrays differ in length.
    """
    subtypes = np.zeros(len(samples), np.int64) if subtypes is None else subtypes
    texts = np.array([""] * len(samples), "<U1") if texts is None else texts
    _check(samples, subtypes, resolution_hz)
    content = bytearray(b"" if resolution_hz is None else _resolution_note(resolution_hz))
    columns = np.diff(samples, prepend=0), symbols, subtypes, texts
    for distance, symbol, subtype, text in zip(*columns, strict=True):
        content += _place(int(distance), _code(str(symbol)))
        if subtype:
            content += _word(_SUB, int(subtype) & 255)
        if text:
            content += _text(str(text))
    return bytes(content + _END_MARK)


def _check(samples: Integers, subtypes: Integers, resolution_hz: float | None) -> None:
    distances = np.diff(samples, prepend=0)
    if (wrong := (distances < 0) | (distances > _MOST_DISTANCE)).any():
        row = int(wrong.argmax())
        raise _refused(
            "samples",
            f"ascending positions from 0, each at most {_MOST_DISTANCE:,} after the one before it",
            f"{distances[row]:,} to sample {samples[row]:,}",
        )
    if ((subtypes < -128) | (subtypes > 127)).any():
        found = f"{subtypes.min()} to {subtypes.max()}"
        raise _refused("subtypes", "numbers from -128 to 127", found)
    if resolution_hz is not None and not is_rate(resolution_hz):
        raise _refused("resolution_hz", f"a rate from {RATES}", f"{resolution_hz:g}")


def _word(code: int, value: int) -> bytes:
    return struct.pack("<H", code << 10 | value)


def _place(distance: int, code: int) -> bytes:
    """The word of an annotation; a distance that it cannot hold comes before it."""
    if distance <= _MOST_IN_WORD:
        return _word(code, distance)
    return struct.pack("<4H", _SKIP << 10, distance >> 16, distance & 0xFFFF, code << 10)


def _code(symbol: str) -> int:
    code = _CODES.get(symbol)
    if code is None:
        raise _refused("symbols", "PhysioNet's annotation codes", f"'{escaped(symbol)}'")
    return code


def _text(text: str) -> bytes:
    content = text.encode("latin-1", errors="replace")
    is_held = content.decode("latin-1") == text and "\0" not in text
    if not is_held or len(content) > _MOST_BYTES or text.startswith(_OF_THE_FILE):
        expected = f"texts of at most {_MOST_BYTES} letters of Latin-1 that do not begin with ##"
        raise _refused("texts", expected, f"'{escaped(text, 60)}'")
    return _aux(content)


def _aux(content: bytes) -> bytes:
    return _word(_AUX, len(content)) + content + b"\0" * (len(content) % 2)


def _resolution_note(resolution_hz: float) -> bytes:
    """A note at sample 0. The rate has 12 digits, as WFDB writes it."""
    text = f"{TIME_RESOLUTION} {resolution_hz:.12g}"
    return _word(_NOTE, 0) + _aux(text.encode()) + _END_OF_NOTES


def _refused(subject: str, expected: str, found: str) -> InputError:
    return InputError(subject, expected=expected, found=found, hint="correct them")
