"""The original's three networks as Keras functional models, each ending in a 5-way softmax.

Every layer with weights is named after its place in the network (``convs_0``, ``blocks_2_conv1``,
``head``), so that weights can be exchanged by name. Layers take Keras's float type at the time of
the call: call ``keras.config.set_floatx`` first.

Source: the design of the 2020 course project "ECG Classification".
"""

from collections.abc import Callable

import keras
from keras import layers

CLASSES = 5
FILTERS = 32

CONV_KERNELS = (40, 40, 40, 40, 40, 33, 33, 25, 25, 25)
POOL_SIZES = (15, 15, 15, 15, 15, 15, 10, 10, 10, 10)
POOL_STRIDES = (2, 2, 2, 2, 2, 2, 2, 2, 1, 1)
NORMED_CONVS = (5, 6, 7, 8)  # counted from 0: the 6th to the 9th, as in the saved graph

# (kernel, pool size, pool stride) of the saved graph. As published, the second of seven blocks
# ended in the activation of the first block's sum. So the first block's pool and the second
# block's convolutions fed nothing, and Keras did not save them. Six blocks remain.
TIME_DEPENDS_BLOCKS = ((32, 15, 2), (32, 10, 2), (24, 10, 2), (24, 10, 1), (12, 5, 1), (12, 5, 1))

CONV2D_KERNELS = (5, 3, 3, 3)


def deep_conv1d(input_length: int = 256) -> keras.Model:
    """Ten big-kernel convolutions, each pooled; 311,557 parameters at 256 samples.

    Args:
        input_length: samples of a beat.

    Returns:
        A model from (B, input_length, 1) to class probabilities (B, 5).
    """
    inputs = keras.Input((input_length, 1))
    x = inputs
    for i, (kernel, size, stride) in enumerate(
        zip(CONV_KERNELS, POOL_SIZES, POOL_STRIDES, strict=True)
    ):
        x = layers.Conv1D(FILTERS, kernel, padding="same", name=f"convs_{i}")(x)
        if i in NORMED_CONVS:
            x = layers.BatchNormalization(name=f"norms_{NORMED_CONVS.index(i)}")(x)
        x = layers.MaxPooling1D(size, stride, padding="same", name=f"pools_{i}")(x)
    x = layers.Dense(32, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    outputs = layers.Dense(CLASSES, activation="softmax", name="head")(x)
    return keras.Model(inputs, outputs, name="deep_conv1d")


def time_depends(input_length: int = 256) -> keras.Model:
    """A convolution and six residual blocks; 280,549 parameters at 256 samples.

    Args:
        input_length: samples of a beat.

    Returns:
        A model from (B, input_length, 1) to class probabilities (B, 5).
    """
    inputs = keras.Input((input_length, 1))
    x = layers.Conv1D(FILTERS, 40, padding="valid", name="stem")(inputs)
    for i, (kernel, size, stride) in enumerate(TIME_DEPENDS_BLOCKS):
        x = _residual_block(x, f"blocks_{i}", kernel)
        x = layers.MaxPooling1D(size, stride, padding="valid", name=f"blocks_{i}_pool")(x)
    outputs = layers.Dense(CLASSES, activation="softmax", name="head")(
        layers.Flatten(name="flatten")(x)
    )
    return keras.Model(inputs, outputs, name="time_depends")


def conv2d(size: int = 128) -> keras.Model:
    """Four blocks of 2-D convolutions on the picture of a beat; 163,589 parameters at 128 x 128.

    Args:
        size: height and width of the picture. Pixels are expected in [0, 1]: the original's
            generator multiplied them by 1/255 outside the model.

    Returns:
        A model from (B, size, size, 1) to class probabilities (B, 5).
    """
    inputs = keras.Input((size, size, 1))
    x = layers.Conv2D(FILTERS, 7, padding="valid", activation="relu", name="stem")(inputs)
    x = layers.BatchNormalization(name="stem_norm")(x)
    for i, kernel in enumerate(CONV2D_KERNELS):
        x = _picture_block(x, f"blocks_{i}", kernel)
    x = layers.Dense(32, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    outputs = layers.Dense(CLASSES, activation="softmax", name="head")(x)
    return keras.Model(inputs, outputs, name="conv2d")


NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "deep_conv1d": deep_conv1d,
    "time_depends": time_depends,
    "conv2d": conv2d,
}


def _residual_block(x: keras.KerasTensor, name: str, kernel: int) -> keras.KerasTensor:
    """Convolution, ReLU, convolution, plus the input, ReLU."""
    y = layers.Conv1D(FILTERS, kernel, padding="same", activation="relu", name=f"{name}_conv1")(x)
    y = layers.Conv1D(FILTERS, kernel, padding="same", name=f"{name}_conv2")(y)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def _picture_block(x: keras.KerasTensor, name: str, kernel: int) -> keras.KerasTensor:
    """Two convolutions and BatchNorm, plus a 1x1 convolution of the input, then a pool."""
    y = layers.Conv2D(FILTERS, kernel, padding="same", activation="relu", name=f"{name}_conv1")(x)
    y = layers.Conv2D(FILTERS, kernel, padding="same", activation="relu", name=f"{name}_conv2")(y)
    y = layers.BatchNormalization(name=f"{name}_norm")(y)
    shortcut = layers.Conv2D(
        FILTERS, 1, padding="same", activation="relu", name=f"{name}_shortcut"
    )(x)
    y = layers.Add(name=f"{name}_add")([y, shortcut])
    return layers.MaxPooling2D(2, 2, padding="valid", name=f"{name}_pool")(y)
