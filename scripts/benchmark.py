"""Measures each stage beside what a user would run instead: `python scripts/benchmark.py --mitdb MITDB --json benchmark.json`.

Both sides work in turns, in processes that stay warm, on the same cores and with the same number of threads. It prints the table of
docs/speed.md; `--smoke` runs everything tiny, in a minute, to see that it runs. The Keras sides need the extra `keras`.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(
    0, str(Path(__file__).parent)
)  # where the worker processes find the modules beside this one
from benchmark_gpu import GPU_STAGES
from benchmark_rows import BEGIN, OURS, Bench, Row
from benchmark_stages import STAGES
from benchmark_table import as_json, markdown
from benchmark_turns import Workers

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    stages = [*STAGES, *GPU_STAGES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--stages", default=",".join(stages), metavar="A,B", help="left out: all of %(default)s"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads and cores of each side")
    parser.add_argument("--rounds", type=int, default=9, help="how often each side is measured")
    parser.add_argument(
        "--mitdb",
        type=Path,
        metavar="FOLDER",
        help="the 48 records; without it, the synthetic database where that will do",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all figures go")
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="everything tiny: it shows that the benchmark runs, and nothing about speed",
    )
    parser.add_argument(
        "--profile", action="store_true", help="also what the training steps spend their time on"
    )
    parser.add_argument(
        "--scaling",
        type=Path,
        metavar="FOLDER",
        help="also how cost grows: pictures into this folder (docs/images)",
    )
    parser.add_argument(
        "--records",
        type=int,
        nargs="+",
        default=[48, 480],
        metavar="N",
        help="with --scaling, numbers of records",
    )
    given = parser.parse_args(arguments)
    given.stages = given.stages.split(",") if given.stages else []
    if unknown := [name for name in given.stages if name not in stages]:
        parser.error(f"--stages: expected some of {', '.join(stages)}, found {unknown[0]}")
    return given


def run(given: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """Everything that was asked for: what goes into the JSON file, and the table's rows."""
    environment = {
        **{name: str(given.threads) for name in THREAD_VARIABLES},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with Workers(environment, BEGIN, threads=given.threads) as workers:
        bench = Bench(workers, given.smoke, given.rounds, given.mitdb, folder)
        result = {
            **machine(given),
            **workers[OURS].call("benchmark_networks:facts", seconds=0.01 if given.smoke else 0.3),
        }
        rows: list[Row] = []
        for name in given.stages:
            print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
            rows += {**STAGES, **GPU_STAGES}[name](bench)
        if given.profile:
            result["profiles"] = profiles(bench, gpu=result["gpu"] is not None)
        if given.scaling:
            from benchmark_scaling import (
                scaling,  # late: the worker processes import this file, and need no matplotlib
            )

            result["scaling"] = scaling(bench, given.scaling, given.records, given.threads)
        result |= {"versions": workers.versions, "checks": bench.checks, "skipped": bench.skipped}
    return {**result, "rows": [as_json(row, result["peaks_flops_per_s"]) for row in rows]}, rows


def machine(given: argparse.Namespace) -> dict[str, Any]:
    """When, where and how it was measured."""
    malloc = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("MALLOC_") or name in ("LD_PRELOAD", "GLIBC_TUNABLES")
    }
    return {
        "date": time.strftime("%Y-%m-%d"),
        "threads": given.threads,
        "cores": sorted(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "rounds": 2 if given.smoke else given.rounds,
        "smoke": given.smoke,
        "malloc": malloc,
    }


def profiles(bench: Bench, gpu: bool) -> dict[str, Any]:
    """Operations of bare training steps by their own time; on a GPU its kernels, with the gaps between them."""
    cases = [
        ("DeepConv1d", 32, "cpu"),
        ("DeepConv1d", 256, "cpu"),
        ("TimeDepends", 32, "cpu"),
        ("TimeDepends", 256, "cpu"),
        ("Conv2d", 64, "cpu"),
    ]
    cases = cases[: 1 if bench.smoke else None] + (
        [("DeepConv1d", 64, "cuda"), ("DeepConv1d", 2048, "cuda")] if gpu else []
    )
    return {
        f"{network}, batch {batch}, {precision}, {device}": bench.workers[OURS].call(
            "benchmark_networks:profile",
            network=network,
            batch=4 if bench.smoke else batch,
            precision=precision,
            device=device,
        )
        for network, batch, device in cases
        for precision in ("32-true", "bf16-mixed")
    }


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and writes; returns the exit status."""
    given = parse(arguments)
    if not given.smoke:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    with TemporaryDirectory() as folder:
        result, rows = run(given, Path(folder))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    print(markdown(result, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
