"""SHA-256 of files, and lists of them."""

import hashlib
import os
import re
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.system.input_files import open_input

_CHUNK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def read_checksums(text: str) -> dict[str, str]:
    """Read lines as `sha256sum` prints them.

    Args:
        text: Lines of 64 hexadecimal digits, two spaces and a name.

    Returns:
        File name to SHA-256, in the order of the lines.

    Raises:
        ValueError: A line has another form.

    Example:
        >>> read_checksums("0" * 64 + "  100.dat")["100.dat"][:4]
        '0000'
    """
    matches = [(line, _LINE.fullmatch(line)) for line in text.splitlines() if line.strip()]
    for line, match in matches:
        if match is None:
            raise ValueError(f"expected 'sha256  name', found {line[:80]!r}")
    return {match[2]: match[1] for _, match in matches if match}


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a regular file.

    A file that grows meanwhile is read up to the size that it had.

    Raises:
        InputError: The file cannot be read, or it is a pipe or a device.
    """
    digest = hashlib.sha256()
    try:
        with open_input(path, "a readable file") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
        return digest.hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}",
            expected="a readable file",
            found=error.strerror or type(error).__name__,
            hint="check its permissions",
        ) from error
