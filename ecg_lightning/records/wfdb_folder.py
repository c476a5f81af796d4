"""The WFDB records of a folder."""

import re
from pathlib import Path

from ecg_lightning.errors import InputError
from ecg_lightning.records.wfdb_annotations import one_line

_RECORD_LINE = re.compile(r"\s*[-\w]+(?:/\d+)?\s+(?P<signals>\d+)")
# Far more than the first line of a header needs. A huge foreign file is not read as a whole.
_HEADER_BYTES = 1 << 16


def find_records(root: Path) -> tuple[str, ...]:
    """Return the names of the records below a folder, in natural order.

    Args:
        root: The folder of the database. Its subfolders are searched too.

    Returns:
        A path relative to `root` without an ending for each header that names signals, such as
        `("2", "10", "sub/1")`.

    Raises:
        InputError: There is no such folder, it has no records, or a `.hea` file is no header.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}",
            expected="a folder of WFDB records",
            found="a file" if root.exists() else "no such folder",
            hint="check the path",
            setting="root",
        )
    headers = (path for path in root.rglob("*.hea") if path.is_file() and _signal_count(path))
    names = (path.relative_to(root).as_posix().removesuffix(".hea") for path in headers)
    records = tuple(sorted(names, key=_natural_key))
    if not records:
        raise InputError(
            f"{root}",
            expected="WFDB records (.hea with signals) here or below",
            found="none",
            hint="check the path",
            setting="root",
        )
    return records


def _natural_key(name: str) -> tuple[list[list[int | str]], str]:
    """A key that sorts digits as numbers, folder by folder. The name decides `1` against `01`."""
    runs = (re.split(r"([0-9]+)", part) for part in name.split("/"))
    return [[int(run) if i % 2 else run for i, run in enumerate(part)] for part in runs], name


def _signal_count(header: Path) -> int:
    """The number of signals in the first line of a header; 0 if there are only annotations."""
    try:
        with header.open("rb") as file:
            text = file.read(_HEADER_BYTES).decode("ascii", errors="ignore")
    except OSError as error:
        raise InputError(
            f"{header}",
            expected="a readable header",
            found=one_line(error),
            hint="check its permissions",
        ) from error
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    match = _RECORD_LINE.match(first)
    if match is None:
        raise InputError(
            f"{header}",
            expected="a WFDB header that begins with a name and a number of signals",
            found=repr(first[:40]),
            hint="repair the file or move it out of the folder",
        )
    return int(match["signals"])
