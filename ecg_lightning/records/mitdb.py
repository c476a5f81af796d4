"""The MIT-BIH Arrhythmia Database 1.0.0: its records, its patients and the files it consists of."""

from importlib import resources
from pathlib import Path

from ecg_lightning.system.checksums import read_checksums, sha256_of
from ecg_lightning.system.download import INCOMPLETE

MITDB_URL = "https://physionet.org/files/mitdb/1.0.0/"
_ORDER = """
    100 104 108 113 117 122 201 207 212 217 222 231
    101 105 109 114 118 123 202 208 213 219 223 232
    102 106 111 115 119 124 203 209 214 220 228 233
    103 107 112 116 121 200 205 210 215 221 230 234
"""
MITDB_RECORDS: tuple[str, ...] = tuple(_ORDER.split())  # in the original project's order
# Record to patient. PhysioNet's MIT-BIH directory: 47 patients; 201 and 202 are of one.
MITDB_PATIENTS: dict[str, str] = {name: name for name in MITDB_RECORDS} | {"202": "201"}
SIGNAL_BYTES = 1_950_000  # of each signal file: 650,000 samples of two leads, 12 bits each


def mitdb_checksums() -> dict[str, str]:
    """Return file name to SHA-256 of the 144 files of the 48 records."""
    folder = resources.files("ecg_lightning.records")
    return read_checksums(folder.joinpath("mitdb.sha256").read_text("ascii"))


def mitdb_signals() -> dict[str, str]:
    """Return SHA-256 to record, of the 48 signal files."""
    return {
        sha256: name.removesuffix(".dat")
        for name, sha256 in mitdb_checksums().items()
        if name.endswith(".dat")
    }


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files that a folder lacks."""
    return [name for name in mitdb_checksums() if not (folder / name).is_file()]


def different_files(folder: Path) -> list[str]:
    """Return the names of the files whose content is not that of version 1.0.0.

    Raises:
        InputError: A file cannot be read.
    """
    checksums = mitdb_checksums().items()
    return [name for name, sha256 in checksums if sha256_of(folder / name) != sha256]


def may_be_filled(folder: Path) -> bool:
    """Return whether a folder is missing, empty, or holds part of a download and nothing else."""
    if not folder.is_dir():
        return not folder.exists()
    wanted, present = set(mitdb_checksums()), {path.name for path in folder.iterdir()}
    begun = {INCOMPLETE, *(f"{name}.part" for name in wanted)}  # .part: by earlier versions
    return present <= wanted | begun and not wanted <= present
