"""Measure time and memory of annotating long recordings, at once and as a stream.

    python scripts/annotate_long.py --mitdb MITDB FOLDER

The 48 half hours of MIT-BIH are joined to two leads of 24 hours at 360 Hz in FOLDER; 48 hours are
these twice, half an hour is their beginning. `ecg-lightning annotate` works on each in a process of
its own. The table shows the time that passes, that of the processor, and the largest resident
memory, also above that of a process that only imports torch, wfdb and SciPy.

The 24 hours are then annotated with `causal=True`, and come as a stream in chunks of 0.1 s, 1 s and
10 s, each in a process of its own. The table shows whether the beats are the same to the last bit
(a hash of positions, probabilities, quality and stretches), the longest time from a beat to the
sample with which it comes, and the resident memory after 1, 12 and 24 hours.

This file imports nothing heavy at its top, because the memory of the process that starts another
one counts for that one too.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FS_HZ, HALF_HOURS = 360, 48
LENGTHS = {"0.5 h": ("half", 0.5), "24 h": ("day", 24.0), "48 h": ("two-days", 48.0)}
CHUNKS_S = (0.1, 1.0, 10.0)
MARKS_H = (1, 12, 24)
MOST_PARTS = 1000  # of a stream's beats that are kept apart
MIB = 1024.0  # Linux counts resident memory in KiB
IMPORTS = "import torch, wfdb, scipy.signal"
GOALS = (
    "Goals: 24 hours in 45 s on two idle cores, below 1,024 MiB and at most 250 MiB above the "
    "imports; 48 hours with at most 30 MiB more; half an hour in 5 s."
)


def write(mitdb: Path, folder: Path) -> None:
    """Write the recordings that are missing."""
    from long_recordings import LEADS, half_hours
    from recording_files import write_wfdb

    for name, hours in LENGTHS.values():
        if not (folder / f"{name}.hea").is_file():
            pieces = (
                piece
                for turn in range(-(-round(2 * hours) // HALF_HOURS))
                for number, piece in enumerate(half_hours(mitdb))
                if turn * HALF_HOURS + number < 2 * hours
            )
            write_wfdb(folder / name, pieces, LEADS, FS_HZ)


def measured(command: Sequence[str]) -> dict[str, float]:
    """Run a command; return its time, its time of the processor and its largest memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: status {process.returncode}")
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / MIB,
    }


def child(*arguments: str) -> dict[str, Any]:
    """Run a part of this file in a process of its own; return what it prints."""
    command = [sys.executable, __file__, *arguments]
    line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(line.splitlines()[-1])
    return result


def resident_mib() -> float:
    """Return the resident memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / MIB for line in lines if line.startswith("VmRSS:"))


def beats_hash(parts: Sequence[Any]) -> str:
    """Return a hash of all that is known of beats, however they are divided into parts."""
    from dataclasses import fields

    from ecg_lightning.annotation.found_beats import FoundBeats

    beats = FoundBeats.concatenate(list(parts))
    total = hashlib.sha256()
    for field in fields(beats):
        array = getattr(beats, field.name)
        total.update(f"{field.name} {array.dtype} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def causal(path: str, hours: float, model: str | None = None) -> dict[str, Any]:
    """Annotate a recording without what comes more than 5 s later, in this process.

    Args:
        path: The recording.
        hours: How much of it, from its start.
        model: The classifier's weights; default: those of `annotate`.
    """
    import ecg_lightning as ecg
    from ecg_lightning.annotation.annotator import Annotator

    recording = ecg.read_recording(path)
    source: Any = path
    if hours * 3600 * recording.fs_hz < recording.samples:  # a part of it is held in memory
        source = recording.read(0, round(hours * 3600 * recording.fs_hz), [0, 1])
    started, cpu = time.perf_counter(), time.process_time()
    fs_hz = None if source is path else recording.fs_hz
    annotations = Annotator.from_pretrained(model).annotate(source, fs_hz, causal=True)
    return {
        "hours": annotations.recording.samples / annotations.fs_hz / 3600,
        "beats": len(annotations),
        "hash": beats_hash([annotations.beats]),
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": _peak_mib(),
    }


def stream(path: str, chunk_s: float, hours: float, model: str | None = None) -> dict[str, Any]:
    """Push a recording chunk by chunk into a stream, in this process; see `causal`."""
    import ecg_lightning as ecg
    from ecg_lightning.annotation.annotator import Annotator
    from ecg_lightning.annotation.found_beats import FoundBeats

    recording = ecg.read_recording(path)
    leads = range(len(recording.leads))
    started, cpu = time.perf_counter(), time.process_time()
    beats = Annotator.from_pretrained(model).stream(recording.fs_hz, len(leads))
    parts, delay, at, resident = [], 0, 0, {}
    stop = round(hours * 3600 * recording.fs_hz)
    for chunk in chunks(recording, [*leads], round(chunk_s * recording.fs_hz), stop):
        part = beats.push(chunk)
        at += chunk.shape[1]
        if len(part) or len(part.unusable):
            parts.append(part)
            delay = max(delay, at - int(part.samples[0])) if len(part) else delay
        if len(parts) >= MOST_PARTS:  # a hundred thousand small arrays would take 100 MiB
            parts = [FoundBeats.concatenate(parts)]
        for mark in MARKS_H:
            if mark not in resident and at >= mark * 3600 * recording.fs_hz:
                resident[mark] = resident_mib()
    parts.append(beats.finish())
    return {
        "chunk_s": chunk_s,
        "hours": at / recording.fs_hz / 3600,
        "beats": sum(len(part) for part in parts),
        "hash": beats_hash(parts),
        "delay_s": delay / recording.fs_hz,
        "stated_delay_s": beats.delay_s,
        "resident_mib": resident,
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": _peak_mib(),
    }


def chunks(recording: Any, leads: list[int], size: int, stop: int) -> Iterator[Any]:
    """Cut a recording into chunks (leads, T) of a size; the last one may be shorter."""
    for start, piece in recording.pieces(leads, 1024 * size):
        for first in range(0, min(piece.shape[1], stop - start), size):
            yield piece[:, first : min(first + size, stop - start)]


def _peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def lengths_table(rows: dict[str, dict[str, float]], imports_mib: float) -> str:
    """Return the table of recordings that are annotated at once."""
    from documents import table

    head = ("recording", "time", "time of the processor", "peak memory", "above the imports")
    cells = [
        [
            title,
            f"{row['wall_s']:.1f} s",
            f"{row['cpu_s']:.1f} s",
            f"{row['peak_mib']:,.0f} MiB",
            f"{row['peak_mib'] - imports_mib:,.0f} MiB",
        ]
        for title, row in rows.items()
    ]
    imports = f"A process that imports torch, wfdb and SciPy: {imports_mib:,.0f} MiB."
    return f"{table(head, cells)}\n\n{imports} {GOALS}"


def stream_table(whole: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of streams beside `causal=True`."""
    from documents import table

    head = (
        *("chunks", "length", "beats", "equal to `causal=True`", "longest delay"),
        *("memory after 1, 12, 24 h", "time of the processor"),
    )
    hours = f"{whole['hours']:.1f} h"
    first = ["`causal=True`", hours, f"{whole['beats']:,}", whole["hash"], "", ""]
    cells = [[*first, f"{whole['cpu_s']:.0f} s"]]
    for row in rows:
        same = {True: "yes", False: f"**no**, {row['hash']}"}[row["hash"] == whole["hash"]]
        memory = ", ".join(f"{mib:,.0f}" for mib in row["resident_mib"].values())
        cells.append(
            [
                f"{row['chunk_s']:g} s",
                f"{row['hours']:.1f} h",
                f"{row['beats']:,}",
                same,
                f"{row['delay_s']:.2f} s",
                f"{memory} MiB",
                f"{row['cpu_s']:.0f} s",
            ]
        )
    return table(head, cells)


