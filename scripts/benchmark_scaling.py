"""How cost grows with batch size, number of records and devices: numbers and a figure for each."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark_rows import KERAS, OURS, Bench
from benchmark_turns import Side, spread
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ecg_lightning.figures.style import DPI, png_bytes
from ecg_lightning.palette import CLASS_COLOURS, INK, RULE

BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024)
Line = dict[int, float]  # x -> y
STYLES = ((CLASS_COLOURS["N"], "o", "-"), (CLASS_COLOURS["V"], "s", "-"), ("#7A7F87", "^", "--"))


def scaling(bench: Bench, folder: Path, records: Sequence[int], threads: int) -> dict[str, Any]:
    """Measure and draw; return the numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"batch size": batch_sizes(bench), "devices": devices(bench, threads)}
    figure = plot(result["batch size"], "DeepConv1d, training", "batch size", "beats/s")
    (folder / "benchmark-batch-size.png").write_bytes(png_bytes(figure))
    figure = plot(result["devices"], "DeepConv1d, batch 64 on each", "devices", "beats/s")
    (folder / "benchmark-devices.png").write_bytes(png_bytes(figure))
    if bench.mitdb:
        result["records"] = number_of_records(
            bench, [count for count in records if count % 48 == 0]
        )
        (folder / "benchmark-records.png").write_bytes(png_bytes(records_plot(result["records"])))
    else:
        bench.skipped.append(
            "scaling with records: no folder of the 48 records; give --mitdb FOLDER"
        )
    return result


def batch_sizes(bench: Bench) -> dict[str, Line]:
    """Return beats per second of DeepConv1d's training, by program and batch size."""
    lines: dict[str, Line] = {}
    keras = bench.has("scaling, Keras", "tensorflow", "keras")
    for batch in BATCHES[:2] if bench.smoke else BATCHES:
        count = 40 if bench.smoke else 2560 if batch <= 512 else 5120
        shared = {"network": "DeepConv1d", "batch": batch, "count": count}
        sides = [
            Side(
                f"ours, {name}",
                worker,
                "benchmark_networks:fit",
                count,
                {**shared, "precision": precision, "data": bench.data},
            )
            for name, worker, precision in (
                ("float32", OURS, "32-true"),
                ("bf16-mixed", f"{OURS} bf16", "bf16-mixed"),
            )
        ]
        if keras:
            sides.append(Side("Keras fit", KERAS, "benchmark_keras:fit", count, shared))
        for name, seconds in bench.measure(sides, 5).items():
            lines.setdefault(name, {})[batch] = 1 / spread(seconds).median
    return lines


def number_of_records(bench: Bench, counts: Sequence[int]) -> dict[str, Line]:
    """Return seconds and peak memory of preparing and of opening, by number of records."""
    lines: dict[str, Line] = {}
    for count in counts:
        for name, value in _child(
            "benchmark_records.py", str(bench.mitdb), str(count // 48), str(bench.folder)
        ).items():
            lines.setdefault(name, {})[count] = value
    return lines


def devices(bench: Bench, threads: int) -> dict[str, Line]:
    """Return beats per second of several processes together, each with its own core or GPU."""
    gpus = bench.workers[OURS].call("benchmark_networks:gpu_count")
    most, accelerator = (gpus, "gpu") if gpus else (threads, "cpu")
    counts = [count for count in (1, 2, 4, 8) if count <= most]
    beats = 64 * (4 if bench.smoke else 40)
    rates: Line = {}
    for count in counts:
        args = accelerator, str(count), str(beats), json.dumps(bench.data)
        rates[count] = _child("benchmark_devices.py", *args)["beats/s"]
    name = "GPUs" if gpus else "CPU processes of one thread"
    return {name: rates, "in proportion": {count: count * rates[1] for count in counts}}


def _child(script: str, *arguments: str) -> dict[str, float]:
    """Run another script of this folder; return its last line, which is JSON."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{script}: expected numbers, found the exit status {done.returncode}:\n{done.stderr}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def plot(lines: Mapping[str, Line], title: str, x: str, y: str) -> Figure:
    """Draw lines over a logarithmic x; y starts at 0."""
    figure = Figure(figsize=(5.6, 3.6), dpi=DPI, facecolor="white", layout="constrained")
    draw(figure.add_subplot(), lines, x, y)
    figure.suptitle(title, x=0.02, ha="left", fontsize=14, fontweight="bold", color=INK)
    return figure


def records_plot(lines: Mapping[str, Line]) -> Figure:
    """Draw time and memory next to each other."""
    figure = Figure(figsize=(7.6, 3.6), dpi=DPI, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    draw(
        left,
        {name: line for name, line in lines.items() if name.endswith("s")},
        "records",
        "seconds",
    )
    draw(
        right,
        {name: line for name, line in lines.items() if name.endswith("MiB")},
        "records",
        "peak memory, MiB",
    )
    figure.suptitle(
        "Records repeated by reference",
        x=0.02,
        ha="left",
        fontsize=14,
        fontweight="bold",
        color=INK,
    )
    return figure


def draw(axes: Axes, lines: Mapping[str, Line], x: str, y: str) -> None:
    """Draw lines with a mark at each measurement."""
    for (name, line), (colour, marker, style) in zip(lines.items(), STYLES, strict=False):
        axes.plot(
            list(line),
            list(line.values()),
            style,
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=2,
            label=name.split(", s")[0],
        )
    places = sorted({place for line in lines.values() for place in line})
    axes.set_xscale("log", base=2)
    axes.set_xticks(places)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(
        FuncFormatter(
            lambda value, _: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.2g}"
        )
    )
    axes.set_ylim(bottom=0)
    axes.set_xlabel(x, fontsize=11, color=INK)
    axes.set_ylabel(y, fontsize=11, color=INK)
    axes.grid(color=RULE, linewidth=0.8)
    axes.tick_params(labelsize=10, color=RULE, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.legend(fontsize=9, framealpha=0.9, edgecolor="none", labelcolor=INK)
