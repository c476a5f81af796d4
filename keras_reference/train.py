"""Train a reference network on a folder of WFDB records, as the original did.

Example:
    python -m keras_reference.train --mitdb mitdb --network deep_conv1d --output runs/keras-0

The output folder receives ``history.json`` (after every epoch), ``best.weights.h5``,
``last.weights.h5`` and, at the end, ``metrics.json``.
"""

import argparse
import platform
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_reference import preprocessing, training
from keras_reference.networks import NETWORKS

# Network -> epochs, batch size, rows per class, watched metric and patience of the original's runs.
RECORDED = {
    "deep_conv1d": (70, 32, 10_000, "val_loss", 18),
    "time_depends": (55, 64, 20_000, "val_loss", 18),
    "conv2d": (25, 64, 10_000, "val_accuracy", 8),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; the defaults are those of the network's recorded run."""
    parser = argparse.ArgumentParser(
        prog="python -m keras_reference.train", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--mitdb", type=Path, required=True, help="folder of the records")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for weights, history and metrics"
    )
    parser.add_argument("--network", choices=sorted(RECORDED), default="deep_conv1d")
    parser.add_argument(
        "--records", nargs="+", default=preprocessing.RECORDS, help="default: the 48 of MIT-BIH"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="for Keras; split and upsampling keep their own seeds"
    )
    parser.add_argument("--per-class", type=int, help="training rows of each class")
    parser.add_argument("--epochs", type=int, help="the most epochs")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: TensorFlow decides")
    return with_defaults(parser.parse_args(arguments))


def with_defaults(options: argparse.Namespace) -> argparse.Namespace:
    """Fill in the recorded run's settings."""
    epochs, batch_size, per_class, options.monitor, options.patience = RECORDED[options.network]
    options.epochs = options.epochs or epochs
    options.batch_size = options.batch_size or batch_size
    options.per_class = options.per_class or per_class
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Segment, split, upsample, train and evaluate; returns what `metrics.json` holds."""
    started = time.monotonic()
    limit_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    windows = preprocessing.segment(options.mitdb, options.records)
    print(
        f"{len(windows.labels)} windows, by class "
        f"{np.bincount(windows.labels, minlength=5).tolist()}",
        flush=True,
    )
    parts = training.prepare(windows, options.per_class, pictures=options.network == "conv2d")
    keras.utils.set_random_seed(options.seed)
    network = NETWORKS[options.network](parts[0].inputs.shape[1])
    training.compile_network(network)
    settings = training.Settings(
        options.epochs, options.batch_size, options.monitor, options.patience
    )
    history = training.fit(network, parts[0], parts[1], settings, options.output)
    metrics = {
        **scores(network, parts, options.output),
        **facts(options, history, time.monotonic() - started),
    }
    training.write_json(options.output / "metrics.json", metrics)
    return metrics


def scores(network: keras.Model, parts: tuple[training.Part, ...], folder: Path) -> dict[str, Any]:
    """Accuracy and loss of the best and the last weights on validation and test."""
    results = {}
    for name, file in (("best", training.BEST_WEIGHTS), ("last", training.LAST_WEIGHTS)):
        network.load_weights(str(folder / file))
        results[name] = {
            "validation": training.evaluate(network, parts[1]),
            "test": training.evaluate(network, parts[2]),
        }
    return results


def facts(
    options: argparse.Namespace, history: keras.callbacks.History, seconds: float
) -> dict[str, Any]:
    """What a reader of the scores needs: settings, epochs, time, versions. Epochs count from 0."""
    watched = np.array(history.history[options.monitor])
    best = int(np.argmin(watched) if options.monitor == "val_loss" else np.argmax(watched))
    return {
        "network": options.network,
        "epochs": len(watched),
        "best_epoch": best,
        "seconds": round(seconds, 1),
        "seed": options.seed,
        "per_class": options.per_class,
        "batch_size": options.batch_size,
        "threads": options.threads,
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }


def limit_threads(threads: int) -> None:
    """Hold TensorFlow to a number of threads; it takes this only before its first operation."""
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    metrics = run(parse(arguments))
    for name in ("best", "last"):
        for part in ("validation", "test"):
            figures = metrics[name][part]
            print(
                f"{name} weights, {part}: accuracy {figures['accuracy']:.4f}, "
                f"loss {figures['loss']:.4f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
