"""The MIT-BIH Arrhythmia Database: its records, its patients and the checksums of its files."""

from importlib import resources
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.system.checksums import read_checksums, sha256_of

MITDB_URL = "https://physionet.org/files/mitdb/1.0.0/"
_MITDB_ORDER = """
    100 104 108 113 117 122 201 207 212 217 222 231
    101 105 109 114 118 123 202 208 213 219 223 232
    102 106 111 115 119 124 203 209 214 220 228 233
    103 107 112 116 121 200 205 210 215 221 230 234
"""
MITDB_RECORDS: tuple[str, ...] = tuple(
    _MITDB_ORDER.split()
)  # the original's order; the beats are laid out in it
SAME_PATIENT = {
    "202": "201"
}  # PhysioNet's MIT-BIH directory: 47 patients, records 201 and 202 of one
_NAMED_AT_MOST = 4


def mitdb_checksums() -> dict[str, str]:
    """File name to SHA-256 of the 144 files of the 48 records, from the package's own `mitdb.sha256`."""
    return read_checksums(
        resources.files("ecg_lightning.records").joinpath("mitdb.sha256").read_text("ascii")
    )


def check_mitdb(folder: Path, root: Path | None) -> None:
    """Refuses a folder without the files of the 48 records."""
    expected = "expected the 48 records of the MIT-BIH Arrhythmia Database 1.0.0"
    if not folder.is_dir():
        raise InputError(f"{folder}: {expected}, found no such folder; {advice('mitdb', root)}")
    missing = [name for name in mitdb_checksums() if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder}: {expected}, found {_several(missing)} missing; {advice('mitdb', root)}"
        )


def check_hashes(folder: Path) -> None:
    """Refuses a folder whose files differ from those of MIT-BIH 1.0.0."""
    wrong = [
        name for name, expected in mitdb_checksums().items() if sha256_of(folder / name) != expected
    ]
    if wrong:
        raise InputError(
            f"{folder}: expected the files of MIT-BIH 1.0.0 by their SHA-256, found {_several(wrong)} different; "
            "fetch them again, or leave --data.root out to download the database"
        )


def _several(names: list[str]) -> str:
    """`a, b, c, d and 3 more`."""
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")


def advice(source: str, root: Path | None) -> str:
    """The next step where a source's folder is not as it should be."""
    command = f"run `ecg-lightning prepare --data.source {source}` to make it"
    return command if root is None else f"check the path, or {command} in the cache"
