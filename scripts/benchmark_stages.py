"""The stages: what is compared with what, at which size, with which goal."""

from collections.abc import Callable, Mapping

import numpy as np
from benchmark_rows import KERAS, OURS, PLAIN, Bench, Goal, Row
from benchmark_turns import Side

FIT, BF16, STEP = "Trainer.fit", "Trainer.fit, bf16-mixed", "bare step"
FLOAT_OF = {FIT: "float32", BF16: "bfloat16", STEP: "float32"}


def training(bench: Bench, network: str, batch: int, goals: Mapping[str, Goal]) -> list[Row]:
    """Compare Trainer.fit in float32 and bf16-mixed, and bare steps, with Keras's fit."""
    count = 10 if bench.smoke else {"Conv2d": 320}.get(network, 2560)
    batch = min(batch, 5) if bench.smoke else batch
    shared = {"network": network, "batch": batch}
    sides = [
        Side(
            FIT,
            OURS,
            "benchmark_networks:fit",
            count,
            {**shared, "count": count, "precision": "32-true", "data": bench.data},
        ),
        Side(
            BF16,
            f"{OURS} bf16",
            "benchmark_networks:fit",
            count,
            {**shared, "count": count, "precision": "bf16-mixed", "data": bench.data},
        ),
        Side(
            STEP,
            f"{OURS} step",
            "benchmark_networks:step",
            count,
            {**shared, "steps": count // batch},
        ),
    ]
    if network == "Conv2d":  # in bfloat16 it takes a second for each beat where that is emulated
        sides = sides[: 1 if bench.smoke else 2]
    theirs = "Keras fit" if bench.has(f"{network} training, Keras", "tensorflow", "keras") else None
    if theirs:
        sides.append(Side(theirs, KERAS, "benchmark_keras:fit", count, {**shared, "count": count}))
    seconds = bench.measure(sides)
    flops = bench.workers[OURS].call("benchmark_networks:training_flops", network=network)
    names = [side.name for side in sides if side.name != theirs]
    return [
        Row(
            "train",
            f"{network}, batch {batch}",
            name,
            theirs,
            "beat",
            seconds,
            goals.get(name),
            flops,
            FLOAT_OF[name],
        )
        for name in names
    ]


def train_1d(bench: Bench) -> list[Row]:
    """Train DeepConv1d and TimeDepends at both batch sizes."""
    goals = {
        32: {FIT: Goal(1.0, aim=1.5), BF16: Goal(1.5, aim=2.5)},
        256: {FIT: Goal(1.2, aim=1.5), BF16: Goal(2.0, aim=2.5)},
    }
    return [
        row
        for network in (("DeepConv1d",) if bench.smoke else ("DeepConv1d", "TimeDepends"))
        for batch in ((32,) if bench.smoke else (32, 256))
        for row in training(bench, network, batch, goals[batch])
    ]


def train_2d(bench: Bench) -> list[Row]:
    """Train Conv2d on images."""
    return training(bench, "Conv2d", 64, {FIT: Goal(1.2)})


def predict(bench: Bench) -> list[Row]:
    """Predict many beats, in batches of 1,024."""
    rows = []
    for network in ("TimeDepends",) if bench.smoke else ("DeepConv1d", "TimeDepends", "Conv2d"):
        batch = 4 if bench.smoke else 1024
        count = batch * (1 if network == "Conv2d" or bench.smoke else 4)
        arguments = {"network": network, "batch": batch, "count": count}
        sides = [
            Side("network(x)", OURS, "benchmark_networks:predict", count, arguments),
            Side(
                "network(x), bf16-mixed",
                f"{OURS} bf16",
                "benchmark_networks:predict",
                count,
                {**arguments, "precision": "bf16-mixed"},
            ),
        ]
        theirs = (
            "Keras predict"
            if bench.has(f"{network} prediction, Keras", "tensorflow", "keras")
            else None
        )
        if theirs:
            sides.append(Side(theirs, KERAS, "benchmark_keras:predict", count, arguments))
            _same_probabilities(bench, network)
        seconds = bench.measure(sides)
        for side, goal in zip(sides, (Goal(1.5), None), strict=False):
            rows.append(
                Row(
                    "predict",
                    f"{network}, batch {batch:,}",
                    side.name,
                    theirs,
                    "beat",
                    seconds,
                    goal,
                )
            )
    return rows


def _same_probabilities(bench: Bench, network: str) -> None:
    ours = bench.workers[OURS].call("benchmark_networks:probabilities", network=network, batch=4)
    theirs = bench.workers[KERAS].call(
        "benchmark_keras:probabilities", network=network, weights=ours["weights"], x=ours["x"]
    )
    bench.checks[f"{network} probabilities"] = float(np.abs(ours["probabilities"] - theirs).max())


def latency(bench: Bench) -> list[Row]:
    """Predict one beat at a time."""
    rows = []
    for network in ("DeepConv1d",) if bench.smoke else ("DeepConv1d", "TimeDepends"):
        arguments = {"network": network}
        sides = [Side("network(x)", OURS, "benchmark_networks:one", 1, arguments)]
        if bench.has(f"{network} latency, exported", "onnx", "onnxscript", "onnxruntime"):
            sides.append(
                Side(
                    "exported, ONNX Runtime",
                    f"{OURS} onnx",
                    "benchmark_networks:one_exported",
                    1,
                    arguments,
                )
            )
        ours = [side.name for side in sides]
        if bench.has(f"{network} latency, Keras", "tensorflow", "keras"):
            sides += [
                Side("Keras model(x)", KERAS, "benchmark_keras:call_one", 1, arguments),
                Side("Keras predict", f"{KERAS} 2", "benchmark_keras:predict_one", 1, arguments),
            ]
        seconds = bench.measure(sides)
        others: list[str | None] = [side.name for side in sides[len(ours) :]]
        rows += [
            Row("latency", f"{network}, one beat", name, theirs, "beat", seconds, Goal(20.0))
            for name in ours
            for theirs in others or [None]
        ]
    return rows


def records(bench: Bench) -> list[Row]:
    """Compare reading and segmenting with reading alone; a quick run has two small records."""
    folder = bench.folder / "records" if bench.smoke else bench.mitdb
    if bench.smoke:
        bench.workers[OURS].call("benchmark_data:small_records", folder=str(folder))
    if folder is None:
        bench.skipped.append("records: no folder of the 48 records; give --mitdb FOLDER")
        return []
    count = len(list(folder.glob("*.hea")))
    ours, theirs, arguments = "read and segment", "wfdb.rdrecord, rdann", {"folder": str(folder)}
    sides = [
        Side(ours, OURS, "benchmark_data:records", count, arguments),
        Side(theirs, PLAIN, "benchmark_data:plain_records", count, arguments),
    ]
    read, plain = (bench.workers[side.worker].call(side.job[:-1], **arguments) for side in sides)
    bench.checks["signal, mV"] = float(np.nanmax(np.abs(read - plain)))
    return [
        Row(
            "records",
            f"{count} records, peaks",
            ours,
            theirs,
            "record",
            bench.measure(sides),
            Goal(1.5, kind="share"),
        )
    ]


def spectrograms(bench: Bench) -> list[Row]:
    """Compare spectrograms with SciPy's, beat by beat and all at once."""
    count = 8 if bench.smoke else 4096
    arguments = {"name": "spectrogram", "count": count, "batch": min(count, 1024)}
    each, at_once = "scipy, per beat", "scipy, on the batch"
    sides = [
        Side("SpectrogramView", OURS, "benchmark_data:view", count, arguments),
        Side(
            each,
            PLAIN,
            "benchmark_data:plain_spectrograms",
            count,
            {"count": count, "batched": False},
        ),
        Side(
            at_once,
            f"{PLAIN} 2",
            "benchmark_data:plain_spectrograms",
            count,
            {"count": count, "batched": True},
        ),
    ]
    ours = bench.workers[OURS].call("benchmark_data:seen", name="spectrogram", count=8)
    theirs = bench.workers[PLAIN].call("benchmark_data:plain_spectrogram", count=8)
    bench.checks["spectrogram, of the largest bin"] = float(
        np.abs(ours - theirs).max() / theirs.max()
    )
    seconds = bench.measure(sides)
    goals = {each: Goal(10.0), at_once: Goal(1.5)}
    return [
        Row("spectrograms", f"{count:,} beats", "SpectrogramView", theirs, "beat", seconds, goal)
        for theirs, goal in goals.items()
    ]


def pictures(bench: Bench) -> list[Row]:
    """Compare images with the original's, one matplotlib figure per beat."""
    count, few = (64, 2) if bench.smoke else (512, 50)
    sides = [
        Side(
            "ImageView",
            OURS,
            "benchmark_data:view",
            count,
            {"name": "image", "count": count, "batch": 64},
        )
    ]
    theirs = "matplotlib, OpenCV" if bench.has("pictures", "cv2", "pandas") else None
    if theirs:
        sides.append(Side(theirs, PLAIN, "benchmark_data:plain_pictures", few, {"count": few}))
        drawn = bench.workers[OURS].call("benchmark_data:seen", name="image", count=2)
        original = bench.workers[PLAIN].call("benchmark_data:plain_picture", count=2)
        bench.checks["pictures, mean of 255"] = float(255 * np.abs(drawn - original).mean())
    return [
        Row("pictures", "batch 64", "ImageView", theirs, "beat", bench.measure(sides), Goal(20.0))
    ]


def loader(bench: Bench) -> list[Row]:
    """Compare loading a batch with the training step on it."""
    count, batch, steps = (50, 10, 1) if bench.smoke else (100_000, 64, 40)
    ours, theirs = "loader", "training step"
    sides = [
        Side(
            ours,
            OURS,
            "benchmark_data:batches",
            -(-count // batch),
            {"batch": batch, "count": count, "data": bench.data},
        ),
        Side(
            theirs,
            f"{OURS} step",
            "benchmark_networks:step",
            steps,
            {"network": "DeepConv1d", "batch": batch, "steps": steps},
        ),
    ]
    what = f"{count:,} beats, batch {batch}, DeepConv1d"
    return [
        Row("loader", what, ours, theirs, "batch", bench.measure(sides), Goal(0.03, kind="share"))
    ]


STAGES: dict[str, Callable[[Bench], list[Row]]] = {
    "train": train_1d,
    "train2d": train_2d,
    "predict": predict,
    "latency": latency,
    "records": records,
    "spectrograms": spectrograms,
    "pictures": pictures,
    "loader": loader,
}
