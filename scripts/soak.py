"""Train and predict many times in one process, and watch its memory, files and threads.

    python scripts/soak.py --fits 200 --predictions 2000

Linux only. Each run is a whole command on a few simulated beats. After a first part of the runs,
which is not counted, each kind of run may add a few KiB to the process's memory and no open file,
thread or temporary file. The exit status is 1 if more stays.
"""

import argparse
import contextlib
import gc
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for the tests
from fuzz_worker import give_back_memory, memory_bytes

from ecg_lightning.cli.main import main as ecg_lightning
from ecg_lightning.records.synthetic.database import write_synthetic

MOST_KIB = 64.0  # of memory, for a run
WARM_UP = 0.2  # of the runs
SMALL = ("--data.segmentation", "annotations", "--data.balance", "none", "--data.source", "wfdb")


class State(NamedTuple):
    """What the process holds.

    Attributes:
        memory: Bytes in memory.
        descriptors: Open files.
        threads: Threads.
        files: Files below the working folder, which holds the one for temporary files.
    """

    memory: int
    descriptors: int
    threads: int
    files: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.memory / 2**20:.1f} MiB, {self.descriptors} open files, {self.threads} "
            f"threads, {self.files} files left"
        )


def state() -> State:
    """Return what the process holds after unused memory has been given back."""
    gc.collect()
    give_back_memory()
    tasks, descriptors = (len(os.listdir(f"/proc/self/{name}")) for name in ("task", "fd"))
    files = sum(path.is_file() for path in Path.cwd().rglob("*"))
    return State(memory_bytes("VmRSS"), descriptors, tasks, files)


def run(words: list[str]) -> None:
    """Run a command, and remove what it is supposed to leave.

    Raises:
        RuntimeError: It does not end with status 0.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = ecg_lightning(words)
    if status:
        raise RuntimeError(f"{words[0]} ended with status {status}: {err.getvalue()[-2000:]}")
    shutil.rmtree(out.getvalue().splitlines()[-1])


def soak(name: str, count: int, once: Callable[[], None], most_kib: float) -> bool:
    """Run something many times, print what the process holds, and return whether that is bounded.

    Args:
        name: What it is, for the log.
        count: How often.
        once: One run.
        most_kib: Growth of the memory that is allowed for a run.
    """
    start, begin, warm = state(), time.monotonic(), max(1, round(count * WARM_UP))
    for _ in range(warm):
        once()
    warmed = state()
    for _ in range(count - warm):
        once()
    end, seconds = state(), time.monotonic() - begin
    grown = (end.memory - warmed.memory) / 1024 / max(count - warm, 1)
    print(f"{name}: {count:,} runs in {seconds:.0f} s")
    for word, what in (("start", start), (f"after {warm:,}", warmed), ("end", end)):
        print(f"  {word:>12}: {what}")
    print(f"  memory per run after the first {warm:,}: {grown:.1f} KiB (at most {most_kib:g})")
    problems = [
        word
        for word, after, before in zip(State._fields[1:], end[1:], warmed[1:], strict=True)
        if after > before
    ]
    if problems:
        print(f"  more than before: {', '.join(problems)}")
    return grown <= most_kib and not problems


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fits", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--predictions", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--network", default="soak_network.Tiny", help="default: %(default)s")
    parser.add_argument(
        "--most-kib", type=float, default=MOST_KIB, help="memory for a run (%(default)s KiB)"
    )
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run fits, then predictions; return 1 if memory, files or threads grow."""
    arguments = parse(words)
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, ECG_LIGHTNING_CACHE=f"{folder}/cache", TMPDIR=f"{folder}/tmp"),
        mock.patch("tempfile.tempdir", f"{folder}/tmp"),
    ):
        Path("tmp").mkdir()
        write_synthetic(Path("records"), patients=5, minutes=0.5)
        data = [*SMALL, "--data.root", "records", "--model.network", arguments.network]
        fit = ["fit", *data, "--data.split", "records", "--trainer.max_epochs", "1"]
        ecg_lightning([*fit, "--output", "kept"])
        checkpoint = "kept/checkpoints/best.ckpt"
        predict = ["predict", *data, "--data.split", "all", "--ckpt_path", checkpoint]
        bounded = [
            soak("fit", arguments.fits, lambda: run(fit), arguments.most_kib),
            soak("predict", arguments.predictions, lambda: run(predict), arguments.most_kib),
        ]
    return int(not all(bounded))


if __name__ == "__main__":
    sys.exit(main())
