"""Files that are no recordings: what they are, and what to do with them, in one line."""

from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.file_heads import Head, is_text, xml_start

_EXPORT = "export the recording itself, such as EDF or CSV"
_UNPACK = "unpack it first"
_IN_PYTHON = "load it in Python and give the array with its sampling rate"
_CONVERT = "convert it to EDF or CSV"
_MAT = f"{_IN_PYTHON}, or give it the WFDB header that it came with"
# First bytes -> what the file is, and the next step.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", _EXPORT),
    (b"\x89PNG", "a picture (PNG)", _EXPORT),
    (b"\xff\xd8\xff", "a picture (JPEG)", _EXPORT),
    (b"GIF8", "a picture (GIF)", _EXPORT),
    (b"II*\0", "a picture (TIFF)", _EXPORT),
    (b"MM\0*", "a picture (TIFF)", _EXPORT),
    (b"BM", "a picture (BMP)", _EXPORT),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (b"(\xb5/\xfd", "a Zstandard archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x93NUMPY", "a NumPy array", _IN_PYTHON),
    (b"MATLAB 7.3", "a MATLAB file (7.3)", _MAT),
    (b"MATLAB 5.0", "a MATLAB file (5.0)", _MAT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _IN_PYTHON),
    (b"PAR1", "a Parquet table", "convert it to CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save it as CSV"),
    (b"SQLite format 3", "an SQLite database", _EXPORT),
    (b"RIFF", "a WAV or AVI file", _CONVERT),
    (b"ANN  1.0", "ISHNE annotations", "open the ISHNE recording (.ecg) that they belong to"),
)
_SIGNAL_ENDINGS = (".dat", ".mat", ".flac", ".bin", ".dcn", ".raw")
_ANNOTATION_ENDINGS = (".atr", ".ari", ".qrs", ".ecg", ".gqrs", ".sqrs", ".wqrs", ".pwave")


def foreign_file(head: Head) -> InputError:
    """Return the error for a file of no format that is read. It says what the file is."""
    found, hint = _description(head)
    return InputError(str(head.path), expected="a recording", found=found, hint=hint)


def has_signature(head: Head) -> bool:
    """Whether the first bytes are those of a known format that is no recording.

    Two bytes or three may begin a text as well.
    """
    return any(len(one) > 3 and head.start.startswith(one) for one, _, _ in _SIGNATURES)


def _description(head: Head) -> tuple[str, str]:
    """What a file is, and the next step."""
    if not head.size:
        return "an empty file", "copy or download it again"
    if head.start.startswith(b"PK\x03\x04"):
        return _of_zip(head.start)
    for signature, found, hint in _SIGNATURES:
        if head.start.startswith(signature):
            return found, hint
    return _by_name(head)


def _of_zip(start: bytes) -> tuple[str, str]:
    if b"[Content_Types].xml" in start or b"xl/" in start:
        return "a spreadsheet or document of Office (ZIP)", "save it as CSV"
    if b".npy" in start[:200]:
        return "NumPy arrays (.npz)", _IN_PYTHON
    return "a ZIP archive", _UNPACK


def _by_name(head: Head) -> tuple[str, str]:
    """The description of a file without a signature."""
    ending = head.path.suffix.lower()
    if ending in _SIGNAL_ENDINGS or (ending[1:2] == "d" and ending[2:].isdecimal()):
        return f"a signal file without its header {_header(head.path)}", (
            "put the header next to it, or open the header that names this file"
        )
    if ending in _ANNOTATION_ENDINGS:
        return f"a file without the header {_header(head.path)}", "put the header next to it"
    if ending == ".hea":
        return "a .hea file that is no WFDB header", _CONVERT
    if ending == ".xle":
        return "an XLE file, whose rate and scale no document states", _EXPORT
    if xml_start(head):
        return "an XML file of an unknown kind", _CONVERT
    if is_text(head):
        return "a JSON file of an unknown kind", _CONVERT
    return "an unknown format", _CONVERT


def _header(path: Path) -> str:
    return f"{path.stem}.hea"
