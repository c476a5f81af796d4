"""SHA-256 of files, and lists of them."""

import hashlib
import re
from pathlib import Path

from ecg_lightning.errors import InputError

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
    """Return the hexadecimal SHA-256 of a file.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}",
            expected="a readable file",
            found=error.strerror or type(error).__name__,
            hint="check its permissions",
        ) from error
