"""What an exported file says about itself."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input
from ecg_lightning.system.packages import import_optional

METADATA_ENTRY = "ecg_lightning.json"  # in a zip archive
METADATA_KEY = "ecg_lightning"  # in an ONNX file
_ZIP = b"PK\x03\x04"
_MOST_BYTES = 1 << 20
# Other compressions can demand any amount of memory.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NO_METADATA = (
    *(KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
    RuntimeError,  # an encrypted entry
)


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of an exported file of any format, without running any of its code.

    Args:
        path: A file that `export_network` wrote.

    Returns:
        The metadata that the caller of `export_network` gave, and `format`, `input`, `output` and
        `versions`.

    Raises:
        InputError: The file is missing or has no such metadata, or the package onnx, which ONNX
            files need, is not installed.
    """
    try:
        with open_input(path, "an exported file") as file:
            start = file.read(len(_ZIP))
        metadata = json.loads(_zip_text(path) if start == _ZIP else _onnx_text(path))
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(
            str(path), expected="an exported file", found=found, hint="check the path"
        ) from error
    except _NO_METADATA as error:
        raise InputError(
            str(path),
            expected="a file that `ecg-lightning export` wrote",
            found="none of its metadata",
            hint="check the path",
        ) from error
    if not isinstance(metadata, dict):
        raise InputError(
            str(path),
            expected="metadata as a JSON object",
            found=f"{metadata!r:.60}",
            hint="export the checkpoint again",
        )
    return metadata


def _zip_text(path: Path) -> str:
    """The metadata of a Keras file or of a torch.export archive, which adds a folder to names.

    The folder is the file's name, or `archive` where torch has written into memory.
    """
    names = (METADATA_ENTRY, *(f"{name}/extra/{METADATA_ENTRY}" for name in ("model", "archive")))
    with zipfile.ZipFile(path) as archive:
        entries = (entry for entry in archive.infolist() if entry.filename in names)
        entry = next(entries, None)
        if (
            entry is None
            or entry.file_size > _MOST_BYTES
            or entry.compress_type not in _COMPRESSIONS
        ):
            raise KeyError(METADATA_ENTRY)
        with archive.open(entry) as file:
            return file.read(_MOST_BYTES).decode()


def _onnx_text(path: Path) -> str:
    onnx = import_optional("onnx", "onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError; its module depends on protobuf's build
        raise ValueError("not an ONNX file") from error
    return {entry.key: entry.value for entry in model.metadata_props}[METADATA_KEY]
