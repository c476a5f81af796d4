"""Annotate a thousand short recordings of which twenty are broken, by one command.

    python scripts/annotate_many.py --mitdb MITDB FOLDER

FOLDER/recordings gets pieces of 10 to 30 seconds of the 48 records of MIT-BIH, in turn as WFDB, EDF
and CSV; every fiftieth is broken in a way of its own (`broken_recordings.py`). `ecg-lightning
annotate` works on the folder. Its output has to have the files of the other 980, and the list of
the twenty; its status has to be 1. The time and the largest memory are those of the command.

With `--shards 4` four commands, each with its part, work on the folder too; one after the other.
Their files have to be the same, byte for byte.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from broken_recordings import BROKEN, FS_HZ, LEADS, Steps
from documents import fill, measured_on
from recording_files import STEPS_PER_MV, write_edf, write_wfdb

from ecg_lightning.records.mitdb import MITDB_RECORDS

SHORTEST_S, LONGEST_S = 10, 30
ENDINGS = ("ecl", "csv", "html")


def pieces(mitdb: Path, count: int) -> Iterator[Steps]:
    """Return pieces (2, T) of whole seconds, from the records in turn."""
    import wfdb

    random = np.random.default_rng(0)
    names = sorted(MITDB_RECORDS)
    steps = {}
    for name in names:
        record = wfdb.rdrecord(str(mitdb / name), physical=False)
        steps[name] = (record.d_signal.T - 1024).astype(np.int16)
    for number in range(count):
        record = steps[names[number % len(names)]]
        length = int(random.integers(SHORTEST_S, LONGEST_S + 1)) * FS_HZ
        start = int(random.integers(record.shape[1] - length))
        yield record[:, start : start + length]


def write_table(path: Path, steps: Steps) -> None:
    """Write a CSV file with times."""
    rows = np.column_stack([np.arange(steps.shape[1]) / FS_HZ, steps.T / STEPS_PER_MV])
    head = ",".join(["time (s)", *(f"{lead} (mV)" for lead in LEADS)])
    with path.open("w", encoding="utf-8") as file:
        np.savetxt(file, rows, "%.6f,%.3f,%.3f", header=head, comments="")


def write_recordings(mitdb: Path, folder: Path, count: int) -> list[str]:
    """Write the recordings; return the names of the broken ones."""
    folder.mkdir(parents=True, exist_ok=True)
    broken: list[str] = []
    every = max(count // len(BROKEN), 1)
    for number, steps in enumerate(pieces(mitdb, count)):
        path = folder / f"piece{number:04d}"
        if number % every == every - 1 and len(broken) < len(BROKEN):
            BROKEN[len(broken)](path, steps)
            broken.append(path.name)
        elif number % 3 == 0:
            write_wfdb(path, [steps], LEADS, FS_HZ)
        elif number % 3 == 1:
            write_edf(path.with_suffix(".edf"), [steps], LEADS, FS_HZ)
        else:
            write_table(path.with_suffix(".csv"), steps)
    return broken


def annotate(recordings: Path, output: Path, *options: str) -> tuple[int, str, float, float]:
    """Run the command; return its status, its words, its time and its largest memory in MiB."""
    command = [sys.executable, "-m", "ecg_lightning", "annotate", str(recordings)]
    words = output.with_name(f"{output.name}.txt")
    started = time.perf_counter()
    with words.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*command, "--output", str(output), *options], stdout=file, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    time_s = time.perf_counter() - started
    return process.returncode, words.read_text(encoding="utf-8"), time_s, usage.ru_maxrss / 1024


def problems(output: Path, words: str, good: Sequence[str], broken: Sequence[str]) -> list[str]:
    """Return what is not as it has to be."""
    result = []
    for name in good:
        missing = [e for e in ENDINGS if not (output / f"{name}.{e}").is_file()]
        result += [f"{name}: no {ending}" for ending in missing]
    for name in broken:
        extra = [e for e in ENDINGS if (output / f"{name}.{e}").exists()]
        result += [f"{name}: has a file {ending}" for ending in extra]
        if not re.search(rf"\b{name}\b", words):
            result.append(f"{name}: not in the list")
    for name in ("summary.csv", "index.html"):
        if not (output / name).is_file():
            result.append(f"no {name}")
    return result


def different(first: Path, second: Path) -> list[str]:
    """Return the names of the visible files that are not the same in both folders."""
    names = {p.name for folder in (first, second) for p in folder.iterdir() if p.is_file()}
    shown = sorted(name for name in names if not name.startswith("."))
    return [name for name in shown if not _same(first / name, second / name)]


def _same(first: Path, second: Path) -> bool:
    both = first.is_file() and second.is_file()
    return both and first.read_bytes() == second.read_bytes()


def main() -> None:
    """Write the recordings, annotate them, and say what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="an empty folder")
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of MIT-BIH")
    parser.add_argument("--count", type=int, default=1000, help="recordings, broken ones included")
    parser.add_argument("--jobs", type=int, default=1, help="recordings worked on at a time")
    parser.add_argument("--shards", type=int, default=0, help="also as so many commands")
    parser.add_argument("--document", type=Path, help="document whose table is replaced")
    args = parser.parse_args()
    recordings, output = args.folder / "recordings", args.folder / "annotated"
    broken = write_recordings(args.mitdb, recordings, args.count)
    good = [f"piece{n:04d}" for n in range(args.count) if f"piece{n:04d}" not in broken]
    status, words, time_s, mib = annotate(recordings, output, "--jobs", str(args.jobs))
    wrong = problems(output, words, good, broken)
    lines = [
        f"{args.count:,} recordings, {len(broken)} of them broken: status {status}, "
        f"{time_s:.0f} s with `--jobs {args.jobs}`, {mib:,.0f} MiB at most.",
        *(f"- wrong: {line}" for line in wrong),
    ]
    if args.shards:
        parts = args.folder / "shards"
        states = [
            annotate(recordings, parts, "--shard", f"{i + 1}/{args.shards}")[0]
            for i in range(args.shards)
        ]
        others = different(output, parts)
        same = "the same files" if not others else f"other files: {', '.join(others[:5])}"
        statuses = ", ".join(map(str, states))
        lines.append(f"As {args.shards} shards: statuses {statuses}; {same}.")
    text = "\n".join([*lines, "", measured_on("torch", "numpy")])
    print(words[-6000:])
    print(text)
    if args.document:
        fill(args.document, {"many": text})


if __name__ == "__main__":
    main()
