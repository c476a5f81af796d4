"""What an exported file says about itself."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ecg_lightning.errors import InputError
from ecg_lightning.export.job import package

METADATA = "ecg_lightning.json"  # in a zip; in an ONNX file the key "ecg_lightning"
_MOST_METADATA = 1 << 20
_COMPRESSIONS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # the others take as much memory as the file asks for


def read_metadata(path: Path) -> dict[str, Any]:
    """What `export` wrote into a file of any of its formats; nothing of the file is run.

    Raises:
        InputError: no such file, or one without that entry. Reading ONNX needs the extra `onnx`.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        text = _zip_text(path) if start == b"PK\x03\x04" else _onnx_text(path)
        metadata = json.loads(text)
    except OSError as error:
        raise InputError(
            f"{path}: expected an exported file, found: {error.strerror or error}; check the path"
        ) from error
    except (
        KeyError,
        ValueError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:  # an encrypted entry: RuntimeError
        raise InputError(
            f"{path}: expected a file that `ecg-lightning export` wrote, found none of its metadata; check the path"
        ) from error
    if not isinstance(metadata, dict):
        raise InputError(
            f"{path}: expected metadata as a JSON object, found {metadata!r:.60}; export the checkpoint again"
        )
    return metadata


def _zip_text(path: Path) -> str:
    """The entry of a `.keras` file, or of a torch.export archive, whose entries stand in a folder."""
    with zipfile.ZipFile(path) as archive:
        entry = next(
            (
                entry
                for entry in archive.infolist()
                if entry.filename in (METADATA, f"model/extra/{METADATA}")
            ),
            None,
        )
        if (
            entry is None
            or entry.file_size > _MOST_METADATA
            or entry.compress_type not in _COMPRESSIONS
        ):
            raise KeyError(METADATA)
        with archive.open(entry) as file:
            return file.read(_MOST_METADATA).decode()


def _onnx_text(path: Path) -> str:
    onnx = package("onnx", "onnx")
    try:
        model = onnx.load(path, load_external_data=False)
    except (
        Exception
    ) as error:  # protobuf's DecodeError, whose module depends on how protobuf was built
        raise ValueError("not an ONNX file") from error
    return dict((entry.key, entry.value) for entry in model.metadata_props)["ecg_lightning"]
