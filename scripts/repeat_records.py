"""Repeats a folder of WFDB records by reference: `python scripts/repeat_records.py MITDB FOLDER --times 10`.

FOLDER, to be read with `--data.source wfdb --data.root FOLDER`, holds a header of its own for each repeat of each record, such as
`0003-100.hea`, and symbolic links to the signals and annotations. 4,800 records so take 100 MB of disk, those of the original.
"""

import argparse
from pathlib import Path

from ecg_lightning.records.wfdb import find_records


def repeat_records(source: Path, folder: Path, times: int, annotator: str = "atr") -> list[str]:
    """Makes the folder.

    Args:
        source: Records in one folder, without subfolders.
        folder: Made if need be.
        times: Repeats of each record.
        annotator: Ending of the annotation files.

    Returns:
        The new records' names, all records of a repeat before those of the next.
    """
    source = source.absolute()
    headers = {name: _lines(source / f"{name}.hea") for name in find_records(source)}
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted({line.split()[0] for header in headers.values() for line in header[1:]}):
        (folder / file).symlink_to(
            source / file
        )  # one serves all repeats, for a header names its signal files
    repeated = {f"{turn:04d}-{name}": name for turn in range(times) for name in headers}
    for new, name in repeated.items():
        (folder / f"{new}.{annotator}").symlink_to(source / f"{name}.{annotator}")
        first, *rest = headers[name]
        (folder / f"{new}.hea").write_text("\n".join([first.replace(name, new, 1), *rest, ""]))
    return list(repeated)


def _lines(header: Path) -> list[str]:
    """A header without its comments."""
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
    given = parser.parse_args()
    print(
        f"{len(repeat_records(given.source, given.folder, given.times)):,} records in {given.folder}"
    )
