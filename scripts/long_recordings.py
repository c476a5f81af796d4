"""Measure time and memory of reading recordings of 24 hours, piece by piece.

    python scripts/long_recordings.py --mitdb MITDB FOLDER

The 48 half hours of MIT-BIH are joined to two leads of 24 hours at 360 Hz, and are written to
FOLDER as WFDB, EDF, BDF and ISHNE. Twelve leads of 24 hours at 500 Hz, made of the same samples,
are written as WFDB and EDF. Files that are there are not written again. Each file is read in a
process of its own: all leads, in pieces of 262,144 samples. The table shows the time, the largest
resident memory of that process before it opens the file and at its end. A sum over every 16th
sample shows that each format gives the same; EDF and BDF hold whole seconds only.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from recording_files import Pieces, write_bdf, write_edf, write_ishne, write_wfdb

STEP = 250_000  # samples of each lead that are written at once
LEADS = ("II", "V1")
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
TWELVE_FS_HZ, TWELVE_SAMPLES = 500, 24 * 3600 * 500
Writer = Callable[[Path, Pieces, Sequence[str], int], None]
FILES: dict[str, tuple[str, Writer, bool]] = {  # format -> file, writer, twelve leads
    "WFDB, 2 leads at 360 Hz": ("day", write_wfdb, False),
    "EDF, 2 leads at 360 Hz": ("day.edf", write_edf, False),
    "BDF, 2 leads at 360 Hz": ("day.bdf", write_bdf, False),
    "ISHNE, 2 leads at 360 Hz": ("day.ecg", write_ishne, False),
    "WFDB, 12 leads at 500 Hz": ("twelve", write_wfdb, True),
    "EDF, 12 leads at 500 Hz": ("twelve.edf", write_edf, True),
}


def half_hours(mitdb: Path) -> Iterator[npt.NDArray[np.int16]]:
    """Return the samples (2, T) of each record, by wfdb, as steps around the baseline."""
    import wfdb

    from ecg_lightning.records.mitdb import MITDB_RECORDS

    for name in sorted(MITDB_RECORDS):
        record = wfdb.rdrecord(str(mitdb / name), physical=False)
        yield (record.d_signal.T - 1024).astype(np.int16)


def twelve_leads(mitdb: Path) -> Iterator[npt.NDArray[np.int16]]:
    """Return pieces (12, T): the two leads of MIT-BIH, each lead divided by another number."""
    done = 0
    while done < TWELVE_SAMPLES:
        for piece in half_hours(mitdb):
            piece = piece[:, : TWELVE_SAMPLES - done]
            for start in range(0, piece.shape[1], STEP):
                part = piece[:, start : start + STEP]
                yield np.stack([part[i % 2] // (1 + i // 2) for i in range(12)])
            done += piece.shape[1]


def write(mitdb: Path, folder: Path, title: str) -> None:
    """Write a file unless it is there."""
    name, writer, twelve = FILES[title]
    path = folder / name
    if path.is_file() or path.with_name(f"{name}.hea").is_file():
        return
    if twelve:
        writer(path, twelve_leads(mitdb), TWELVE, TWELVE_FS_HZ)
    else:
        writer(path, half_hours(mitdb), LEADS, 360)


def read(path: str) -> dict[str, Any]:
    """Read all leads of a recording in pieces, in this process."""
    import resource
    import time

    from ecg_lightning import read_recording

    imports_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before_s = time.perf_counter()
    recording = read_recording(path)
    opened_s = time.perf_counter()
    total, samples = 0.0, 0
    for _, piece in recording.pieces([*range(len(recording.leads))]):
        total += float(piece[:, :: 1 << 4].sum(dtype=np.float64))
        samples += piece.shape[1]
    return {
        "hours": samples / recording.fs_hz / 3600,
        "open_s": opened_s - before_s,
        "read_s": time.perf_counter() - opened_s,
        "imports_mib": imports_mib,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "sum_mv": total,
    }


def in_a_process(argument: str) -> dict[str, Any]:
    """Call `read` in a new process, so that its memory is its own."""
    command = [sys.executable, __file__, "--read", argument, "."]
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(line)
    return result


def main() -> None:
    """Write the files, read them, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder for 3 GB of recordings")
    parser.add_argument("--mitdb", type=Path, metavar="MITDB", help="folder of MIT-BIH")
    parser.add_argument("--read", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--write", metavar="TITLE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read is not None:
        print(json.dumps(read(args.read)))
    elif args.write is not None:
        write(args.mitdb, args.folder, args.write)
    else:
        args.folder.mkdir(parents=True, exist_ok=True)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        titles = (
            "recording | size | length | opened in | read in | memory after import | peak | sum"
        )
        print(f"| {titles} |")
        print(f"|{'---|' * 8}")
        for title, (name, _, _) in FILES.items():
            command = [sys.executable, __file__, "--mitdb", str(args.mitdb), "--write", title]
            subprocess.run([*command, str(args.folder)], check=True)  # its memory is its own
            path = args.folder / name
            row = in_a_process(str(path))
            file = path if path.suffix else path.with_suffix(".dat")
            size = file.stat().st_size / 1e6
            print(
                f"| {title} | {size:,.0f} MB | {row['hours']:.2f} h | {row['open_s']:.3f} s "
                f"| {row['read_s']:.1f} s | {row['imports_mib']:.0f} MiB "
                f"| {row['peak_mib']:.0f} MiB | {row['sum_mv']:,.2f} mV |",
                flush=True,
            )


if __name__ == "__main__":
    main()
