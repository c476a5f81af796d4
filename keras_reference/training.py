"""Training as in the original: `model.fit`, Adam 1e-3, early stopping on the validation loss."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_reference import preprocessing
from keras_reference.networks import CLASSES

BEST_WEIGHTS = "best.weights.h5"
LAST_WEIGHTS = "last.weights.h5"


@dataclass(frozen=True)
class Part:
    """Inputs and one-hot labels of one part.

    Attributes:
        inputs: (N, T, 1) beats or (N, H, W, 1) pictures, float32.
        targets: (N, 5) float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Settings:
    """How long and on what schedule `fit` trains.

    Attributes:
        epochs: the most epochs.
        batch_size: rows a step.
        monitor: what early stopping and the best checkpoint watch.
        patience: epochs without improvement before training stops.
    """

    epochs: int = 70
    batch_size: int = 32
    monitor: str = "val_loss"
    patience: int = 18


class HistoryFile(keras.callbacks.Callback):
    """Writes the history to a file after every epoch, whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Start an empty history at `path`."""
        super().__init__()
        self.path = path
        self.rows: list[dict[str, float]] = []
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add the epoch's figures, and the seconds since the start, and write the file."""
        figures = {key: float(value) for key, value in (logs or {}).items()}
        self.rows.append({"epoch": epoch, **figures, "seconds": time.monotonic() - self.started})
        write_json(self.path, self.rows)


def write_json(path: Path, content: Any) -> None:
    """Write JSON to a second file and rename it, so that a reader never sees half of it."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def prepare(
    windows: preprocessing.Windows, per_class: int, pictures: bool
) -> tuple[Part, Part, Part]:
    """Split and upsample windows with the original's seeds.

    Args:
        windows: the labelled beats.
        per_class: training rows of each class.
        pictures: draw each beat, as the 2-D network takes it.

    Returns:
        Training, validation and test part.
    """
    train, validation, test = preprocessing.split(windows.labels)
    drawn = preprocessing.upsample(train, windows.labels, per_class)
    return (
        make_part(windows, drawn, pictures),
        make_part(windows, validation, pictures),
        make_part(windows, test, pictures),
    )


def make_part(windows: preprocessing.Windows, rows: np.ndarray, pictures: bool) -> Part:
    """Take rows as network inputs and one-hot targets; pictures are scaled by 1/255."""
    targets = np.eye(CLASSES, dtype=np.float32)[windows.labels[rows]]
    if not pictures:
        return Part(windows.signals[rows][..., None].astype(np.float32), targets)
    unique, inverse = np.unique(
        rows, return_inverse=True
    )  # upsampled rows repeat; draw each beat once
    drawn = np.stack([preprocessing.ecg2fig(windows.signals[row]) for row in unique])
    return Part(drawn[inverse][..., None].astype(np.float32) / 255, targets)


def compile_network(network: keras.Model) -> None:
    """Compile with Keras's default Adam (1e-3, 0.9, 0.999, 1e-7) and categorical cross-entropy."""
    network.compile(
        keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"]
    )


def fit(
    network: keras.Model, train: Part, validation: Part, settings: Settings, folder: Path
) -> keras.callbacks.History:
    """Train a compiled network; write best weights, last weights and history to `folder`."""
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            str(folder / BEST_WEIGHTS),
            monitor=settings.monitor,
            save_best_only=True,
            save_weights_only=True,
        ),
        keras.callbacks.ModelCheckpoint(str(folder / LAST_WEIGHTS), save_weights_only=True),
        HistoryFile(folder / "history.json"),
        keras.callbacks.EarlyStopping(monitor=settings.monitor, patience=settings.patience),
    ]
    return network.fit(
        train.inputs,
        train.targets,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=(validation.inputs, validation.targets),
        callbacks=callbacks,
        verbose=2,  # one line an epoch, fit for a log
    )


def evaluate(network: keras.Model, part: Part) -> dict[str, float]:
    """Accuracy and mean loss of a compiled network on a part."""
    figures = network.evaluate(
        part.inputs, part.targets, batch_size=500, verbose=0, return_dict=True
    )
    return {"accuracy": float(figures["accuracy"]), "loss": float(figures["loss"])}
