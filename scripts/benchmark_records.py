"""What a data module of many records costs: `python scripts/benchmark_records.py MITDB TIMES FOLDER`; the last line is JSON.

Each phase runs in a process of its own, whose peak memory is told apart: importing alone, preparing, and opening what was prepared.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from repeat_records import repeat_records


def phase(name: str, root: str, cache: str) -> dict[str, float]:
    """One of them, in this process."""
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
    """Repeats the records below `folder` and runs the phases."""
    place = Path(folder) / f"repeated-{times}"
    repeat_records(Path(mitdb), place / "records", int(times))
    found: dict[str, float] = {}
    for name in ("import", "prepare", "open"):
        command = [
            sys.executable,
            __file__,
            "phase",
            name,
            str(place / "records"),
            str(place / "cache"),
        ]
        found |= json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[
                -1
            ]
        )
    found.pop("import, s")
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "phase":
        print(json.dumps(phase(*sys.argv[2:])))
    else:
        main(*sys.argv[1:])