def main() -> None:
    """Write the recordings, measure, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder for 500 MB of files")
    parser.add_argument("--mitdb", type=Path, help="folder of MIT-BIH")
    parser.add_argument("--model", help="the classifier's weights; default: those of annotate")
    parser.add_argument("--causal-model", help="those of causal results; default: likewise")
    parser.add_argument("--lengths", nargs="*", default=[*LENGTHS], choices=[*LENGTHS])
    parser.add_argument("--chunks", nargs="*", type=float, default=CHUNKS_S, help="in seconds")
    parser.add_argument("--stream-hours", type=float, default=48.0, help="at most, of the 24")
    parser.add_argument("--document", type=Path, help="document whose tables are replaced")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        part(args.part, args.folder, args.mitdb, args.causal_model)
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    folder = str(args.folder)
    child(folder, "--mitdb", str(args.mitdb), "--part", "write")
    imports_mib = measured([sys.executable, "-c", IMPORTS])["peak_mib"]
    rows = {title: annotated(args.folder, LENGTHS[title][0], args.model) for title in args.lengths}
    streams = []
    if args.chunks:
        hours = f"{args.stream_hours}"
        own = [folder, *(["--causal-model", args.causal_model] if args.causal_model else [])]
        whole = child(*own, "--part", "causal", hours)
        for chunk_s in args.chunks:
            streams.append(child(*own, "--part", "stream", f"{chunk_s}", hours))
            print(json.dumps(streams[-1]), flush=True)
    tables = {"long": lengths_table(rows, imports_mib)} if rows else {}
    if streams:
        tables["stream"] = stream_table(whole, streams)
    report(tables, args)


def part(words: Sequence[str], folder: Path, mitdb: Path | None, model: str | None) -> None:
    """Do one part of the work in this process, and print its result."""
    day = str(folder / LENGTHS["24 h"][0])
    result: dict[str, Any] = {}
    if words[0] == "write":
        assert mitdb is not None
        write(mitdb, folder)
    elif words[0] == "causal":
        result = causal(day, float(words[1]), model)
    else:
        result = stream(day, float(words[1]), float(words[2]), model)
    print(json.dumps(result))


def annotated(folder: Path, name: str, model: str | None = None) -> dict[str, float]:
    """Annotate a recording by the command, in a process of its own."""
    command = [sys.executable, "-m", "ecg_lightning", "annotate", str(folder / name)]
    command += ["--model", model] if model else []
    row = measured([*command, "--output", str(folder / "annotated")])
    print(name, json.dumps(row), flush=True)
    return row


def report(tables: dict[str, str], args: argparse.Namespace) -> None:
    """Print the tables, and write them into the document."""
    from documents import fill, measured_on

    tables["long-machine"] = measured_on("torch", "numpy", "wfdb", "scipy")
    text = "\n\n".join(tables.values())
    (args.folder / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    if args.document:
        fill(args.document, tables)


if __name__ == "__main__":
    main()
