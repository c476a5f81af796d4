"""Annotations of ISHNE Holter files, in a file NAME.ann next to the recording.

http://thew-project.org/papers/ishneAnn.pdf says: after a header like that of the recording comes
the first position, and then a label, a byte for internal use and the distance to the position
before, in samples, of each annotation.
"""

import os
from pathlib import Path

import numpy as np

from ecg_lightning.errors import InputError
from ecg_lightning.records.annotation_samples import outside_note
from ecg_lightning.records.ishne.header import FIXED, long, shorts
from ecg_lightning.records.recording import TEXT_SYMBOL, FileAnnotations
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import escaped

_EXPECTED = "ISHNE annotations"
_MOST_BYTES = 1 << 24  # weeks of beats
_TIMEOUT = "!"  # no annotation: a distance that is too long for one number
# Label: PhysioNet's symbol and a text. A label that is not here has only a text.
_SYMBOLS = {
    "N": ("N", ""),
    "V": ("V", ""),
    "S": ("S", ""),
    "B": ("B", ""),  # a bundle branch block beat, of no side in both
    "P": ("/", ""),
    "U": ("Q", ""),
    "X": ("|", ""),
    "C": (TEXT_SYMBOL, "calibration pulse"),
}
_ENTRY = np.dtype([("label", "u1"), ("internal", "u1"), ("distance", "<u2")])


def annotation_file(path: Path) -> Path | None:
    """Return the annotation file of a recording; None where there is none.

    Its ending is `.ann`, or `.ANN` for a recording whose ending has capitals.
    """
    candidates = (path.with_suffix(ending) for ending in (".ann", ".ANN"))
    return next((file for file in candidates if file != path and os.path.isfile(file)), None)


def read_annotations(path: Path, fs_hz: float, n_samples: int) -> FileAnnotations:
    """Read and check an annotation file.

    Args:
        path: The file.
        fs_hz: The sampling rate of the recording.
        n_samples: Its length.

    Raises:
        InputError: The file is damaged, or has another sampling rate than the recording.
    """
    content = read_input(path, _MOST_BYTES, _EXPECTED)
    if len(content) < FIXED + 4 or content[:8] != b"ANN  1.0":
        raise _refused(path, _EXPECTED, "another file, or a part of one")
    (own_rate,), start = shorts(content, 272, 1), FIXED + long(content, 10)
    if own_rate > 0 and own_rate != fs_hz:
        raise _refused(path, f"positions at {fs_hz:g} Hz, as in the recording", f"{own_rate} Hz")
    if not FIXED <= start <= len(content) - 4:
        raise _refused(path, "annotations after the header", f"{len(content):,} bytes")
    first = int.from_bytes(content[start : start + 4], "little")
    n_entries, rest = divmod(len(content) - start - 4, _ENTRY.itemsize)
    entries = np.frombuffer(content, _ENTRY, n_entries, start + 4)
    positions = first + np.cumsum(entries["distance"], dtype=np.int64)
    is_mark = entries["label"] != ord(_TIMEOUT)
    inside = is_mark & (positions < n_samples)
    marks = [_mark(label) for label in entries["label"][inside].tolist()]
    cut = "the annotation file ends within an annotation, which is not read" if rest else ""
    notes = (outside_note(int(is_mark.sum() - inside.sum())), cut)
    return FileAnnotations(
        positions[inside],
        np.array([symbol for symbol, _ in marks], dtype="<U1"),
        tuple(text for _, text in marks),
        tuple(filter(None, notes)),
    )


def _mark(label: int) -> tuple[str, str]:
    """The symbol and the text of a label."""
    letter = chr(label)
    return _SYMBOLS.get(letter, (TEXT_SYMBOL, f"ISHNE label {escaped(letter)}"))


def _refused(path: Path, expected: str, found: str) -> InputError:
    hint = "fetch the file again, or move it away"
    return InputError(str(path), expected=expected, found=found, hint=hint)
