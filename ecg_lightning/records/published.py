"""A published database: its records, its patients, and the checksums of its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ecg_lightning.system.checksums import read_checksums, sha256_of
from ecg_lightning.system.download import INCOMPLETE

_SIGNALS = ".dat"


@dataclass(frozen=True)
class Published:
    """A database of PhysioNet of which every file is known.

    Args:
        source: The word for it, such as `"mitdb"`. The file `SOURCE.sha256` has its checksums.
        name: Its full name.
        version: The version that is read.
        url: The address of the files.
        records: The names of the records. Tables of beats keep this order.
        patients: Record to patient.
        signal_bytes: The size of each signal file.
        assumption: What is assumed about the patients because the database does not say it; ""
            where it documents them.
    """

    source: str
    name: str
    version: str
    url: str
    records: tuple[str, ...]
    patients: Mapping[str, str]
    signal_bytes: int
    assumption: str = ""

    @property
    def title(self) -> str:
        """The name with the version."""
        return f"{self.name} {self.version}"

    @property
    def folder_name(self) -> str:
        """The name of its folder in the cache."""
        return f"{self.source}-{self.version}"

    def checksums(self) -> dict[str, str]:
        """Return file name to SHA-256: a header, a signal and annotations for each record."""
        folder = resources.files("ecg_lightning.records")
        return read_checksums(folder.joinpath(f"{self.source}.sha256").read_text("ascii"))

    def signals(self) -> dict[str, str]:
        """Return SHA-256 to record, of the signal files."""
        return {
            sha256: name.removesuffix(_SIGNALS)
            for name, sha256 in self.checksums().items()
            if name.endswith(_SIGNALS)
        }

    def missing_files(self, folder: Path) -> list[str]:
        """Return the names of the files that a folder lacks."""
        return [name for name in self.checksums() if not (folder / name).is_file()]

    def different_files(self, folder: Path) -> list[str]:
        """Return the names of the files whose content is not that of this version.

        Raises:
            InputError: A file cannot be read.
        """
        checksums = self.checksums().items()
        return [name for name, sha256 in checksums if sha256_of(folder / name) != sha256]

    def may_be_filled(self, folder: Path) -> bool:
        """Return whether a folder is missing, empty, or holds part of a download and no more."""
        if not folder.is_dir():
            return not folder.exists()
        wanted, present = set(self.checksums()), {path.name for path in folder.iterdir()}
        begun = {INCOMPLETE, *(f"{name}.part" for name in wanted)}  # .part: by earlier versions
        return present <= wanted | begun and not wanted <= present
