"""The Keras part of the benchmark: networks of `keras_reference`, used as Keras documents it.

It imports no torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from benchmark_turns import Turns

from keras_reference.networks import CLASSES, NETWORKS
from keras_reference.train import limit_threads
from keras_reference.training import compile_network

NAMES = {"DeepConv1d": "deep_conv1d", "TimeDepends": "time_depends", "Conv2d": "conv2d"}


def begin(threads: int) -> dict[str, str]:
    """Set the number of threads before anything is computed; return the versions."""
    limit_threads(threads)
    return {"keras": keras.__version__, "tensorflow": tf.__version__}


def fit(turns: Turns, network: str, batch: int, count: int) -> None:
    """Train with one `fit` on arrays in memory, which Keras shuffles.

    A round is one epoch, with its callbacks.
    """
    model = _network(network)
    compile_network(model)
    x, y = _inputs(model, count), np.eye(CLASSES, dtype=np.float32)[np.arange(count) % CLASSES]
    rounds = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: turns.next())
    model.fit(x, y, batch_size=batch, epochs=1_000_000, verbose=0, callbacks=[rounds])


def predict(turns: Turns, network: str, batch: int, count: int) -> None:
    """Call `predict` on an array."""
    model = _network(network)
    x = _inputs(model, count)
    turns.repeat(lambda: model.predict(x, batch_size=batch, verbose=0))


def call_one(turns: Turns, network: str) -> None:
    """Call `model(x)` on one beat."""
    model = _network(network)
    x = tf.constant(_inputs(model, 1))
    turns.repeat(lambda: model(x, training=False).numpy())


def predict_one(turns: Turns, network: str) -> None:
    """Call `predict` on one beat."""
    model = _network(network)
    x = _inputs(model, 1)
    turns.repeat(lambda: model.predict(x, verbose=0))


def probabilities(
    network: str, weights: Mapping[str, Sequence[np.ndarray]], x: np.ndarray
) -> np.ndarray:
    """Return (B, 5), what these weights make of beats (B, T, 1) or images (B, H, W, 1)."""
    model = NETWORKS[NAMES[network]](x.shape[1])
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
    return np.asarray(model(x, training=False))


def _network(network: str) -> Any:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return NETWORKS[NAMES[network]]()


def _inputs(model: Any, count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, *model.input_shape[1:]), dtype=np.float32)
