"""The container of a Keras file: an HDF5 file, or a zip archive with an HDF5 file inside.

Only `child`, in its process with limits, imports this.
"""

import codecs
import contextlib
import io
import os
import zipfile
from collections.abc import Iterator

import h5py

from ecg_lightning.keras_import.config import JSON_BYTES, Refused, shown

FILE_BYTES = 2 << 30
MEMBER_BYTES = 1 << 30
MOST_MEMBERS = 1000
# Most bytes of an unpacked member for each stored byte. Weights shrink by a tenth, JSON to a
# thirtieth of its size.
EXPANSION = 100

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_WEIGHTS = "model.weights.h5"
_MEMBERS = ("metadata.json", "config.json", _WEIGHTS, "ecg_lightning.json")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[h5py.File, zipfile.ZipFile | None]]:
    """Open the HDF5 file at `path`, or the one in the archive at `path`; also yield the archive.

    Raises:
        Refused: Another type of file, or an archive that no version of Keras writes.
    """
    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size > FILE_BYTES:
            raise Refused(f"a file of more than {FILE_BYTES >> 30} GiB")
        magic = stream.read(len(_HDF5))
        if magic == _HDF5:
            with h5py.File(path, "r") as file:
                forbid_opening()
                yield file, None
        elif magic.startswith(_ZIP):
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive)
                weights = _member(archive, _WEIGHTS, MEMBER_BYTES)
                forbid_opening()
                if not weights.startswith(_HDF5):
                    raise Refused(f"a {_WEIGHTS} that is no HDF5")
                with h5py.File(io.BytesIO(weights), "r") as file:
                    yield file, archive
        elif not magic:
            raise Refused("an empty file")
        else:
            raise Refused("one that is neither HDF5 nor a zip archive")


def read_json(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the bytes of a JSON member.

    Raises:
        Refused: The member is missing or too long.
    """
    return _member(archive, name, JSON_BYTES)


def forbid_opening() -> None:
    """Forbid this process to open any other file, whatever links the HDF5 file contains."""
    codecs.lookup("ascii")  # h5py decodes with it, and Python loads codecs from files
    with contextlib.suppress(ImportError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise Refused(f"a zip archive of {len(members)} members")
    names = [member.filename for member in members]
    for member in members:
        if names.count(member.filename) > 1:
            raise Refused(f"a zip archive with {shown(member.filename)} twice")
        _check_member(member)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    known = name in _MEMBERS or name.startswith("assets/")
    if not known or ".." in name.split("/") or "\\" in name:
        raise Refused(f"a zip archive with the member {shown(name)}")
    if member.flag_bits & 0x1:
        raise Refused(f"a zip archive with the encrypted member {shown(name)}")
    if member.compress_type not in _COMPRESSIONS:
        raise Refused(f"a zip archive with {shown(name)} packed by method {member.compress_type}")
    if member.file_size > MEMBER_BYTES:
        raise Refused(f"a zip archive with {shown(name)} of {member.file_size} bytes")


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The bytes of a member; they are counted, because the declared size may be wrong."""
    if name not in archive.namelist():
        raise Refused(f"a zip archive without {name}")
    stored = min(archive.getinfo(name).compress_size, FILE_BYTES)
    most = min(most, EXPANSION * stored + (1 << 16))
    buffer = io.BytesIO()
    with archive.open(name) as stream:
        while block := stream.read(1 << 20):
            buffer.write(block)
            if buffer.tell() > most:
                raise Refused(f"a zip archive whose {name} unpacks to more than {most} bytes")
    return buffer.getvalue()
