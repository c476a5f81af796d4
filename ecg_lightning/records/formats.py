"""One door to recordings of every format, which is told by the content of the file."""

import importlib
import os
from pathlib import Path
from typing import Any

from ecg_lightning.arrays import AnyFloats
from ecg_lightning.errors import InputError
from ecg_lightning.records.recording import ReadOptions, Recording
from ecg_lightning.system.input_files import open_input
from ecg_lightning.system.paths import expanded

_HEAD = 1 << 12  # bytes that tell a format


def read_recording(
    path: str | os.PathLike[str] | AnyFloats,
    lead: int | str | None = None,
    fs_hz: float | None = None,
    *,
    unit: str | None = None,
    column: int | str | None = None,
    annotator: str = "atr",
) -> Recording:
    """Open a recording of any format. Its samples are read when they are asked for.

    Args:
        path: A file, the name of a WFDB record with or without an ending, or an array (T,) or
            (leads, T).
        lead: The index or the name of the lead to use, or a list such as `"MLII,II,0"`. Default:
            the first that looks like an ECG.
        fs_hz: The sampling rate of a file that has none.
        unit: The unit of a file that has none.
        column: The columns of a CSV file that are leads.
        annotator: The ending of the annotation file of a WFDB record.

    Raises:
        InputError: The file is missing, damaged or of an unknown format, it has no such lead, or
            the rate is unknown or another one than that of the file.

    Example:
        >>> read_recording("mitdb/100").read(0, 3600)    # doctest: +SKIP
    """
    options = ReadOptions(lead, fs_hz, unit, column, annotator)
    if not isinstance(path, str | os.PathLike):
        return _call("array_recording:recording_of_array", path, options)
    file = expanded(path)
    if file.with_name(f"{file.name}.hea").is_file():
        return _call("wfdb:read_wfdb", file, options)
    if file.with_suffix(".hea").is_file():
        return _call("wfdb:read_wfdb", file.with_suffix(""), options)
    return _call(_reader_of(file), file, options)


def _reader_of(file: Path) -> str:
    with open_input(file, "a recording", "check the path") as stream:
        head = stream.read(_HEAD)
    if head[:8] in (b"0       ", b"\xffBIOSEMI"):
        return "edf:read_edf"
    if head[:8] == b"ISHNE1.0":
        return "ishne:read_ishne"
    if head[128:132] == b"DICM":
        return "dicom:read_dicom"
    if b"\0" not in head:
        return "tables:read_table"
    raise InputError(
        str(file),
        expected="a recording of a known format",
        found="another file",
        hint="convert it to EDF or CSV",
    )


def _call(reader: str, *args: Any) -> Recording:
    module, _, function = reader.partition(":")
    recording: Recording = getattr(
        importlib.import_module(f"ecg_lightning.records.{module}"), function
    )(*args)
    return recording
