"""The original's three networks as Keras layers with random weights.

They follow the original's design, not our modules.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.helpers.keras_files import Made


class Drawing:
    """Adds layers with the names that Keras gives: conv1d, conv1d_1, …"""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.layers = [
            Made("inputs", "InputLayer", {"batch_shape": [None, *shape], "dtype": "float32"})
        ]
        self.counts: dict[str, int] = {}

    def add(
        self,
        class_name: str,
        stem: str,
        config: dict[str, Any],
        inputs: tuple[str, ...],
        **shapes: tuple[int, ...],
    ) -> str:
        count = self.counts[stem] = self.counts.get(stem, -1) + 1
        name = f"{stem}_{count}" if count else stem
        arrays = {
            key: self.random.normal(0.1, 0.1, shape).astype(np.float32) ** 2
            for key, shape in shapes.items()
        }
        self.layers.append(Made(name, class_name, config, inputs, arrays))
        return name

    def conv(
        self,
        x: str,
        taps: int,
        filters_in: int,
        padding: str,
        activation: str = "linear",
        dimensions: int = 1,
    ) -> str:
        more = {"data_format": "channels_last", "dilation_rate": [1] * dimensions, "use_bias": True}
        config = {
            "filters": 32,
            "kernel_size": [taps] * dimensions,
            "strides": [1] * dimensions,
            "padding": padding,
            "activation": activation,
        }
        shapes = {"kernel": (*[taps] * dimensions, filters_in, 32), "bias": (32,)}
        return self.add(f"Conv{dimensions}D", f"conv{dimensions}d", config | more, (x,), **shapes)

    def norm(self, x: str, axis: int) -> str:
        config = {"axis": [axis], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
        shapes = {key: (32,) for key in ("gamma", "beta", "moving_mean", "moving_variance")}
        return self.add("BatchNormalization", "batch_normalization", config, (x,), **shapes)

    def pool(self, x: str, size: int, stride: int, padding: str, dimensions: int = 1) -> str:
        config = {
            "pool_size": [size] * dimensions,
            "strides": [stride] * dimensions,
            "padding": padding,
            "data_format": "channels_last",
        }
        return self.add(f"MaxPooling{dimensions}D", f"max_pooling{dimensions}d", config, (x,))

    def dense(self, x: str, inputs: int, units: int, activation: str) -> str:
        config = {"units": units, "activation": activation, "use_bias": True}
        return self.add("Dense", "dense", config, (x,), kernel=(inputs, units), bias=(units,))

    def plain(self, class_name: str, stem: str, *inputs: str, **config: object) -> str:
        return self.add(class_name, stem, config, inputs)


def deep_conv1d(seed: int = 0) -> list[Made]:
    drawing, x = Drawing((256, 1), seed), "inputs"
    for i, taps in enumerate((40, 40, 40, 40, 40, 33, 33, 25, 25, 25), start=1):
        x = drawing.conv(x, taps, 1 if i == 1 else 32, "same")
        if i in (6, 7, 8, 9):
            x = drawing.norm(x, 2)
        x = drawing.pool(x, 15 if i <= 6 else 10, 2 if i <= 8 else 1, "same")
    x = drawing.dense(
        drawing.plain("Flatten", "flatten", x, data_format="channels_last"), 32, 32, "relu"
    )
    drawing.dense(x, 32, 5, "softmax")
    return drawing.layers


def time_depends(seed: int = 0) -> list[Made]:
    """TimeDepends in another notation.

    Activations and the final softmax are layers, and every second sum has its inputs swapped.
    """
    drawing = Drawing((256, 1), seed)
    x = drawing.conv("inputs", 40, 1, "valid")
    for i, (taps, size, stride) in enumerate(
        ((32, 15, 2), (32, 10, 2), (24, 10, 2), (24, 10, 1), (12, 5, 1), (12, 5, 1))
    ):
        y = drawing.plain(
            "Activation", "activation", drawing.conv(x, taps, 32, "same"), activation="relu"
        )
        y = drawing.conv(y, taps, 32, "same")
        y = drawing.plain("Add", "add", *((y, x) if i % 2 else (x, y)))
        x = drawing.pool(
            drawing.plain("Activation", "activation", y, activation="relu"), size, stride, "valid"
        )
    x = drawing.dense(drawing.plain("Flatten", "flatten", x), 2 * 32, 5, "linear")
    drawing.plain("Activation", "activation", x, activation="softmax")
    return drawing.layers


def conv2d(seed: int = 0) -> list[Made]:
    drawing = Drawing((128, 128, 1), seed)
    x = drawing.norm(drawing.conv("inputs", 7, 1, "valid", "relu", 2), 3)
    for taps in (5, 3, 3, 3):
        y = drawing.conv(drawing.conv(x, taps, 32, "same", "relu", 2), taps, 32, "same", "relu", 2)
        y = drawing.norm(y, 3)
        x = drawing.pool(
            drawing.plain("Add", "add", y, drawing.conv(x, 1, 32, "same", "relu", 2)),
            2,
            2,
            "valid",
            2,
        )
    x = drawing.dense(
        drawing.plain("Flatten", "flatten", x, data_format="channels_last"), 7 * 7 * 32, 32, "relu"
    )
    drawing.dense(x, 32, 5, "softmax")
    return drawing.layers


ORIGINALS: dict[str, Callable[..., list[Made]]] = {
    "DeepConv1d": deep_conv1d,
    "TimeDepends": time_depends,
    "Conv2d": conv2d,
}
