"""The stages that need a GPU. Without one they are skipped, and the result says so."""

from collections.abc import Callable

from benchmark_rows import OURS, Bench, Goal, Row
from benchmark_turns import Side

EPOCH_BEATS = 100_000
# Precision -> the peak that it is compared with.
PRECISIONS = {"32-true": "cuda float32", "bf16-mixed": "cuda bfloat16"}
GOALS_S = {64: 2.0, 2048: 0.5}  # batch size -> time of an epoch


def epochs(bench: Bench) -> list[Row]:
    """Measure epochs of DeepConv1d: both batch sizes, float32 and bf16, compiled or not."""
    if not _gpu(bench, "epochs"):
        return []
    count, flops = (
        500 if bench.smoke else EPOCH_BEATS,
        bench.workers[OURS].call("benchmark_networks:training_flops", network="DeepConv1d"),
    )
    rows = []
    for compiled in (False, True):  # compiling takes longest, so that comes last
        for batch, most_s in GOALS_S.items():
            for precision, peak in PRECISIONS.items():
                name = f"Trainer.fit, {precision}{', compiled' if compiled else ''}"
                arguments = {
                    "network": "DeepConv1d",
                    "batch": min(batch, count // 5),
                    "count": count,
                    "precision": precision,
                }
                gpu = {"accelerator": "gpu", "compiled": compiled, "data": bench.data}
                seconds = bench.measure(
                    [Side(name, OURS, "benchmark_networks:fit", 1, {**arguments, **gpu})], 5
                )
                what = f"DeepConv1d, batch {batch:,}, {count:,} beats"
                rows.append(
                    Row(
                        "gpu",
                        what,
                        name,
                        None,
                        "epoch",
                        seconds,
                        Goal(most_s, kind="seconds"),
                        flops * count,
                        peak,
                    )
                )
    return rows


def views(bench: Bench) -> list[Row]:
    """Measure spectrograms and images of batches on the device."""
    if not _gpu(bench, "views"):
        return []
    rows = []
    for name in ("spectrogram", "image"):
        count = 64 if bench.smoke else 8192
        arguments = {"name": name, "count": count, "batch": min(count, 1024), "device": "cuda"}
        seconds = bench.measure([Side(name, OURS, "benchmark_data:view", count, arguments)])
        # 300 times as fast as matplotlib, which takes 13 ms per figure.
        goal = Goal(13e-3 / 300, kind="seconds") if name == "image" else None
        rows.append(Row("gpu-views", "batch 1,024", name, None, "beat", seconds, goal))
    return rows


def _gpu(bench: Bench, what: str) -> bool:
    available = bench.workers[OURS].call("benchmark_networks:gpu_name") is not None
    if not available:
        bench.skipped.append(f"{what} on a GPU: none is available")
    return available


GPU_STAGES: dict[str, Callable[[Bench], list[Row]]] = {"gpu": epochs, "gpu-views": views}
