"""Repeat a folder of WFDB records by reference.

    python scripts/repeat_records.py MITDB FOLDER --times 10

FOLDER can be read with `--data.source wfdb --data.root FOLDER`. It holds a header for each repeat
of each record, such as `0003-100.hea`, and symbolic links to the signals and annotations. So 4,800
records need no more disk than the original's 100 MB.
"""

import argparse
from pathlib import Path

from ecg_lightning.records.wfdb.folder import find_records


def repeat_records(source: Path, folder: Path, times: int, annotator: str = "atr") -> list[str]:
    """Make the folder.

    Args:
        source: A folder of records, without subfolders.
        folder: Is made if it is missing.
        times: Repeats of each record.
        annotator: Ending of the annotation files.

    Returns:
        The new records' names, all records of a repeat before those of the next.
    """
    source = source.absolute()
    headers = {name: _lines(source / f"{name}.hea") for name in find_records(source)}
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted({line.split()[0] for header in headers.values() for line in header[1:]}):
        # One link is enough for all repeats, because a header names its signal files.
        (folder / file).symlink_to(source / file)
    repeated = {f"{turn:04d}-{name}": name for turn in range(times) for name in headers}
    for new, name in repeated.items():
        (folder / f"{new}.{annotator}").symlink_to(source / f"{name}.{annotator}")
        first, *rest = headers[name]
        (folder / f"{new}.hea").write_text("\n".join([first.replace(name, new, 1), *rest, ""]))
    return list(repeated)


def _lines(header: Path) -> list[str]:
    """Return the lines of a header without its comments."""
    return [
        line
        for line in header.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, metavar="MITDB", help="folder of WFDB records")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make")
    parser.add_argument("--times", type=int, default=10, help="repeats of each record")
    args = parser.parse_args()
    names = repeat_records(args.source, args.folder, args.times)
    print(f"{len(names):,} records in {args.folder}")
