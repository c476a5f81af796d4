"""Write one of the networks as a ``.keras`` file, load it, and save what it computes.

``ecg_lightning.export`` runs ``python -m keras_reference.saving FOLDER``. FOLDER holds

- ``task.json``: ``network``, ``input_length``, ``softmax``, ``metadata``;
- ``task.npz``: each layer's weights as ``layer/0``, ``layer/1``, … in the order of
  ``set_weights``, and the inputs ``beats`` (B, T, 1) or (B, H, W, 1).

It receives ``model.keras``, which contains the metadata as ``ecg_lightning.json``, and
``answers.npz`` with the outputs ``one`` of the first row alone and ``all`` of the whole batch.
"""

import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_reference.networks import NETWORKS

METADATA = "ecg_lightning.json"


def build(
    network: str, input_length: int, weights: Mapping[str, Sequence[np.ndarray]], softmax: bool
) -> keras.Model:
    """One of the networks with given weights.

    Args:
        network: its name in ``NETWORKS``.
        input_length: samples of a beat, or height and width of a picture.
        weights: what ``set_weights`` takes, by the name of the layer.
        softmax: end in probabilities; otherwise in logits.
    """
    model = NETWORKS[network](input_length)
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
    if not softmax:
        model.get_layer("head").activation = keras.activations.linear
    return model


def save(model: keras.Model, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a ``.keras`` file with one more entry, which Keras ignores."""
    model.save(path)
    versions = {
        **metadata.get("versions", {}),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA, json.dumps({**metadata, "versions": versions}, indent=2))


def read_task(folder: Path) -> tuple[dict[str, Any], dict[str, list[np.ndarray]], np.ndarray]:
    """The settings, the weights by layer, and the inputs."""
    settings = json.loads((folder / "task.json").read_text())
    weights: dict[str, list[np.ndarray]] = {}
    with np.load(folder / "task.npz", allow_pickle=False) as arrays:
        for name in arrays.files:  # in the order in which they were written
            if name != "beats":
                weights.setdefault(name.rpartition("/")[0], []).append(arrays[name])
        return settings, weights, arrays["beats"]


def main(arguments: list[str] | None = None) -> int:
    """Do the task of a folder; returns the exit status."""
    folder = Path((arguments or sys.argv[1:])[0])
    settings, weights, beats = read_task(folder)
    path = folder / "model.keras"
    save(
        build(settings["network"], settings["input_length"], weights, settings["softmax"]),
        path,
        settings["metadata"],
    )
    loaded = keras.saving.load_model(path)
    one, every = (
        loaded.predict(batch, batch_size=len(batch), verbose=0) for batch in (beats[:1], beats)
    )
    np.savez(folder / "answers.npz", one=one, all=every)
    return 0


if __name__ == "__main__":
    sys.exit(main())
