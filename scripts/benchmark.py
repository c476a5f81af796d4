"""Measure each stage next to what a user would run instead, and print the table of docs/speed.md.

    python scripts/benchmark.py --mitdb MITDB --json benchmark.json

Both sides work in turns, in processes that stay warm, on the same cores and with the same number of
threads. `--smoke` runs everything with tiny sizes, in a minute, to show that it runs. The Keras
sides need the extra `keras`.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the worker processes import these modules
from benchmark_gpu import GPU_STAGES
from benchmark_rows import BEGIN, OURS, Bench, Row
from benchmark_stages import STAGES
from benchmark_table import as_json, markdown
from benchmark_turns import Workers

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    stages = [*STAGES, *GPU_STAGES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--stages",
        default=",".join(stages),
        metavar="A,B",
        help="stages to measure (default: all, %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads and cores of each side")
    parser.add_argument("--rounds", type=int, default=9, help="how often each side is measured")
    parser.add_argument(
        "--mitdb",
        type=Path,
        metavar="FOLDER",
        help="the 48 records (default: the synthetic database where it suffices)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all numbers go")
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="tiny sizes: shows that the benchmark runs, and nothing about speed",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="also measure what training steps spend their time on",
    )
    parser.add_argument(
        "--scaling",
        type=Path,
        metavar="FOLDER",
        help="also measure how cost grows; figures go into this folder (docs/images)",
    )
    parser.add_argument(
        "--records",
        type=int,
        nargs="+",
        default=[48, 480],
        metavar="N",
        help="numbers of records for --scaling",
    )
    args = parser.parse_args(arguments)
    args.stages = args.stages.split(",") if args.stages else []
    if unknown := [name for name in args.stages if name not in stages]:
        parser.error(f"--stages: expected some of {', '.join(stages)}, found {unknown[0]}")
    return args


def run(args: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """Measure; return the content of the JSON file and the rows of the table."""
    environment = {
        **{name: str(args.threads) for name in THREAD_VARIABLES},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with Workers(environment, BEGIN, threads=args.threads) as workers:
        bench = Bench(workers, args.smoke, args.rounds, args.mitdb, folder)
        result = {
            **machine(args),
            **workers[OURS].call("benchmark_networks:facts", smoke=args.smoke),
        }
        rows: list[Row] = []
        for name in args.stages:
            print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
            rows += {**STAGES, **GPU_STAGES}[name](bench)
        if args.profile:
            result["profiles"] = profiles(bench, gpu=result["gpu"] is not None)
        if args.scaling:
            # Late, because the worker processes import this file and need no matplotlib.
            from benchmark_scaling import scaling

            result["scaling"] = scaling(bench, args.scaling, args.records, args.threads)
        result |= {"versions": workers.versions, "checks": bench.checks, "skipped": bench.skipped}
    return {**result, "rows": [as_json(row, result["peaks_flops_per_s"]) for row in rows]}, rows


def machine(args: argparse.Namespace) -> dict[str, Any]:
    """Return when, where and how it was measured."""
    malloc = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("MALLOC_") or name in ("LD_PRELOAD", "GLIBC_TUNABLES")
    }
    return {
        "date": time.strftime("%Y-%m-%d"),
        "threads": args.threads,
        "cores": sorted(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "rounds": 2 if args.smoke else args.rounds,
        "smoke": args.smoke,
        "malloc": malloc,
    }


def profiles(bench: Bench, gpu: bool) -> dict[str, Any]:
    """Return the operations of bare training steps by their own time; on a GPU its kernels."""
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
    """Measure, print and write; return the exit status."""
    args = parse(arguments)
    if not args.smoke:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    with TemporaryDirectory() as folder:
        result, rows = run(args, Path(folder))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    print(markdown(result, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
