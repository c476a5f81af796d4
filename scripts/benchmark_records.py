"""Measure what a data module of many records costs; the last line is JSON.

    python scripts/benchmark_records.py MITDB TIMES FOLDER

Each phase runs in a separate process, so that its peak memory can be measured: importing alone,
preparing, and opening what was prepared.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from repeat_records import repeat_records


def phase(name: str, root: str, cache: str) -> dict[str, float]:
    """Run one phase in this process; return its time and peak memory."""
    from ecg_lightning.data.datamodule import BeatDataModule

    data = BeatDataModule(source="wfdb", root=root, cache_dir=cache)
    started = time.perf_counter()
    if name == "prepare":
        data.prepare_data()
    if name == "open":
        data.setup("fit")
        next(iter(data.train_dataloader()))
    seconds = time.perf_counter() - started
    return {
        f"{name}, s": seconds,
        f"{name}, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(mitdb: str, times: str, folder: str) -> None:
    """Repeat the records below `folder` and run the phases."""
    place = Path(folder) / f"repeated-{times}"
    repeat_records(Path(mitdb), place / "records", int(times))
    costs: dict[str, float] = {}
    for name in ("import", "prepare", "open"):
        command = [
            sys.executable,
            __file__,
            "phase",
            name,
            str(place / "records"),
            str(place / "cache"),
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        costs |= json.loads(done.stdout.splitlines()[-1])
    costs.pop("import, s")
    print(json.dumps(costs))


if __name__ == "__main__":
    if sys.argv[1] == "phase":
        print(json.dumps(phase(*sys.argv[2:])))
    else:
        main(*sys.argv[1:])
